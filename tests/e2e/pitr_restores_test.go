package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// tablespaces gives a cluster n tablespaces with a small table each: a base
// backup has a part for each.
func tablespaces(t *testing.T, pg *servers.PG, live string, n int) {
	t.Helper()
	for i := range n {
		dir := filepath.Join(pg.SocketDir, fmt.Sprintf("space-%d", i))
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(pg.Dir)
		if err != nil {
			t.Fatal(err)
		}
		owner := info.Sys().(*syscall.Stat_t)
		if err := os.Chown(dir, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
		execSQL(t, live, fmt.Sprintf(`CREATE TABLESPACE space_%d LOCATION '%s'`, i, dir),
			fmt.Sprintf(`CREATE TABLE spaced_%d TABLESPACE space_%[1]d AS SELECT n FROM generate_series(1, 1000) n`, i))
	}
}

// TestRestorerKilled kills the worker that restores, first while it fetches and
// then while it replays: what is in place is not fetched again, and the server
// that replays goes on.
func TestRestorerKilled(t *testing.T) {
	t.Parallel()
	pg, s3 := servers.Postgres(t), servers.S3(t)
	live := shop(t, pg, 10)
	tablespaces(t, pg, live, 3)
	c := s3.Bucket(t)
	g := gated(t, &c)
	s := pitrSite(t, live)
	s = s.with(t, s.localPlace(), s3Place(c))
	s.start(t, "up", "--worker=false")
	fetcher := s.worker(t)
	s.streams(t, "main")
	s.baseBackup(t)
	l := keepLedger(t, live, 2)
	var segment string
	for range 3 {
		l.more(t, 20)
		segment = text(t, live, `SELECT pg_walfile_name(pg_switch_wal())`)
	}
	want := l.settle(t, live)
	s.shipped(t, "main", live)
	// The store has all but what the server writes by itself: nothing else reads from now on.
	g.forget()
	const slowPart = "/base-0001"
	lateSegment := "/" + segment + ".zst"
	g.hold(slowPart)
	g.hold(lateSegment)
	var run started
	if status := s.call(t, http.MethodPost, "/v1/pitr/main/restore", `{"at":"latest"}`, &run); status != http.StatusAccepted {
		t.Fatalf("restore answers %d", status)
	}
	temporal := s.temporal(t)
	eventually(t, time.Minute, "all parts but one are in place", func() bool {
		fetched := ofKind(s.stepsOf(t, run), "FetchPart")
		return g.waits(slowPart) && len(g.readsOf("/ts-")) == 3 && len(fetched) >= 3 && len(pending(t, temporal, run, "FetchPart", fetcher)) == 1
	})
	fetcher.Kill()
	replayer := s.worker(t)
	g.release(slowPart)

	env := local.New(s.dataDir)
	eventually(t, 2*time.Minute, "the server waits for WAL", func() bool {
		server, err := env.Get(run.ID)
		return g.waits(lateSegment) && err == nil && server.PID != 0 && len(pending(t, temporal, run, "Replay", replayer)) == 1
	})
	server, err := env.Get(run.ID)
	if err != nil {
		t.Fatal(err)
	}
	replayer.Kill()
	last := s.worker(t)
	eventually(t, 2*time.Minute, "another worker feeds the server", func() bool {
		return g.waits(lateSegment) && len(pending(t, temporal, run, "Replay", last)) == 1
	})
	if now, err := env.Get(run.ID); err != nil || now.PID != server.PID {
		t.Errorf("the server was process %d and is %d, %v", server.PID, now.PID, err)
	}
	g.release(lateSegment)
	var got struct {
		State, URL, Error string
	}
	eventually(t, 2*time.Minute, "the recovery is done", func() bool {
		s.call(t, http.MethodGet, "/v1/admin/recoveries/"+run.ID, "", &got)
		return got.State != "running" && got.State != ""
	})
	if got.State != "done" {
		t.Fatalf("the recovery: %+v", got)
	}
	same(t, "latest", entries(t, got.URL), want)
	parts := g.readsOf("/ts-")
	maps.Copy(parts, g.readsOf(slowPart))
	for key, n := range parts {
		if once := filepath.Base(key)[:3] == "ts-"; once && n != 1 || !once && n != 2 {
			t.Errorf("%s was read %d times", key, n)
		}
	}
	if len(parts) != 4 {
		t.Errorf("the parts were %v", parts)
	}
	if n := text(t, got.URL, `SELECT (SELECT count(*) FROM spaced_0) + (SELECT count(*) FROM spaced_1) + (SELECT count(*) FROM spaced_2)`); n != "3000" {
		t.Errorf("%s rows are in the tablespaces", n)
	}
}
