package architecture

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the module's folder.
const root = "../.."

// graph maps an import path to what it imports directly, tests aside.
type graph map[string][]string

// load reads the packages that the patterns match, with all that they depend on.
func load(t *testing.T, args ...string) graph {
	t.Helper()
	readTree(t)
	cmd := exec.CommandContext(t.Context(), "go",
		append([]string{"list", "-e", "-deps", "-json=ImportPath,Imports"}, args...)...)
	cmd.Dir = root
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	g := graph{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return g
		}
		if err != nil {
			t.Fatal(err)
		}
		g[p.ImportPath] = p.Imports
	}
}

// readTree opens every folder of the source, so that the go command, which sees
// what a test opens but not what its children do, runs the test again after a change.
func readTree(t *testing.T) {
	t.Helper()
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && name != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin") {
			return fs.SkipDir
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// path returns the shortest chain of imports from a package to one that
// matches, both ends included, or nil when there is none.
func (g graph) path(from string, match func(string) bool) []string {
	type step struct {
		pkg  string
		prev *step
	}
	seen := map[string]bool{from: true}
	for queue := []*step{{pkg: from}}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		for _, to := range g[at.pkg] {
			if seen[to] {
				continue
			}
			seen[to] = true
			next := &step{to, at}
			if !match(to) {
				queue = append(queue, next)
				continue
			}
			var chain []string
			for s := next; s != nil; s = s.prev {
				chain = append(chain, s.pkg)
			}
			slices.Reverse(chain)
			return chain
		}
	}
	return nil
}

// under reports whether pkg is top, or below it.
func under(pkg, top string) bool {
	return pkg == top || strings.HasPrefix(pkg, top+"/")
}

// standard reports whether pkg belongs to Go's standard library.
func standard(pkg string) bool {
	first, _, _ := strings.Cut(pkg, "/")
	return !strings.Contains(first, ".")
}
