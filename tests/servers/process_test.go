package servers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestProcessIsStoppedWithItsChildren(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	started := filepath.Join(dir, "started")
	var p *Process
	var output string
	t.Run("run", func(t *testing.T) {
		p = Start(t, exec.Command("sh", "-c", `sleep 1000 & echo "child $!"; : > "$0"; wait`, started), func() error {
			_, err := os.Stat(started)
			return err
		})
		output = p.Output()
		if !runs(strings.TrimSpace(strings.TrimPrefix(output, "child "))) {
			t.Errorf("the child does not run; the output is %q", output)
		}
	})
	child := strings.TrimSpace(strings.TrimPrefix(output, "child "))
	deadline := time.Now().Add(10 * time.Second)
	for runs(child) {
		if time.Now().After(deadline) {
			t.Fatalf("process %s still runs", child)
		}
		time.Sleep(5 * time.Millisecond)
	}
	p.Stop()
}

// runs reports whether a process exists and is no zombie.
func runs(pid string) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return false
	}
	_, state, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(state, "Z")
}

func TestFreePortsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[int]bool{}
	for range 50 {
		port := FreePort(t)
		if seen[port] {
			t.Fatalf("port %d was given twice", port)
		}
		seen[port] = true
	}
}
