// Package e2e runs the real binary against real servers, as a person or a
// script would, and kills it as a host would.
package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the lifeboat under test, built once from this tree.
var binary string

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

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
	return m.Run()
}
