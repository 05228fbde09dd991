module galera-backup/test/oracles

go 1.24

require (
	github.com/restic/restic v0.18.1
	github.com/robfig/cron/v3 v3.0.1
)

require (
	github.com/elithrar/simple-scrypt v1.3.0 // indirect
	github.com/peterbourgon/unixtransport v0.0.6 // indirect
	github.com/pkg/errors v0.9.1 // indirect
	github.com/restic/chunker v0.4.0 // indirect
	golang.org/x/crypto v0.41.0 // indirect
	golang.org/x/net v0.43.0 // indirect
	golang.org/x/sync v0.16.0 // indirect
	golang.org/x/sys v0.35.0 // indirect
	golang.org/x/text v0.28.0 // indirect
)
