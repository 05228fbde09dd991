// The due times that the library behind Kubernetes' CronJob computes.
//
// Each line of the input is "schedule<TAB>zone<TAB>start<TAB>end<TAB>limit" (times in seconds since 1970); each line of the
// output the due times after start and not after end, at most limit of them.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return value
}

func main() {
	in := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for in.Scan() {
		fields := strings.Split(in.Text(), "\t")
		schedule := must(cron.ParseStandard(fields[0]))
		zone := must(time.LoadLocation(fields[1]))
		now := time.Unix(must(strconv.ParseInt(fields[2], 10, 64)), 0).In(zone)
		end := time.Unix(must(strconv.ParseInt(fields[3], 10, 64)), 0)
		limit := must(strconv.Atoi(fields[4]))
		for i := 0; i < limit; i++ {
			now = schedule.Next(now)
			if now.IsZero() || now.After(end) {
				break
			}
			fmt.Fprintf(out, "%d ", now.Unix())
		}
		fmt.Fprintln(out)
	}
}
