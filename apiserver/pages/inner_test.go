package pages

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// hostile would be markup if it were not escaped.
const hostile = `<img src=x onerror=alert(1)>`

// engine stands in for Temporal where pages start work and look how it goes.
type engine struct {
	*launcher
	runs     map[string]launch.Run
	results  map[string]any
	progress map[string]launch.Progress
	drills   map[string]workflows.DrillResult
}

// start begins work once for each idempotency key.
func (e *engine) start(operation string, req launch.Request, in any) (launch.Started, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if again, known := e.begun[req.IdempotencyKey]; known && req.IdempotencyKey != "" {
		again.Replayed = true
		return again, nil
	}
	text, err := json.Marshal(in)
	if err != nil {
		return launch.Started{}, err
	}
	id := archive.NewID(time.Date(2026, 5, 6, 7, 8, len(e.done), 0, time.UTC))
	started := launch.Started{ID: id, WorkflowID: operation + "/" + id, RunID: "r"}
	if e.begun == nil {
		e.begun = map[string]launch.Started{}
	}
	e.begun[req.IdempotencyKey] = started
	e.done = append(e.done, operation+" by "+req.Requester+": "+string(text))
	e.runs[operation+"/"+id] = launch.Run{ID: id, Operation: operation, Surface: "main", State: "running", WorkflowID: started.WorkflowID, Started: time.Now()}
	return started, nil
}

func (e *engine) Snapshot(_ context.Context, req launch.Request, in workflows.SnapshotInput) (launch.Started, error) {
	return e.start("snapshot", req, in)
}

func (e *engine) Verify(_ context.Context, req launch.Request, in workflows.VerifyInput) (launch.Started, error) {
	return e.start("verify", req, in)
}

func (e *engine) Restore(_ context.Context, req launch.Request, in workflows.RestoreInput) (launch.Started, error) {
	return e.start("restore", req, in)
}

func (e *engine) Recover(_ context.Context, req launch.Request, in workflows.RecoverInput) (launch.Started, error) {
	return e.start("recover", req, in)
}

func (e *engine) Remove(_ context.Context, req launch.Request, in workflows.RemoveInput) (launch.Started, error) {
	return e.start("remove", req, in)
}

func (e *engine) Drill(_ context.Context, req launch.Request, in workflows.DrillInput) (launch.Started, error) {
	started, err := e.start("drill", req, in)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.drills[started.ID] = workflows.DrillResult{ID: started.ID, Plan: in.Plan, State: drill.StateRunning, CreatedAt: time.Now(), StartedBy: in.StartedBy}
	return started, err
}

func (e *engine) Find(_ context.Context, operation, id string) (launch.Run, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if run, ok := e.runs[operation+"/"+id]; ok {
		return run, nil
	}
	return launch.Run{}, fault.New(fault.Missing, "no %s %s is known", operation, id)
}

func (e *engine) Wait(_ context.Context, s launch.Started, result any) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	text, err := json.Marshal(e.results[s.WorkflowID])
	if err != nil {
		return err
	}
	return json.Unmarshal(text, result)
}

func (e *engine) Progress(_ context.Context, s launch.Started) (launch.Progress, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if p, ok := e.progress[s.WorkflowID]; ok {
		return p, nil
	}
	return launch.Progress{}, fault.New(fault.Unavailable, "nobody answers")
}

func (e *engine) DrillState(_ context.Context, id string) (workflows.DrillResult, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if d, ok := e.drills[id]; ok {
		return d, nil
	}
	return workflows.DrillResult{}, fault.New(fault.Missing, "no drill %s is known", id)
}

func (e *engine) ManualStep(_ context.Context, _ launch.Request, id string, in workflows.ManualStepInput) (drill.ManualStep, error) {
	e.note("step of " + id + " by " + in.By + ": " + in.Text)
	return drill.ManualStep{By: in.By, Text: in.Text}, nil
}

func (e *engine) SignOff(_ context.Context, _ launch.Request, id string, in workflows.SignOffInput) (workflows.DrillResult, error) {
	if in.Signer == "boss" {
		return workflows.DrillResult{}, fault.New(fault.Denied, "boss started drill %s: another person has to sign it", id)
	}
	e.note(fmt.Sprintf("sign %s by %s, refused %t: %s", id, in.Signer, in.Refuse, in.Statement))
	return workflows.DrillResult{ID: id, State: drill.StateSigned}, nil
}

func (e *engine) CancelDrill(_ context.Context, id string) error {
	e.note("cancel " + id)
	return nil
}

func (e *engine) note(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.done = append(e.done, what)
}

// change changes what it knows.
func (e *engine) change(how func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	how()
}

