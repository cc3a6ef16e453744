//go:build bench

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// usage is what one run took.
type usage struct {
	// wall is the time that the caller waits, cpu that of all processors in
	// the client's processes, their children, and PostgreSQL's server.
	wall, cpu time.Duration
}

// watch measures a run that works in the processes below roots, and in
// commands of its own, whose processor time it returns. What earlier runs have
// left to be written is written first.
func watch(b *testing.B, roots []int, run func() time.Duration) usage {
	b.Helper()
	syscall.Sync()
	before := processorTime(b, roots)
	began := time.Now()
	own := run()
	wall := time.Since(began)
	return usage{wall: wall, cpu: own + processorTime(b, roots) - before}
}

// processorTime is what the roots, their living descendants and all that
// these have waited for have used so far.
func processorTime(b *testing.B, roots []int) time.Duration {
	b.Helper()
	all, err := processes()
	if err != nil {
		b.Fatal(err)
	}
	total := time.Duration(0)
	for _, root := range roots {
		total += all.below(root)
	}
	return total
}

// processTable is what /proc shows of every process.
type processTable struct {
	used     map[int]time.Duration
	children map[int][]int
}

// tick is the unit of /proc/PID/stat: USER_HZ is 100 on every Linux that Go runs on.
const tick = 10 * time.Millisecond

func processes() (processTable, error) {
	t := processTable{used: map[int]time.Duration{}, children: map[int][]int{}}
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return t, err
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended since
		}
		// The second field, in parentheses, may hold anything; proc(5) has the others.
		fields := strings.Fields(string(raw[strings.LastIndexByte(string(raw), ')')+1:]))
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || len(fields) < 15 {
			return t, fmt.Errorf("%s is not as expected: %q", file, raw)
		}
		parent, err := strconv.Atoi(fields[1])
		if err != nil {
			return t, fmt.Errorf("%s is not as expected: %w", file, err)
		}
		for _, field := range fields[11:15] { // utime, stime, cutime, cstime
			n, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return t, fmt.Errorf("%s is not as expected: %w", file, err)
			}
			t.used[pid] += time.Duration(n) * tick
		}
		t.children[parent] = append(t.children[parent], pid)
	}
	return t, nil
}

func (t processTable) below(pid int) time.Duration {
	total := t.used[pid]
	for _, child := range t.children[pid] {
		total += t.below(child)
	}
	return total
}

// peakMemory is the most memory that a process ever had, in bytes.
func peakMemory(b *testing.B, pid int) int64 {
	b.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			if err != nil {
				b.Fatal(err)
			}
			return n << 10
		}
	}
	b.Fatalf("process %d has no VmHWM", pid)
	return 0
}
