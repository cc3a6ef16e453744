// Package schedules makes Temporal's schedules what the configuration says.
package schedules

import (
	"context"
	"errors"
	"slices"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Prefix begins the IDs of Lifeboat's schedules.
const Prefix = "lifeboat/"

// Report has the IDs of schedules, without Prefix and sorted, by what was done.
type Report struct {
	Created   []string `json:"created"`
	Changed   []string `json:"changed"`
	Removed   []string `json:"removed"`
	Unchanged []string `json:"unchanged"`
}

// Reconcile makes, changes and removes schedules until they are those wanted.
// It touches only its own: those whose ID begins with Prefix and which carry its
// record. A schedule that was made from the same Wanted is left as it is, so a
// pause made by hand lasts; it also outlives changes of the configuration,
// until Wanted.Paused itself changes.
//
// Any number of processes may reconcile the same wanted schedules at once. All
// are tried even when some fail; the report then has what was done. Errors are
// fault.Invalid for a schedule that can't be, fault.Denied and fault.Unavailable.
func Reconcile(ctx context.Context, c client.Client, wanted []Wanted) (Report, error) {
	var report Report
	plans, failures := plansFor(wanted)
	for _, p := range plans {
		into, err := apply(ctx, c.ScheduleClient(), p, &report)
		if err != nil {
			failures = append(failures, classify(err, "schedule "+p.ID))
			continue
		}
		*into = append(*into, p.ID)
	}
	if err := removeOthers(ctx, c.ScheduleClient(), wanted, &report); err != nil {
		failures = append(failures, err)
	}
	for _, ids := range [][]string{report.Created, report.Changed, report.Removed, report.Unchanged} {
		slices.Sort(ids)
	}
	return report, errors.Join(failures...)
}

func plansFor(wanted []Wanted) ([]plan, []error) {
	var plans []plan
	var failures []error
	seen := make(map[string]bool, len(wanted))
	for _, w := range wanted {
		p, err := newPlan(w)
		if err == nil && seen[w.ID] {
			err = fault.New(fault.Invalid, "schedule %s is wanted twice", w.ID)
		}
		if err != nil {
			failures = append(failures, err)
			continue
		}
		seen[w.ID] = true
		plans = append(plans, p)
	}
	return plans, failures
}

// applyAttempts bounds how often a schedule is looked at again because another
// process made or removed it in between.
const applyAttempts = 5

// apply makes one schedule as planned and returns the list of the report that it belongs in.
func apply(ctx context.Context, schedules client.ScheduleClient, p plan, report *Report) (*[]string, error) {
	for attempt := 1; ; attempt++ {
		changed, err := change(ctx, schedules.GetHandle(ctx, Prefix+p.ID), p)
		switch {
		case err == nil && changed:
			return &report.Changed, nil
		case err == nil:
			return &report.Unchanged, nil
		case code(err) != codes.NotFound || attempt == applyAttempts:
			return nil, err
		}
		err = create(ctx, schedules, p)
		if err == nil {
			return &report.Created, nil
		}
		if !errors.Is(err, temporal.ErrScheduleAlreadyRunning) || attempt == applyAttempts {
			return nil, err
		}
	}
}

func create(ctx context.Context, schedules client.ScheduleClient, p plan) error {
	action, err := p.action()
	if err != nil {
		return err
	}
	_, err = schedules.Create(ctx, client.ScheduleOptions{
		ID: Prefix + p.ID, Spec: p.spec(), Action: action, Overlap: p.overlap(),
		CatchupWindow: p.window, Paused: p.Paused, Note: p.Note,
	})
	return err
}

// change brings an existing schedule up to the plan. One that was made from the
// same plan is not touched at all: Temporal forgets the runs that were missed
// before a change.
func change(ctx context.Context, handle client.ScheduleHandle, p plan) (changed bool, err error) {
	err = handle.Update(ctx, client.ScheduleUpdateOptions{DoUpdate: func(found client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		before, ours := recordOf(found.Description.Schedule)
		if ours && before == p.record {
			return nil, temporal.ErrSkipScheduleUpdate
		}
		action, err := p.action()
		if err != nil {
			return nil, err
		}
		changed = true
		spec := p.spec()
		return &client.ScheduleUpdate{Schedule: &client.Schedule{
			Action: action,
			Spec:   &spec,
			Policy: &client.SchedulePolicies{Overlap: p.overlap(), CatchupWindow: p.window},
			State:  p.state(found.Description.Schedule.State, before),
		}}, nil
	}})
	return changed && err == nil, err
}

// state is what a changed schedule's becomes: the configuration's where that
// changed, else what a person may have made of it.
func (p plan) state(found *client.ScheduleState, before record) *client.ScheduleState {
	if found == nil {
		return &client.ScheduleState{Paused: p.Paused, Note: p.Note}
	}
	state := *found
	byHand := found.Paused != before.Paused
	if before.Paused != p.Paused {
		state.Paused = p.Paused
		byHand = false
	}
	if !byHand {
		state.Note = p.Note
	}
	return &state
}

// recordOf reads what a schedule was made from; it is false for one that is not ours.
func recordOf(s client.Schedule) (record, bool) {
	action, ok := s.Action.(*client.ScheduleWorkflowAction)
	if !ok {
		return record{}, false
	}
	payload, ok := action.Memo[recordKey].(*commonpb.Payload)
	if !ok {
		return record{}, false
	}
	var r record
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &r); err != nil {
		return record{}, false
	}
	return r, true
}

// removeOthers deletes our schedules that are not wanted any more. A schedule
// that is wanted but could not be planned stays as it is.
func removeOthers(ctx context.Context, schedules client.ScheduleClient, wanted []Wanted, report *Report) error {
	keep := make(map[string]bool, len(wanted))
	for _, w := range wanted {
		keep[w.ID] = true
	}
	others, err := ownIDs(ctx, schedules)
	if err != nil {
		return err
	}
	var failures []error
	for _, id := range others {
		if keep[id] {
			continue
		}
		removed, err := remove(ctx, schedules.GetHandle(ctx, Prefix+id))
		switch {
		case err != nil && code(err) != codes.NotFound:
			failures = append(failures, classify(err, "removing schedule "+id))
		case removed:
			report.Removed = append(report.Removed, id)
		}
	}
	return errors.Join(failures...)
}

// ownIDs lists the schedules with our prefix, without it. A schedule made or
// deleted a moment ago may still be missing or listed.
func ownIDs(ctx context.Context, schedules client.ScheduleClient) ([]string, error) {
	listed, err := schedules.List(ctx, client.ScheduleListOptions{PageSize: 100})
	if err != nil {
		return nil, classify(err, "listing the schedules")
	}
	var ids []string
	for listed.HasNext() {
		entry, err := listed.Next()
		if err != nil {
			return nil, classify(err, "listing the schedules")
		}
		if id, ours := strings.CutPrefix(entry.ID, Prefix); ours {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

func remove(ctx context.Context, handle client.ScheduleHandle) (removed bool, err error) {
	found, err := handle.Describe(ctx)
	if err != nil {
		return false, err
	}
	if _, ours := recordOf(found.Schedule); !ours {
		return false, nil
	}
	err = handle.Delete(ctx)
	return err == nil, err
}

func code(err error) codes.Code { return serviceerror.ToStatus(err).Code() }

func classify(err error, doing string) error {
	kind := fault.Unavailable
	switch code(err) {
	case codes.InvalidArgument:
		kind = fault.Invalid
	case codes.PermissionDenied, codes.Unauthenticated:
		kind = fault.Denied
	}
	return fault.Wrap(kind, err, "%s", doing)
}