// finish ends a run with a result.
func (e *engine) finish(operation, id string, result any) {
	e.change(func() {
		key := operation + "/" + id
		run := e.runs[key]
		run.ID, run.Operation, run.Surface, run.WorkflowID, run.State = id, operation, "main", key, "done"
		run.Started, run.Closed = time.Now().Add(-time.Minute), time.Now()
		e.runs[key], e.results[key] = run, result
	})
}

// rig is a bundle with points, a ledger, and something that starts work.
type rig struct {
	*bundle
	engine *engine
	store  store.Store
	config *config.Config
	drills *drills.Archive
	// preview answers for plans of recoveries.
	preview func(at string) (pitr.Preview, error)
}

// inner is a server with everything that the inner pages show.
func inner(t *testing.T, changes ...func(*Options, *apiserver.Deps)) *rig {
	t.Helper()
	r := &rig{}
	r.bundle = setup(t, append([]func(*Options, *apiserver.Deps){func(_ *Options, d *apiserver.Deps) {
		lent, ok := d.Launcher.(*launcher)
		if !ok {
			t.Fatal("the launcher of the tests is another one")
		}
		r.engine = &engine{
			launcher: lent, runs: map[string]launch.Run{}, results: map[string]any{},
			progress: map[string]launch.Progress{}, drills: map[string]workflows.DrillResult{},
		}
		r.store, r.config = d.Stores["primary"], d.Config
		d.Launcher = r.engine
		d.Config.Targets = map[string]config.Target{"staging": {Kind: "postgres", URL: "postgres://app:" + hush + "@staging/app"}}
		url := func(id, sealed string) (string, error) {
			if sealed == "" {
				return "", fault.New(fault.Missing, "the URL of %s is not known here", id)
			}
			return "postgres://app:" + sealed + "@127.0.0.1:5433/app", nil
		}
		d.RestoredURL = func(r workflows.RestoreResult) (string, error) { return url(r.ID, r.SealedURL) }
		d.RecoveredURL = func(r workflows.RecoverResult) (string, error) { return url(r.ID, r.SealedURL) }
		d.PITRStatus = r.pitr
		r.preview = func(at string) (pitr.Preview, error) { return pitr.Preview{Provider: "rds", Promised: past}, nil }
		d.PITRPlan = func(_ context.Context, _, _, at string) (pitr.Preview, error) { return r.preview(at) }
		r.keepEvidence(t, d)
	}}, changes...)...)
	return r
}

// seal puts a recovery point of one small part on the store.
func (r *rig) seal(kind string, at time.Time, missing ...string) archive.Manifest {
	r.t.Helper()
	id := archive.NewID(at)
	w := archive.PartWriter{Store: r.store, Dir: archive.Dir("points", "main", id)}
	entry, err := w.Write(r.t.Context(), surface.Part{Name: "t-0001", Role: surface.RoleData, Format: "rows"}, nil,
		func(out io.Writer) error { _, err := out.Write([]byte("1\tone\n")); return err })
	if err != nil {
		r.t.Fatal(err)
	}
	m := archive.Manifest{
		ID: id, Surface: "main", SurfaceKind: "postgres", Kind: kind, Policy: "main-daily", CreatedAt: at, Missing: missing,
		Server:      surface.Server{Product: "PostgreSQL", Version: "15.18", Major: 15},
		Compression: archive.CompressionZstd, Encryption: archive.Encryption{Scheme: seal.SchemeNone},
		Parts: []archive.PartEntry{entry}, WorkflowID: "snapshot/main/" + id, Tool: "test",
	}
	if kind == archive.KindSnapshot {
		piece, err := archive.WritePiece(r.t.Context(), w, "t-0001", surface.Fingerprint{{Kind: "table", Name: "public.a", Count: 1}})
		if err != nil {
			r.t.Fatal(err)
		}
		m.Parts = append(m.Parts, piece)
	} else {
		m.Base = &archive.Base{SystemID: 1, SegmentSize: 16 << 20, Timeline: 1, StartedAt: at, StoppedAt: at, StartLSN: 1 << 24, StopLSN: 2 << 24}
	}
	if m, err = archive.SealPoint(r.t.Context(), r.store, w.Dir, m); err != nil {
		r.t.Fatal(err)
	}
	return m
}

// started is the one thing that was begun, as JSON.
func (r *rig) started() string {
	r.t.Helper()
	done := r.launcher.changes()
	if len(done) != 1 {
		r.t.Fatalf("%d things were begun: %q", len(done), done)
	}
	return done[0]
}

// form is the values of a form by pairs.
func form(pairs ...string) url.Values {
	out := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		out.Set(pairs[i], pairs[i+1])
	}
	return out
}

// actions are where the forms of a page post to.
func (p page) actions() string {
	var out []string
	for _, n := range p.nodes() {
		if n.Data == "form" && strings.EqualFold(attr(n, "method"), "post") && attr(n, "action") != "/logout" {
			out = append(out, attr(n, "action"))
		}
	}
	return strings.Join(out, " ")
}
