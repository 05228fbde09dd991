//go:build restic

// What restic's own policy keeps. Compiled inside restic's module, whose policy is internal to it.
//
// Each line of the input is "last hourly daily weekly monthly yearly within-hours<TAB>zone<TAB>time …" (seconds since
// 1970, any order): restic judges by the local times of the snapshots. Each line of the output is the times that are kept.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/restic/restic/internal/restic"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func number(text string) int {
	return must(strconv.Atoi(text))
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 1<<20)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		fields := strings.Split(in.Text(), "\t")
		n := strings.Fields(fields[0])
		zone := must(time.LoadLocation(fields[1]))
		policy := restic.ExpirePolicy{
			Last: number(n[0]), Hourly: number(n[1]), Daily: number(n[2]), Weekly: number(n[3]),
			Monthly: number(n[4]), Yearly: number(n[5]),
			Within: restic.Duration{Hours: number(n[6])},
		}
		var list restic.Snapshots
		for _, text := range strings.Fields(fields[2]) {
			list = append(list, &restic.Snapshot{Time: time.Unix(int64(number(text)), 0).In(zone)})
		}
		kept, _, _ := restic.ApplyPolicy(list, policy)
		for _, one := range kept {
			fmt.Fprintf(out, "%d ", one.Time.Unix())
		}
		fmt.Fprintln(out)
	}
}
