package servers

import (
	"os"
	"path/filepath"
	"testing"
)

// Tool is the path of a program that scripts/test-tools.sh installs, as given
// by its path elements below .cache/tools. A missing one fails the test: a test
// that is skipped proves nothing.
func Tool(t testing.TB, elements ...string) string {
	t.Helper()
	tool := filepath.Join(append([]string{Root(t), ".cache", "tools"}, elements...)...)
	if _, err := os.Stat(tool); err != nil {
		t.Fatalf("%s is missing: run `make setup`", tool)
	}
	return tool
}

// Root is the folder of the module that the test belongs to.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("find the module: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("find the module: no folder above the test has a go.mod")
		}
		dir = filepath.Dir(dir)
	}
}
