package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// launcher asks a site's engine as the API server does.
func (s *site) launcher(t *testing.T) *launch.Launcher {
	t.Helper()
	dc, err := temporalclient.Options{CodecKey: s.codecKey}.Converter()
	if err != nil {
		t.Fatal(err)
	}
	return launch.New(s.temporal(t), dc)
}

// watched waits for a report that a condition holds for.
func (s *site) watched(t *testing.T, what string, condition func(status.Report) bool) status.Report {
	t.Helper()
	l := s.launcher(t)
	var report status.Report
	eventually(t, 2*time.Minute, what, func() bool {
		var err error
		if report, err = l.Status(t.Context()); err != nil && !fault.Is(err, fault.Missing) {
			t.Fatal(err)
		}
		return err == nil && condition(report)
	})
	return report
}

// demanded is the entry of snapshots of redis that people asked for.
func demanded(r status.Report) status.Policy {
	for _, p := range r.Policies {
		if p.Name == "" && p.Surface == "redis" {
			return p
		}
	}
	return status.Policy{}
}

// failing runs a policy's backup to a store that is none.
func (s *site) failing(t *testing.T) {
	t.Helper()
	run, err := s.temporal(t).ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: "snapshot/redis/failing", TaskQueue: workflows.TaskQueue, TypedSearchAttributes: temporal.NewSearchAttributes(
			workflows.AttrSurface.ValueSet("redis"), workflows.AttrOperation.ValueSet(workflows.OperationSnapshot)),
	}, workflows.SnapshotName, workflows.SnapshotInput{Surface: "redis", Kind: "snapshot", Policy: "redis-daily", Store: "nowhere"})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Get(t.Context(), nil); err == nil {
		t.Error("a backup to no store does not fail")
	}
}

// TestWatch kills the worker that watches: another one goes on, with what the
// first has counted. Nobody who lacks the key of the histories sees the report.
func TestWatch(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	s := siteFor(t, pg.URL, rd.URL)
	const key = "a passphrase for histories"
	s = s.with(t, "listen: ", "temporal: {codecKey: \""+key+"\"}\nlisten: ")
	s.codecKey = key
	s.start(t, "up", "--worker=false")
	if _, err := s.launcher(t).Status(t.Context()); !fault.Is(err, fault.Missing) {
		t.Errorf("before a worker has looked: %v", err)
	}
	victim := s.worker(t)
	first := s.watched(t, "a worker looks", func(r status.Report) bool { return len(r.Surfaces) == 2 && r.Ledger.Size > 0 })
	for _, st := range first.Stores {
		if !st.Usable {
			t.Errorf("store %s is not usable: %s", st.Name, st.Problem)
		}
	}
	var made point
	s.ask(t, &made, "snapshot", "create", "redis", "--wait")
	before := s.watched(t, "a snapshot is counted", func(r status.Report) bool { return demanded(r).Successes == 1 })
	if p := demanded(before); p.Kind != "snapshot" || p.LastBytes == 0 || p.LastSuccess.IsZero() || p.FailedLast || p.Failures != 0 {
		t.Errorf("the snapshot: %+v", p)
	}
	for _, surface := range before.Surfaces {
		if surface.Name == "redis" && (surface.LastVerified == nil || surface.LastVerified.ID != made.ID || surface.Points != 1 || surface.RPOSeconds == nil) {
			t.Errorf("redis: %+v", surface)
		}
	}
	s.failing(t)
	s.watched(t, "a failed backup is counted", func(r status.Report) bool {
		p := r.Policies[slices.IndexFunc(r.Policies, func(p status.Policy) bool { return p.Name == "redis-daily" })]
		return p.Failures == 1 && p.FailedLast && strings.Contains(p.Failure, `"nowhere"`) && p.WorkflowID == "snapshot/redis/failing" && p.Successes == 0
	})
	s.worker(t)
	victim.Kill()
	killed := time.Now()
	after := s.watched(t, "another worker goes on", func(r status.Report) bool { return r.At.After(killed) })
	if p := demanded(after); !after.Since.Equal(before.Since) || p.Successes != 1 {
		t.Errorf("the other worker counts from %v, %+v; the first one from %v", after.Since, p, before.Since)
	}
	s.ask(t, &made, "snapshot", "create", "redis", "--wait")
	s.watched(t, "the next snapshot is counted once", func(r status.Report) bool { return demanded(r).Successes == 2 })

	locked := *s
	locked.codecKey, locked.link = "", &link{}
	defer locked.link.close()
	if r, err := locked.launcher(t).Status(t.Context()); err == nil || !r.At.IsZero() {
		t.Errorf("without the key of the histories: %v, %+v", err, r)
	}
}

// TestRecordWatch replays a watch that goes on, and one that was cancelled.
func TestRecordWatch(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	s := siteFor(t, pg.URL, rd.URL)
	s.start(t, "up")
	s.watched(t, "a worker looks", func(r status.Report) bool { return len(r.Surfaces) == 2 })
	s.record(t, map[string]string{"watch": workflows.WatchID})
	c := s.temporal(t)
	if err := c.CancelWorkflow(t.Context(), workflows.WatchID, ""); err != nil {
		t.Fatal(err)
	}
	if err := c.GetWorkflow(t.Context(), workflows.WatchID, "").Get(t.Context(), nil); err == nil {
		t.Error("a cancelled watch ended as if it were done")
	}
	s.record(t, map[string]string{"watch-cancelled": workflows.WatchID})
}

// TestWatchOfWAL has the window of what was streamed in the report, and nothing
// to lose.
func TestWatchOfWAL(t *testing.T) {
	t.Parallel()
	live := shop(t, servers.Postgres(t), 10)
	s := pitrSite(t, live)
	s.start(t, "up")
	s.streams(t, "main")
	s.baseBackup(t)
	l := keepLedger(t, live, 2)
	l.more(t, 20)
	r := s.watched(t, "WAL is seen to be shipped", func(r status.Report) bool {
		w := r.Surfaces[0].WAL
		return w != nil && w.Active && !w.Latest.IsZero() && w.Latest.After(w.Earliest)
	})
	main := r.Surfaces[0]
	if w := main.WAL; len(w.Gaps) > 0 || len(w.Alarms) > 0 || w.LagBytes == nil || w.HeldBack == nil || w.HoldBackLimit == 0 {
		t.Errorf("the WAL: %+v", w)
	}
	if main.RPOSeconds == nil || *main.RPOSeconds > 120 {
		t.Errorf("a disaster would lose %v seconds", main.RPOSeconds)
	}
	for _, p := range r.Policies {
		if p.Kind == "wal" && p.LastSuccess.IsZero() {
			t.Errorf("the policy of its WAL: %+v", p)
		}
	}
}
