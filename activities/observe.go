package activities

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/observe"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

const (
	// ObserveEvery is between two looks at how everything stands.
	ObserveEvery = 30 * time.Second
	// ObserveTurn is how long one run of Observe lasts: long enough that the
	// history hardly grows, short enough that new settings reach it.
	ObserveTurn = 24 * time.Hour
	// observeBeat is how often the worker's heart beats meanwhile. Each beat has
	// the whole report, for the last one alone is kept.
	observeBeat = 7 * time.Second
	// announceWithin bounds the announcement of what has changed.
	announceWithin = 20 * time.Second
	// reannounced is how often, while a critical alert is to be told again, all is
	// announced that fires: so many times before that, but not more than once a minute.
	reannounced = 24
	// signWithin bounds one sign of life for the dead man's switch.
	signWithin = 10 * time.Second
)

// Watch is what Observe is handed beside what all steps have.
type Watch struct {
	// Commitments say which recovery targets may be promised.
	Commitments func(ctx context.Context, now time.Time) ([]drill.Commitment, error)
	// Runs and Schedules are as observe.Sources has them.
	Runs      func(ctx context.Context, since time.Time, skip func(runID string) bool) ([]observe.Run, error)
	Schedules func(ctx context.Context) (map[string]observe.Schedule, error)
	// Evaluate makes the alerts of a report out of those before; nil makes none.
	Evaluate func(r status.Report, before []status.Alert, now time.Time) []status.Alert
	// Announce tells somebody of alerts that have begun to fire, and of those
	// that no longer do; nil tells nobody. What could not be announced is
	// announced at the next look.
	Announce func(ctx context.Context, a Announcement) error
}

// Announcement is a report that differs from the one that was announced before.
type Announcement struct {
	Report status.Report
	// Began is when this run of Observe did, by Temporal's clock; Number counts its
	// announcements from 1. Together they order all there ever are: clocks of
	// workers differ, and one that has lost the watch may not know yet.
	Began  time.Time
	Number int64
	// Fired began to fire, Resolved is over.
	Fired, Resolved []status.Alert
}

// ObserveInput is how everything stood when it was looked at last; empty at first.
type ObserveInput struct {
	State observe.State `json:"state"`
}

// Observe looks every 30 seconds at how everything stands, for one turn, and
// returns what the next turn goes on with. Its heartbeats hold the report, and
// what the next one is made with: a worker that takes over goes on from them.
func (a *Activities) Observe(ctx context.Context, in ObserveInput) (observe.State, error) {
	state := in.State
	if activity.HasHeartbeatDetails(ctx) {
		var last observe.State
		if err := activity.GetHeartbeatDetails(ctx, &last); err == nil {
			state = last
		}
	}
	w := &watcher{a: a, reader: observe.New(a.sources()), began: activity.GetInfo(ctx).StartedTime, state: state}
	turn, over := context.WithCancel(ctx)
	defer over()
	var beside sync.WaitGroup
	beside.Go(func() { w.beat(turn) })
	beside.Go(func() {
		// What is being read when the worker stops holds it up no longer.
		select {
		case <-activity.GetWorkerStopChannel(ctx):
			over()
		case <-turn.Done():
		}
	})
	err := w.follow(turn)
	over()
	beside.Wait()
	// Whoever goes on does so from the last word.
	w.record(ctx)
	return w.last(), err
}

// watcher is one run of Observe.
type watcher struct {
	a      *Activities
	reader *observe.Reader
	began  time.Time
	// announcements counts those of this run, announced is when the last one arrived.
	announcements int64
	announced     time.Time
	// signed is when a dead man's switch outside last heard that somebody watches.
	signed time.Time

	mu    sync.Mutex
	state observe.State
}

func (w *watcher) last() observe.State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.state
}

// follow looks again and again until the turn is over or the worker stops.
func (w *watcher) follow(ctx context.Context) error {
	over := time.NewTimer(ObserveTurn)
	defer over.Stop()
	tick := time.NewTicker(ObserveEvery)
	defer tick.Stop()
	for {
		w.look(ctx)
		select {
		case <-tick.C:
		case <-over.C:
			return nil
		case <-activity.GetWorkerStopChannel(ctx):
			return fault.New(fault.Unavailable, "the worker is stopping")
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, ctx.Err(), "look at how everything stands")
		}
	}
}

