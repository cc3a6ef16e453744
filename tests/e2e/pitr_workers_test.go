package e2e

import (
	"context"
	"net/http"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// openChunks are the parts of segments that are not closed yet.
func (s *site) openChunks(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.storeDir, "wal/main/*/open/*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestStreamerKilled kills the worker that streams, in the middle of a segment:
// another one goes on, and nothing is missing.
func TestStreamerKilled(t *testing.T) {
	t.Parallel()
	live := shop(t, servers.Postgres(t), 10)
	s := pitrSite(t, live)
	s.start(t, "up", "--worker=false")
	victim := s.worker(t)
	s.streams(t, "main")
	s.streamedBy(t, victim)
	l := keepLedger(t, live, 2)
	s.baseBackup(t)
	heir := s.worker(t)
	eventually(t, time.Minute, "a part of the open segment is stored", func() bool { return len(s.openChunks(t)) > 1 })
	victim.Kill()
	s.streamedBy(t, heir)
	l.more(t, 100)
	execSQL(t, live, `SELECT pg_switch_wal()`)
	l.more(t, 100)
	want := l.settle(t, live)
	s.sameLatest(t, live, want)
	s.healthy(t)
}

// TestBaseBackupKilled kills the worker in the middle of a base backup: the
// catalog never has half of one, and another worker begins afresh.
func TestBaseBackupKilled(t *testing.T) {
	t.Parallel()
	live := shop(t, servers.Postgres(t), 10)
	noise(t, live, noiseRows)
	slow, source := behind(t, live)
	s := pitrSite(t, live)
	s = s.with(t, `url: "`+live+`"`, `url: "`+live+`", standbyUrl: "`+slow+`"`)
	s.start(t, "up", "--worker=false")
	victim := s.worker(t)
	s.streams(t, "main")
	source.StallAfter(middle)
	var run started
	if status := s.call(t, http.MethodPost, "/v1/admin/snapshots/create", `{"database":"main","kind":"base"}`, &run); status != http.StatusAccepted {
		t.Fatalf("create answers %d", status)
	}
	c := s.temporal(t)
	eventually(t, time.Minute, "a base backup is under way", func() bool {
		return source.Waiting() > 0 && len(pending(t, c, run, "Base", victim)) > 0
	})
	victim.Kill()
	source.Heal()
	s.nothingListed(t)
	if w := s.window(t); w.Bases != 0 {
		t.Errorf("half a base backup counts: %+v", w)
	}
	s.worker(t)
	eventually(t, 2*time.Minute, "the base backup stands", func() bool { return s.window(t).Bases == 1 })
	if made := ofKind(s.stepsOf(t, run), "Base"); len(made) != 1 || made[0].Attempts != 2 {
		t.Errorf("the base backup was begun by %+v, want one step twice", made)
	}
	l := keepLedger(t, live, 1)
	l.more(t, 10)
	want := l.settle(t, live)
	s.sameLatest(t, live, want)
	s.healthy(t)
}

// TestTwoStreamsOfOneSlot lets two workers stream through the same slot: first
// one that comes back after it was given up, then two that both mean to have it.
func TestTwoStreamsOfOneSlot(t *testing.T) {
	t.Parallel()
	live := shop(t, servers.Postgres(t), 10)
	s := pitrSite(t, live)
	s.start(t, "up", "--worker=false")
	frozen := s.worker(t)
	s.streams(t, "main")
	s.streamedBy(t, frozen)
	s.baseBackup(t)
	l := keepLedger(t, live, 2)
	heir := s.worker(t)
	if err := syscall.Kill(-frozen.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.streamedBy(t, heir)
	l.more(t, 100)
	if err := syscall.Kill(-frozen.PID(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	l.more(t, 100)
	// A second run of the same policy is what two engines would have.
	c := s.temporal(t)
	second, err := c.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{ID: "second", TaskQueue: workflows.TaskQueue},
		workflows.StreamName, workflows.StreamInput{Policy: "main-wal", Surface: "main"})
	if err != nil {
		t.Fatal(err)
	}
	rival := started{WorkflowID: second.GetID()}
	first := s.streamOf(t)
	eventually(t, time.Minute, "each has taken the slot from the other", func() bool {
		return retried(t, c, rival, "Stream") && retried(t, c, first, "Stream")
	})
	execSQL(t, live, `SELECT pg_switch_wal()`)
	l.more(t, 200)
	execSQL(t, live, `SELECT pg_switch_wal()`)
	if err := c.TerminateWorkflow(context.Background(), rival.WorkflowID, "", "the test has seen enough"); err != nil {
		t.Fatal(err)
	}
	l.more(t, 100)
	want := l.settle(t, live)
	s.sameLatest(t, live, want)
	s.healthy(t)
}
