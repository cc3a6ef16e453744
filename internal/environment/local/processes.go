package local

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// programs are the names of those that may work in a server's folder.
var programs = []string{"postgres", "initdb", "redis-server", "valkey-server", "prometheus"}

// pollEvery is how often a process is looked at that is expected to start or end.
const pollEvery = 20 * time.Millisecond

// worksIn reports whether a process runs and is one of ours in the folder. It
// goes by the command line, which everybody may read; a PID that another
// program got since does not fit, nor does a process that has ended and was not
// waited for.
func worksIn(pid int, dir string) bool {
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return false
	}
	args := strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00")
	if !slices.Contains(programs, filepath.Base(args[0])) {
		return false
	}
	return slices.ContainsFunc(args[1:], func(arg string) bool {
		return strings.HasPrefix(arg, dir+string(filepath.Separator))
	})
}

// processesIn finds every one of our programs that works in the folder, also
// those that no record names because the worker died in between.
func processesIn(dir string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var out []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && worksIn(pid, dir) {
			out = append(out, pid)
		}
	}
	return out, nil
}

// worksAt reports whether a process runs in a folder, whatever it is: servers
// and the commands that they run work in the data folder.
func worksAt(pid int, dir string) bool {
	at, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd"))
	return err == nil && at == dir
}

// processesAt finds every process that works in exactly this folder, but for this one.
func processesAt(dir string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	var out []int
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil && pid != os.Getpid() && worksAt(pid, dir) {
			out = append(out, pid)
		}
	}
	return out, nil
}

// awaitEnd waits until none of the processes works in the folder any more.
func awaitEnd(ctx context.Context, pids []int, dir string) error {
	return poll(ctx, pollEvery, func() bool {
		return !slices.ContainsFunc(pids, func(pid int) bool { return worksIn(pid, dir) })
	})
}

// poll looks until something is as wanted, or ctx ends.
func poll(ctx context.Context, every time.Duration, done func() bool) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// bootID tells one boot of the host from the next.
func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}
