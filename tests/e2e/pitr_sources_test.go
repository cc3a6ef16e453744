package e2e

import (
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// TestStreamedServerKilled kills PostgreSQL twice while its WAL is streamed.
func TestStreamedServerKilled(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	live := shop(t, pg, 10)
	s := pitrSite(t, live)
	s.start(t, "up")
	s.streams(t, "main")
	s.baseBackup(t)
	l := keepLedger(t, live, 3)
	for range 2 {
		l.more(t, 100)
		crash(t, pg)
		pg.Restart(t)
	}
	l.more(t, 50)
	s.streams(t, "main")
	l.more(t, 50)
	want := l.settle(t, live)
	s.sameLatest(t, live, want)
	s.healthy(t)
}

// onBucket is a site whose store is behind a proxy.
func onBucket(t *testing.T, live string) (*site, *servers.Proxy) {
	t.Helper()
	server := servers.S3(t)
	c, link := server.Proxied(t, server.Bucket(t))
	s := pitrSite(t, live)
	return s.with(t, s.localPlace(), s3Place(c)), link
}

// bulk writes so many megabytes of WAL at once.
func bulk(t *testing.T, live string, megabytes int) {
	t.Helper()
	execSQL(t, live, `CREATE TABLE IF NOT EXISTS bulk (body text)`, `ALTER TABLE bulk ALTER body SET STORAGE EXTERNAL`,
		`INSERT INTO bulk SELECT repeat('y', 100000) FROM generate_series(1, `+strconv.Itoa(megabytes*10)+`)`)
}

// TestStoreRefusesTheStream has the store refuse while the server writes several
// segments: the stream catches up, nothing is lost, and the slot lets go.
func TestStoreRefusesTheStream(t *testing.T) {
	t.Parallel()
	live := shop(t, servers.Postgres(t), 10)
	s, link := onBucket(t, live)
	s.start(t, "up")
	s.streams(t, "main")
	s.baseBackup(t)
	l := keepLedger(t, live, 2)
	l.more(t, 50)
	link.Refuse()
	bulk(t, live, 60)
	c, run := s.temporal(t), s.streamOf(t)
	eventually(t, 2*time.Minute, "the step has failed several times", func() bool {
		found, err := c.DescribeWorkflowExecution(t.Context(), run.WorkflowID, run.RunID)
		if err != nil {
			t.Fatal(err)
		}
		all := found.GetPendingActivities()
		return len(all) == 1 && all[0].GetAttempt() >= 4
	})
	l.more(t, 50)
	link.Heal()
	l.more(t, 50)
	want := l.settle(t, live)
	s.sameLatest(t, live, want)
	s.healthy(t)
	if lag := s.window(t).Lag; lag == nil || lag.HeldBack > 32<<20 {
		t.Errorf("the slot still holds back %+v", lag)
	}
}

// TestSlotHoldsBackTooMuch has the store refuse for longer than the server may
// keep WAL: the slot goes, whoever looks is told, and a base backup heals it.
func TestSlotHoldsBackTooMuch(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t, "max_wal_size = 64MB", "min_wal_size = 32MB")
	live := shop(t, pg, 10)
	s, link := onBucket(t, live)
	s = s.with(t, "interval: 500ms", "interval: 500ms, holdBack: 128MiB")
	s.start(t, "up")
	s.streams(t, "main")
	s.baseBackup(t)
	l := keepLedger(t, live, 1)
	l.more(t, 10)
	early := l.settle(t, live)
	before := text(t, live, `SELECT pg_current_wal_insert_lsn()`)
	execSQL(t, live, `CREATE TABLE later (n int)`)
	s.shipped(t, "main", live)
	first := text(t, live, `SELECT pg_walfile_name(pg_current_wal_insert_lsn())`)
	link.Refuse()
	bulk(t, live, 150)
	eventually(t, 2*time.Minute, "the slot is dropped", func() bool {
		return text(t, live, `SELECT count(*) FROM pg_replication_slots WHERE restart_lsn < '`+before+`'::pg_lsn + 128 * 1024 * 1024`) == "0"
	})
	eventually(t, time.Minute, "whoever lists the runs is alarmed", func() bool {
		return len(s.runs(t, "LifeboatOperation = 'wal' AND LifeboatVerdict = 'alarm'")) == 1
	})
	eventually(t, time.Minute, "the server has thrown WAL away", func() bool {
		execSQL(t, live, `CHECKPOINT`)
		return text(t, live, `SELECT count(*) FROM pg_ls_waldir() WHERE name = '`+first+`'`) == "0"
	})
	link.Heal()
	var w window
	eventually(t, 2*time.Minute, "the gap is seen", func() bool {
		w = s.window(t)
		return len(w.Gaps) == 1
	})
	if !slices.ContainsFunc(w.Alarms, func(a string) bool { return strings.Contains(a, w.Gaps[0].From) && strings.Contains(a, "base backup") }) {
		t.Errorf("the gap %+v is in no alarm of %q", w.Gaps[0], w.Alarms)
	}
	if stdout, stderr, code := s.run(t, "pitr", "restore", "main", "--at", w.Gaps[0].To); code == 0 || strings.Count(stderr, "\n") != 1 {
		t.Errorf("to behind the gap: exit %d, %q %q", code, stdout, stderr)
	}
	s.streams(t, "main")
	s.baseBackup(t)
	l = keepLedger(t, live, 1)
	l.more(t, 10)
	want := l.settle(t, live)
	s.sameLatest(t, live, want)
	r := s.back(t, before)
	same(t, "before the gap", entries(t, r.URL), early)
	eventually(t, time.Minute, "the gap alone is told, and no more is asked for", func() bool {
		w = s.window(t)
		return len(w.Gaps) == 1 && len(w.Alarms) == 1 && strings.Contains(w.Alarms[0], "no moment between")
	})
}

