package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
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
