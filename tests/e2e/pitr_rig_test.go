package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// localPlace is what pitrConfig says of its store.
func (s *site) localPlace() string { return "{kind: local, dir: " + s.storeDir + "}" }

// s3Place is what a configuration says of a store in a bucket.
func s3Place(c store.Config) string {
	return fmt.Sprintf("{kind: s3, bucket: %s, endpoint: %q, caFile: %q, accessKeyId: %s, secretAccessKey: %s}",
		c.Bucket, c.Endpoint, c.CAFile, c.AccessKeyID, c.SecretAccessKey.Reveal())
}

// baseBackup takes one and waits for it.
func (s *site) baseBackup(t *testing.T) point {
	t.Helper()
	var base point
	s.ask(t, &base, "snapshot", "create", "main", "--kind", "base", "--wait")
	return base
}

// streamOf is the run that ships the WAL of main.
func (s *site) streamOf(t *testing.T) started {
	t.Helper()
	var ids []string
	eventually(t, time.Minute, "the stream's run is listed", func() bool {
		ids = s.runs(t, "LifeboatOperation = 'wal' AND ExecutionStatus = 'Running'")
		return len(ids) == 1
	})
	return started{WorkflowID: ids[0]}
}

// streamedBy waits until a worker has the stream.
func (s *site) streamedBy(t *testing.T, worker *servers.Process) {
	t.Helper()
	c, run := s.temporal(t), s.streamOf(t)
	eventually(t, time.Minute, "the worker has the stream", func() bool { return len(pending(t, c, run, "Stream", worker)) == 1 })
}

// worker starts a worker and waits until it takes steps.
func (s *site) worker(t *testing.T) *servers.Process {
	t.Helper()
	w, c := s.start(t, "worker"), s.temporal(t)
	eventually(t, time.Minute, "the worker takes steps", func() bool { return polls(t, c, w) })
	return w
}

// window asks for the window, until there is an answer.
func (s *site) window(t *testing.T) window {
	t.Helper()
	var w window
	eventually(t, time.Minute, "the window is known", func() bool {
		w = window{}
		stdout, _, code := s.run(t, "pitr", "status", "main", "-o", "json")
		return code == 0 && json.Unmarshal([]byte(stdout), &w) == nil
	})
	return w
}

// healthy makes sure that there is no gap, and waits until nothing else is wrong.
func (s *site) healthy(t *testing.T) {
	t.Helper()
	var w window
	eventually(t, time.Minute, "nothing is wrong", func() bool {
		w = s.window(t)
		return len(w.Alarms) == 0 || len(w.Gaps) > 0
	})
	if len(w.Gaps) > 0 {
		t.Fatalf("there are gaps: %+v", w)
	}
}

// back restores main to a target, which must succeed.
func (s *site) back(t *testing.T, at string) recoveredServer {
	t.Helper()
	var r recoveredServer
	s.ask(t, &r, "pitr", "restore", "main", "--at", at)
	if r.State != "restored" {
		t.Fatalf("restored to %s: %+v", at, r)
	}
	return r
}

// dropServer ends a recovered server, so that not many run side by side.
func (s *site) dropServer(t *testing.T, r recoveredServer) {
	t.Helper()
	if _, stderr, code := s.run(t, "environment", "stop", r.ID); code != 0 {
		t.Errorf("stop %s: %s", r.ID, stderr)
	}
}

// crash kills every process of a cluster with SIGKILL, and waits until none is left.
func crash(t *testing.T, pg *servers.PG) {
	t.Helper()
	pg.Kill()
	eventually(t, time.Minute, "nothing of the cluster is left", func() bool {
		links, err := filepath.Glob("/proc/[0-9]*/cwd")
		if err != nil {
			t.Fatal(err)
		}
		left := 0
		for _, link := range links {
			// What has ended meanwhile can't be read.
			if dir, err := os.Readlink(link); err != nil || dir != pg.Dir {
				continue
			}
			left++
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link))); err == nil {
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		return left == 0
	})
}

// sameLatest restores all that is shipped of a source and compares it.
func (s *site) sameLatest(t *testing.T, live string, want map[entry]bool) {
	t.Helper()
	s.shipped(t, "main", live)
	r := s.back(t, "latest")
	same(t, "latest", entries(t, r.URL), want)
	s.dropServer(t, r)
}
