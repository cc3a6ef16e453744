package schedules

import (
	"context"
	"time"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// State is how one of Lifeboat's schedules stands.
type State struct {
	// ID is without Prefix.
	ID string
	// Paused is whether it rests; ByHand whether a person made that other than
	// the configuration has it.
	Paused bool
	ByHand bool
	// Note says why.
	Note string
	// Next is when it comes next, zero while it is paused.
	Next time.Time
	// Last is when it last started something, zero when it never did.
	Last time.Time
	// Running are the IDs of the workflows that it started and that go on.
	Running []string
}

// asked is how many schedules are asked for at once.
const asked = 8

// States returns how schedules stand, by ID without Prefix. Those that do not
// exist, as before any worker has started, and those that are not ours are left out.
func States(ctx context.Context, c client.Client, ids []string) (map[string]State, error) {
	found := make([]*State, len(ids))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(asked)
	for i, id := range ids {
		group.Go(func() error {
			state, err := stateOf(ctx, c, id)
			switch {
			case fault.Is(err, fault.Missing):
				return nil
			case err == nil:
				found[i] = &state
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	states := make(map[string]State, len(ids))
	for _, state := range found {
		if state != nil {
			states[state.ID] = *state
		}
	}
	return states, nil
}

// Pause lets a schedule rest, with a note that says why, and returns how it
// then stands. It lasts until Resume, or until the configuration changes
// whether the schedule is to be paused; restarts and other changes leave it.
func Pause(ctx context.Context, c client.Client, id, note string) (State, error) {
	return set(ctx, c, id, "pausing", func(handle client.ScheduleHandle) error {
		return handle.Pause(ctx, client.SchedulePauseOptions{Note: note})
	})
}

// Resume is the reverse of Pause. A schedule that the configuration pauses goes
// on, too, until the configuration changes in that.
func Resume(ctx context.Context, c client.Client, id, note string) (State, error) {
	return set(ctx, c, id, "resuming", func(handle client.ScheduleHandle) error {
		return handle.Unpause(ctx, client.ScheduleUnpauseOptions{Note: note})
	})
}

func set(ctx context.Context, c client.Client, id, doing string, change func(client.ScheduleHandle) error) (State, error) {
	if _, err := stateOf(ctx, c, id); err != nil {
		return State{}, err
	}
	if err := change(c.ScheduleClient().GetHandle(ctx, Prefix+id)); err != nil {
		return State{}, classify(err, doing+" schedule "+id)
	}
	return stateOf(ctx, c, id)
}

func stateOf(ctx context.Context, c client.Client, id string) (State, error) {
	found, err := c.ScheduleClient().GetHandle(ctx, Prefix+id).Describe(ctx)
	if err != nil && code(err) != codes.NotFound {
		return State{}, classify(err, "looking at schedule "+id)
	}
	var made record
	ours := false
	if err == nil {
		made, ours = recordOf(found.Schedule)
	}
	if !ours {
		return State{}, fault.New(fault.Missing, "there is no schedule %s yet: a worker makes it when it starts", id)
	}
	state := State{ID: id}
	if s := found.Schedule.State; s != nil {
		state.Paused, state.ByHand, state.Note = s.Paused, s.Paused != made.Paused, s.Note
	}
	if next := found.Info.NextActionTimes; len(next) > 0 && !state.Paused {
		state.Next = next[0]
	}
	if recent := found.Info.RecentActions; len(recent) > 0 {
		state.Last = recent[len(recent)-1].ActualTime
	}
	for _, run := range found.Info.RunningWorkflows {
		state.Running = append(state.Running, run.WorkflowID)
	}
	return state, nil
}
