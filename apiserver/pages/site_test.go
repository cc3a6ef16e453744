package pages

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/schedules"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// hush is in every secret of the tests, so that it is easy to look for.
const hush = "hush-hush"

var keyHash = sync.OnceValue(func() secret.String { return secret.String(seal.HashToken(hush + "-key")) })

// launcher stands in for Temporal. What a test does not need, it does not have.
type launcher struct {
	apiserver.Launcher

	mu      sync.Mutex
	running []launch.Run
	paused  map[string]string
	done    []string
	begun   map[string]launch.Started
}

// changes are what it was asked to do.
func (l *launcher) changes() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.done)
}

func (l *launcher) Schedules(_ context.Context, ids []string) (map[string]schedules.State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := map[string]schedules.State{}
	for _, id := range ids {
		out[id] = l.state(id)
	}
	return out, nil
}

func (l *launcher) state(id string) schedules.State {
	note, paused := l.paused[id]
	return schedules.State{ID: id, Paused: paused, ByHand: paused, Note: note}
}

func (l *launcher) PauseSchedule(_ context.Context, _ launch.Request, id, reason string) (schedules.State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.paused = map[string]string{id: reason}
	l.done = append(l.done, "pause "+id+": "+reason)
	return l.state(id), nil
}

func (l *launcher) ResumeSchedule(_ context.Context, _ launch.Request, id string) (schedules.State, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.paused, id)
	l.done = append(l.done, "resume "+id)
	return l.state(id), nil
}

func (l *launcher) Snapshot(_ context.Context, req launch.Request, in workflows.SnapshotInput) (launch.Started, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if again, known := l.begun[req.IdempotencyKey]; known {
		again.Replayed = true
		return again, nil
	}
	id := fmt.Sprintf("id-%d", len(l.begun)+1)
	started := launch.Started{ID: id, WorkflowID: "snapshot/" + id, RunID: "r"}
	l.begun = map[string]launch.Started{req.IdempotencyKey: started}
	l.done = append(l.done, "snapshot "+in.Surface+" of "+in.Policy+" for "+req.Requester)
	return started, nil
}

func (l *launcher) Running(_ context.Context, surface string) ([]launch.Run, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []launch.Run
	for _, run := range l.running {
		if surface == "" || run.Surface == surface {
			out = append(out, run)
		}
	}
	return out, nil
}

func (l *launcher) Health(context.Context) error { return nil }

// clock is the time of sessions, which tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) move(by time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(by)
}

// bundle is a server with its pages, for one test.
type bundle struct {
	t        *testing.T
	url      string
	handler  http.Handler
	site     *site
	launcher *launcher
	keys     *apiserver.KeyStore
	clock    *clock
	auditLog string

	mu     sync.Mutex
	report status.Report
}

// tell makes the report that the API reads.
func (b *bundle) tell(change func(*status.Report)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.report)
}

// setup serves the API and its pages on loopback, with one key per role, whose
// name is the role's, "boss" for admin.
func setup(t *testing.T, changes ...func(*Options, *apiserver.Deps)) *bundle {
	t.Helper()
	dir := t.TempDir()
	points, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: filepath.Join(dir, "points")})
	if err != nil {
		t.Fatal(err)
	}
	c := &config.Config{
		DataDir: dir, Audit: config.Audit{File: filepath.Join(dir, "audit.jsonl")}, PointsPrefix: "points",
		Stores:   map[string]store.Config{"primary": {Kind: "local"}},
		Surfaces: map[string]config.Surface{"main": {Config: surface.Config{Kind: "postgres", URL: "postgres://app:" + hush + "@db/app"}}},
		Policies: map[string]config.Policy{
			"main-daily": {Surface: "main", Kind: "snapshot", Cron: "0 2 * * *", TimeZone: "UTC", Store: "primary"},
		},
	}
	for id, role := range map[string]string{"viewer": "viewer", "operator": "operator", "approver": "approver", "boss": "admin"} {
		c.Admin.Keys = append(c.Admin.Keys, config.AdminKey{Name: id, Hash: keyHash(), Role: role})
	}
	now := time.Now()
	b := &bundle{t: t, launcher: &launcher{}, clock: &clock{at: now}, auditLog: c.Audit.File, report: oneReport(now)}
	if b.keys, err = apiserver.OpenKeys(filepath.Join(dir, "keys.json"), c.Admin.Keys); err != nil {
		t.Fatal(err)
	}
	o := Options{SessionKey: "the key of the tests", TemporalUI: "http://127.0.0.1:8233", Namespace: "default", Version: "1.2.3", now: b.clock.now}
	d := apiserver.Deps{
		Config: c, Launcher: b.launcher, Keys: b.keys, Logger: slog.New(slog.DiscardHandler), Version: "1.2.3",
		Catalog: catalog.New([]catalog.Named{{Name: "primary", Store: points, Prefix: c.PointsPrefix}}),
		Stores:  map[string]store.Store{"primary": points},
		Status: func(context.Context) (status.Report, error) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.report.At.IsZero() {
				return b.report, fault.New(fault.Missing, "nobody watches: start a worker")
			}
			return b.report, nil
		},
	}
	for _, change := range changes {
		change(&o, &d)
	}
	d.Pages = func(router *echo.Echo, api *apiserver.Server) error {
		b.site, err = mount(router, api, o)
		return err
	}
	api, err := apiserver.New(d)
	if err != nil {
		t.Fatal(err)
	}
	b.handler = api.Handler()
	server := httptest.NewServer(b.handler)
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// oneReport is of one surface that is well and one plan that is not.
func oneReport(now time.Time) status.Report {
	rpo, rto := 42.0, 1900.0
	r := status.Report{
		At: now.Add(-10 * time.Second), Host: "worker-1",
		Surfaces: []status.Surface{{
			Name: "main", Kind: "postgres", RPOSeconds: &rpo, RPOTarget: 60, Points: 3, Bytes: 1 << 30,
			LastPoint:  &status.Point{ID: "p3", Kind: "snapshot", State: "verified", At: now.Add(-3 * time.Hour)},
			LastProven: &status.Point{ID: "p1", Kind: "snapshot", State: "proven", At: now.Add(-50 * time.Hour)},
			WAL:        &status.WAL{Earliest: now.Add(-48 * time.Hour), Latest: now.Add(-5 * time.Second), Active: true},
		}},
		Policies: []status.Policy{{Name: "main-daily", Surface: "main", Kind: "snapshot", Store: "primary", NextDue: now.Add(2 * time.Hour)}},
		Stores:   []status.Store{{Name: "primary", Kind: "local", Usable: true}},
		Ledger:   status.Ledger{Kept: true, Size: 7, Verifies: true, VerifiedAt: now.Add(-time.Hour)},
		Alerts: []status.Alert{{
			Rule: "LifeboatDrillOverdue", Severity: status.Critical, State: status.Firing, Labels: map[string]string{"plan": "quarterly"},
			Since: now.Add(-time.Hour), Summary: "The drill quarterly is overdue", Description: "Run it.", Runbook: "https://runbooks.test/drill",
		}},
	}
	plan := status.Plan{}
	plan.Plan, plan.Surfaces, plan.RTOTarget, plan.MeasuredRTO, plan.Overdue = "quarterly", []string{"main"}, 1800, &rto, true
	r.Plans = []status.Plan{plan}
	return r
}

// audited is the text of the audit log.
func (b *bundle) audited() string {
	b.t.Helper()
	text, err := os.ReadFile(b.auditLog)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}