// look makes one report, with its alerts, and tells of what has changed.
func (w *watcher) look(ctx context.Context) {
	before := w.last()
	now := time.Now().UTC()
	state := w.reader.Read(ctx, now, before)
	if ctx.Err() != nil {
		// What could not be read because of that is not blind.
		return
	}
	if w.a.Watch.Evaluate != nil {
		state.Report.Alerts = w.a.Watch.Evaluate(state.Report, before.Report.Alerts, now)
	}
	state = observe.Bounded(state)
	if err := w.tell(ctx, &state); err != nil && ctx.Err() == nil {
		activity.GetLogger(ctx).Warn("nobody could be told how everything stands", "error", err)
		state.Report.Blind = append(state.Report.Blind, fault.Line(err))
	}
	w.mu.Lock()
	w.state = state
	w.mu.Unlock()
	w.record(ctx)
}

// tell hands on what has changed and, when that is done, shows those outside that
// somebody watches. Where alerts reach nobody, that is what they are to notice.
func (w *watcher) tell(ctx context.Context, state *observe.State) error {
	if err := w.announce(ctx, state); err != nil {
		return fault.While(err, "alerts: nobody could be told of what has changed")
	}
	return w.sign(ctx)
}

// sign gives a dead man's switch its sign of life when it is due. One that fails
// is given at the next look.
func (w *watcher) sign(ctx context.Context) error {
	h := w.a.Config.Alerts.Heartbeat
	// Looks are not quite evenly apart.
	if h.URL == "" || time.Since(w.signed) < h.Every.Of()-ObserveEvery/2 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, signWithin)
	defer cancel()
	if err := beat(ctx, h); err != nil {
		return err
	}
	w.signed = time.Now()
	return nil
}

// announce tells of the alerts that fire and were not announced, and of those
// that were and no longer do.
func (w *watcher) announce(ctx context.Context, state *observe.State) error {
	firing := slices.DeleteFunc(slices.Clone(state.Report.Alerts), func(a status.Alert) bool { return a.State != status.Firing })
	fired, resolved := without(firing, state.Memory.Announced), without(state.Memory.Announced, firing)
	// A run that begins tells of all: who is told may be others than before.
	changed := w.announced.IsZero() || len(fired)+len(resolved) > 0
	if w.a.Watch.Announce == nil || !changed && !repeats(firing, w.a.Config.Alerts.Repeat.Of(), time.Since(w.announced)) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, announceWithin)
	defer cancel()
	// One that fails may have arrived in part.
	w.announcements++
	if err := w.a.Watch.Announce(ctx, Announcement{
		Report: state.Report, Began: w.began, Number: w.announcements, Fired: fired, Resolved: resolved,
	}); err != nil {
		return err
	}
	state.Memory.Announced, w.announced = firing, time.Now()
	return nil
}

// repeats reports whether what fires is announced though nothing has changed.
// Critical alerts are told again and again, but only by who knows that they still fire.
func repeats(firing []status.Alert, repeat, since time.Duration) bool {
	return repeat > 0 && since >= max(repeat/reannounced, time.Minute) &&
		slices.ContainsFunc(firing, func(a status.Alert) bool { return a.Severity == status.Critical })
}

// without are the alerts that others have none for: of the same rule, for the same thing.
func without(alerts, others []status.Alert) []status.Alert {
	return slices.DeleteFunc(slices.Clone(alerts), func(a status.Alert) bool {
		return slices.ContainsFunc(others, func(o status.Alert) bool { return o.Rule == a.Rule && maps.Equal(o.Labels, a.Labels) })
	})
}

// beat lets the worker's heart beat while a look takes its time, and between looks.
func (w *watcher) beat(ctx context.Context) {
	tick := time.NewTicker(observeBeat)
	defer tick.Stop()
	for {
		w.record(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// record puts the newest report into a heartbeat. One that was never made would
// look like one without anything in it.
func (w *watcher) record(ctx context.Context) {
	state := w.last()
	if state.Report.At.IsZero() {
		activity.RecordHeartbeat(ctx)
		return
	}
	activity.RecordHeartbeat(ctx, state)
}

// sources are what is looked at.
func (a *Activities) sources() observe.Sources {
	return observe.Sources{
		Config: a.Config, Host: a.Host, Catalog: a.Catalog, Stores: a.Stores, Surfaces: a.Surfaces,
		Ledger: a.Ledger, Drills: a.Drills, NoLedger: a.NoLedger, Commitments: a.Watch.Commitments,
		WAL: newHeldBases(a).status, Runs: a.Watch.Runs, Schedules: a.Watch.Schedules,
	}
}
