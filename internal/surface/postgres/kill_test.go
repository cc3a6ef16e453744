package postgres_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/surface/postgres"
)

const workerURL = "LIFEBOAT_TEST_WORKER_URL"

// TestWorkerProcess is no test: it is the worker that TestKilledWorker kills.
// It holds a view and is in the middle of a dump, and never goes on.
func TestWorkerProcess(t *testing.T) {
	url := os.Getenv(workerURL)
	if url == "" {
		t.Skip("runs as a child of TestKilledWorker")
	}
	s := newSurface(t, url)
	postgres.SetLimits(s, 1<<20, 1<<40, 1<<30)
	view, err := s.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stuck := &trigger{after: 1 << 20, do: func() error {
		fmt.Println("token " + view.Token())
		select {}
	}}
	_, err = s.Dump(t.Context(), view.Token(), view.Parts()[0], stuck)
	t.Fatalf("the dump ended: %v", err)
}

func TestKilledWorkerLeavesNothing(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	run(t, src.url(), "CREATE TABLE t AS SELECT i, repeat('x', 500) FROM generate_series(1, 100000) i")
	cmd := exec.Command(os.Args[0], "-test.run=^TestWorkerProcess$", "-test.v")
	cmd.Env = append(os.Environ(), workerURL+"="+src.url())
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	lines := bufio.NewScanner(out)
	token := ""
	for token == "" && lines.Scan() {
		token, _ = strings.CutPrefix(lines.Text(), "token ")
		if token == lines.Text() {
			token = ""
		}
	}
	if token == "" {
		t.Fatal("the worker did not come to dump")
	}
	awaitSessions(t, src, 2)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	awaitSessions(t, src, 0)
	awaitValue(t, src.URL, "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = 'app'", 0)
}