// TestFailOver kills the primary and promotes its standby, which had not
// received the last of what the store has: that is left behind.
func TestFailOver(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	live := shop(t, pg, 10)
	standby := pg.Standby(t)
	heir := standby.DatabaseURL("shop")
	both, err := url.Parse(live)
	if err != nil {
		t.Fatal(err)
	}
	both.Host += ",127.0.0.1:" + strconv.Itoa(standby.Port)
	both.RawQuery = "target_session_attrs=read-write"
	s := pitrSite(t, both.String())
	s.start(t, "up")
	s.streams(t, "main")
	s.baseBackup(t)
	l := keepLedger(t, live, 2)
	l.more(t, 100)
	before := l.settle(t, live)
	moment := text(t, live, `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`)
	at := text(t, live, `SELECT pg_current_wal_insert_lsn()`)
	eventually(t, time.Minute, "the standby has all of it", func() bool {
		return text(t, heir, `SELECT pg_last_wal_replay_lsn() >= '`+at+`'`) == "true"
	})
	execSQL(t, heir, `ALTER SYSTEM SET primary_conninfo = ''`, `SELECT pg_reload_conf()`)
	eventually(t, time.Minute, "the standby receives nothing any more", func() bool {
		return text(t, heir, `SELECT count(*) FROM pg_stat_wal_receiver`) == "0"
	})
	l = keepLedger(t, live, 1)
	l.more(t, 20)
	l.settle(t, live)
	s.shipped(t, "main", live)
	crash(t, pg)
	execSQL(t, heir, `SELECT pg_promote()`)
	l = keepLedger(t, heir, 2)
	l.more(t, 100)
	want := l.settle(t, heir)
	s.streams(t, "main")
	s.shipped(t, "main", heir)
	s.sameLatest(t, heir, want)
	for _, target := range []string{moment, at} {
		r := s.back(t, target)
		same(t, "before the switch, "+target, entries(t, r.URL), before)
		s.dropServer(t, r)
	}
	s.healthy(t)
}
