package apiserver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/schedules"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// double stands in for Temporal: it keeps what it was asked to start.
type double struct {
	mu      sync.Mutex
	started []start
	runs    map[string]launch.Run
	results map[string]any
	down    error
	// schedules are those that a worker made.
	schedules map[string]schedules.State
}

// start is one workflow that was started.
type start struct {
	operation string
	request   launch.Request
	input     any
	answer    launch.Started
}

func newDouble() *double {
	return &double{runs: map[string]launch.Run{}, results: map[string]any{}, schedules: map[string]schedules.State{}}
}

func (d *double) begin(operation, id string, req launch.Request, input any) (launch.Started, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down != nil {
		return launch.Started{}, d.down
	}
	for _, s := range d.started {
		if req.IdempotencyKey == "" || s.request != req {
			continue
		}
		if s.operation != operation || fmt.Sprint(s.input) != fmt.Sprint(input) {
			return launch.Started{}, fault.New(fault.Conflict, "this Idempotency-Key was used for a different request: take a new one")
		}
		again := s.answer
		again.Replayed = true
		return again, nil
	}
	if id == "" {
		id = fmt.Sprintf("id-%d", len(d.started)+1)
	}
	answer := launch.Started{ID: id, WorkflowID: operation + "/" + id, RunID: fmt.Sprintf("run-%d", len(d.started)+1)}
	d.started = append(d.started, start{operation, req, input, answer})
	return answer, nil
}

func (d *double) Snapshot(_ context.Context, req launch.Request, in workflows.SnapshotInput) (launch.Started, error) {
	return d.begin("snapshot", "", req, in)
}

func (d *double) Verify(_ context.Context, req launch.Request, in workflows.VerifyInput) (launch.Started, error) {
	return d.begin("verify", in.Point.ID, req, in)
}

func (d *double) Restore(_ context.Context, req launch.Request, in workflows.RestoreInput) (launch.Started, error) {
	return d.begin("restore", "", req, in)
}

func (d *double) Recover(_ context.Context, req launch.Request, in workflows.RecoverInput) (launch.Started, error) {
	return d.begin("recover", "", req, in)
}

func (d *double) Remove(_ context.Context, req launch.Request, in workflows.RemoveInput) (launch.Started, error) {
	return d.begin("remove", in.ID, req, in)
}

func (d *double) Prune(_ context.Context, req launch.Request, in workflows.PruneInput) (launch.Started, error) {
	return d.begin("prune", "", req, in)
}

func (d *double) Rewind(_ context.Context, req launch.Request, in workflows.RewindInput) (launch.Started, error) {
	return d.begin("rewind", "", req, in)
}

func (d *double) Drill(_ context.Context, req launch.Request, in workflows.DrillInput) (launch.Started, error) {
	return d.begin("drill", "", req, in)
}

func (d *double) DrillState(_ context.Context, id string) (workflows.DrillResult, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if result, ok := d.results["drill/"+id].(workflows.DrillResult); ok {
		return result, nil
	}
	return workflows.DrillResult{}, fault.New(fault.Missing, "no drill %s is known", id)
}

func (d *double) ManualStep(_ context.Context, _ launch.Request, id string, in workflows.ManualStepInput) (drill.ManualStep, error) {
	if _, err := d.DrillState(context.Background(), id); err != nil {
		return drill.ManualStep{}, err
	}
	return drill.ManualStep{By: in.By, Text: in.Text}, nil
}

func (d *double) SignOff(_ context.Context, _ launch.Request, id string, in workflows.SignOffInput) (workflows.DrillResult, error) {
	result, err := d.DrillState(context.Background(), id)
	if err == nil && result.StartedBy == in.Signer {
		err = fault.New(fault.Denied, "%s started drill %s: another person has to sign it", in.Signer, id)
	}
	result.State = drill.StateSigned
	return result, err
}

func (d *double) CancelDrill(_ context.Context, id string) error {
	_, err := d.DrillState(context.Background(), id)
	return err
}

func (d *double) Find(_ context.Context, operation, id string) (launch.Run, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if run, ok := d.runs[operation+"/"+id]; ok {
		return run, nil
	}
	return launch.Run{}, fault.New(fault.Missing, "no %s %s is known", operation, id)
}

func (d *double) Progress(_ context.Context, s launch.Started) (launch.Progress, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if p, ok := d.results[s.WorkflowID].(launch.Progress); ok {
		return p, nil
	}
	return launch.Progress{}, fault.New(fault.Unavailable, "nobody answers")
}

func (d *double) Wait(_ context.Context, s launch.Started, result any) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	text, err := json.Marshal(d.results[s.WorkflowID])
	if err != nil {
		return err
	}
	return json.Unmarshal(text, result)
}

func (d *double) Running(_ context.Context, surface string) ([]launch.Run, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []launch.Run
	for _, run := range d.runs {
		if run.State == "running" && run.Surface == surface {
			out = append(out, run)
		}
	}
	return out, d.down
}

func (d *double) Schedules(_ context.Context, ids []string) (map[string]schedules.State, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := map[string]schedules.State{}
	for _, id := range ids {
		if state, known := d.schedules[id]; known {
			out[id] = state
		}
	}
	return out, d.down
}

func (d *double) PauseSchedule(_ context.Context, req launch.Request, id, reason string) (schedules.State, error) {
	return d.turn(id, true, "paused by "+req.Requester+": "+reason)
}

func (d *double) ResumeSchedule(_ context.Context, req launch.Request, id string) (schedules.State, error) {
	return d.turn(id, false, "resumed by "+req.Requester)
}

func (d *double) turn(id string, paused bool, note string) (schedules.State, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	state, known := d.schedules[id]
	if !known {
		return state, fault.New(fault.Missing, "there is no schedule %s yet", id)
	}
	state.ByHand = state.ByHand != (state.Paused != paused)
	state.Paused, state.Note = paused, note
	d.schedules[id] = state
	return state, d.down
}

func (d *double) Health(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.down
}

// fail makes Temporal unreachable, or reachable again.
func (d *double) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = err
}

// know puts a run into its memory.
func (d *double) know(run launch.Run, result any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	run.WorkflowID, run.RunID = run.Operation+"/"+run.ID, "r"
	run.Started = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	d.runs[run.WorkflowID], d.results[run.WorkflowID] = run, result
}

func (d *double) starts() []start {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.started)
}
