// Package e2e runs the real binary against real servers, as a person or a
// script would, and kills it as a host would.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the lifeboat under test, built once from this tree.
var binary string

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == playFlag {
		os.Exit(play(os.Args[2]))
	}
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "lifeboat-e2e-*")
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
	if err := limitParallel(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// sitesAtOnce is how many tests run side by side: most of the time they wait.
const sitesAtOnce = "3"

// limitParallel sets the number of tests at once, unless the command line did.
func limitParallel() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", sitesAtOnce)
}
