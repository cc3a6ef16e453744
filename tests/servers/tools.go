package servers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// Tool is the path of a program that scripts/test-tools.sh installs, as given
// by its path elements below .cache/tools. A missing one fails the test: a test
// that is skipped proves nothing.
func Tool(t testing.TB, elements ...string) string {
	t.Helper()
	tool, err := findTool("make setup", elements...)
	if err != nil {
		t.Fatal(err)
	}
	return tool
}

// findTool is the path of a program that a command has made below .cache/tools.
func findTool(command string, elements ...string) (string, error) {
	root, err := findRoot()
	if err != nil {
		return "", err
	}
	tool := filepath.Join(append([]string{root, ".cache", "tools"}, elements...)...)
	if _, err := os.Stat(tool); err != nil {
		return "", fmt.Errorf("%s is missing: run `%s`", tool, command)
	}
	return tool, nil
}

// Root is the folder of the module that the test belongs to.
func Root(t testing.TB) string {
	t.Helper()
	root, err := findRoot()
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func findRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the module: %w", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("find the module: no folder above the test has a go.mod")
		}
		dir = filepath.Dir(dir)
	}
}
