package activities

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// HoldInput names the point whose source is to be held.
type HoldInput struct {
	Point Point `json:"point"`
	// Fresh counts how often the point was started afresh, from 1. It comes
	// back with the signal, so that a late one is told apart.
	Fresh int `json:"fresh"`
}

// Held is what the workflow is told, by a signal, once the view is open.
type Held struct {
	Fresh int `json:"fresh"`
	// Token is what dumps need to see the same view.
	Token  string         `json:"token"`
	Server surface.Server `json:"server"`
	// Parts is how many there are in the plan, Bytes about how large they are together.
	Parts int   `json:"parts"`
	Bytes int64 `json:"bytes"`
	// OpenedAt is the moment that the view shows.
	OpenedAt time.Time `json:"openedAt"`
	Notes    []string  `json:"notes,omitempty"`
	// Missing names what the view could not see, see surface.Partial.
	Missing []string `json:"missing,omitempty"`
}

// HeldSignal is the name of the signal that carries Held.
const HeldSignal = "held"

const (
	// viewCheckInterval is how often a held view is asked whether it still stands.
	viewCheckInterval = 2 * time.Second
	// viewCheckWithin is how long a busy source may take to answer.
	viewCheckWithin = time.Minute
)

// What a holder reports with its heartbeats: whether its view can be lost yet.
const (
	stepOpening = "open a view"
	stepHolding = "hold the view"
)

// Hold opens one consistent view of the source, writes the plan of its parts
// to the store, tells the workflow, and keeps the view open until it is
// cancelled. A view can't be taken over: when its worker died, the next
// attempt answers fault.Lost, and the workflow starts the point afresh.
func (a *Activities) Hold(ctx context.Context, in HoldInput) error {
	var last Bytes
	if activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, &last) == nil && last.Step == stepHolding {
		return fault.New(fault.Lost, "the worker that held the view of %s is gone", in.Point.Surface)
	}
	src, err := a.surface(in.Point.Surface)
	if err != nil {
		return err
	}
	openedAt := time.Now().UTC()
	view, err := open(ctx, src)
	if err != nil {
		return fault.While(err, "open a view of %s", in.Point.Surface)
	}
	defer func() { _ = view.Close() }()
	p := startPulse(ctx, stepHolding, 0)
	defer p.end()
	held, err := a.plan(ctx, in, view)
	if err != nil {
		return lostIfTransient(err)
	}
	held.OpenedAt = openedAt
	if dated, ok := view.(surface.Dated); ok {
		held.OpenedAt = dated.Moment().UTC()
	}
	info := activity.GetInfo(ctx)
	err = a.Client.SignalWorkflow(ctx, info.WorkflowExecution.ID, info.WorkflowExecution.RunID, HeldSignal, held)
	if err != nil {
		return fault.Wrap(fault.Lost, err, "tell the workflow that the view is open")
	}
	return watch(ctx, view)
}

// open waits for the source, as long as locks of others keep it waiting.
func open(ctx context.Context, src surface.Surface) (surface.View, error) {
	p := startPulse(ctx, stepOpening, 0)
	defer p.end()
	if keeper, ok := src.(surface.Keeper); ok {
		// A point needs what is kept for it, also the first one, and after a change by hand.
		if _, err := keeper.Keep(ctx); err != nil {
			return nil, err
		}
	}
	return src.Hold(ctx)
}

// NothingLive reports whether there is nothing of a surface that a view could
// be of, as where somebody has deleted its namespaces.
func (a *Activities) NothingLive(ctx context.Context, surfaceName string) (bool, error) {
	src, err := a.surface(surfaceName)
	if err != nil {
		return false, err
	}
	view, err := open(ctx, src)
	if err == nil {
		return false, view.Close()
	}
	if fault.Is(err, fault.Missing) {
		return true, nil
	}
	return false, fault.While(err, "open a view of %s", surfaceName)
}

// plan writes what the view found to the store, where every worker reads it.
func (a *Activities) plan(ctx context.Context, in HoldInput, view surface.View) (Held, error) {
	held := Held{Fresh: in.Fresh, Token: view.Token(), Server: view.Server(), Parts: len(view.Parts())}
	for _, part := range view.Parts() {
		held.Bytes += part.Estimate
	}
	if noted, ok := view.(interface{ Notes() []string }); ok {
		held.Notes = noted.Notes()
	}
	if partial, ok := view.(surface.Partial); ok {
		held.Missing = mostMissing(partial.Missing())
	}
	if _, err := a.store(in.Point.Store); err != nil {
		return held, err
	}
	entry, err := archive.WritePiece(ctx, a.writer(in.Point, seal.RandomID(attemptLength)), "", view.Fingerprint())
	if err != nil {
		return held, fault.While(err, "write the fingerprint of %s", in.Point.Surface)
	}
	return held, a.writeNote(ctx, in.Point, planNote(in.Fresh), note{Plan: view.Parts(), Entries: []archive.PartEntry{entry}})
}

// maxMissing bounds what is named of what a point lacks: it travels through a history.
const maxMissing = 100

func mostMissing(all []string) []string {
	if len(all) <= maxMissing {
		return all
	}
	return append(slices.Clone(all[:maxMissing]), fmt.Sprintf("and %d more", len(all)-maxMissing))
}

// watch returns nil when ctx is cancelled, and the error when the view is lost.
func watch(ctx context.Context, view surface.View) error {
	tick := time.NewTicker(viewCheckInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			if err := checkView(ctx, view); err != nil && ctx.Err() == nil {
				return err
			}
		}
	}
}

func checkView(ctx context.Context, view surface.View) error {
	ctx, cancel := context.WithTimeout(ctx, viewCheckWithin)
	defer cancel()
	err := view.Check(ctx)
	if err != nil && ctx.Err() != nil {
		return fault.New(fault.Lost, "the source has not answered for %s", viewCheckWithin)
	}
	return err
}

// lostIfTransient turns an error that a retry could mend into Lost: the view
// closes with this attempt, and a retry could only say so.
func lostIfTransient(err error) error {
	if fault.KindOf(err).Retryable() {
		return &fault.Error{Kind: fault.Lost, Err: err}
	}
	return err
}
