//go:build bench

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// What the environment chooses.
var (
	// rounds is how often each side of a comparison runs; LIFEBOAT_BENCH_ROUNDS.
	rounds = 5
	// gigabytes is the size of the database as text, in 10^9 bytes; LIFEBOAT_BENCH_GB.
	gigabytes = 2.0
)

// binary is the lifeboat under test, built once from this tree.
var binary string

func TestMain(m *testing.M) { os.Exit(runBenchmarks(m)) }

func runBenchmarks(m *testing.M) int {
	if err := readEnvironment(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 2
	}
	dir, err := os.MkdirTemp("", "lifeboat-bench-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "lifeboat")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "../../cmd/lifeboat")
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build lifeboat:", err)
		return 1
	}
	return m.Run()
}

func readEnvironment() (err error) {
	if text := os.Getenv("LIFEBOAT_BENCH_ROUNDS"); text != "" {
		if rounds, err = strconv.Atoi(text); err != nil || rounds < 1 {
			return fmt.Errorf("LIFEBOAT_BENCH_ROUNDS must be a whole number from 1 on, not %q", text)
		}
	}
	if text := os.Getenv("LIFEBOAT_BENCH_GB"); text != "" {
		if gigabytes, err = strconv.ParseFloat(text, 64); err != nil || gigabytes <= 0 {
			return fmt.Errorf("LIFEBOAT_BENCH_GB must be a number above 0, not %q", text)
		}
	}
	return nil
}
