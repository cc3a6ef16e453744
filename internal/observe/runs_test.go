package observe

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// shop has a database with a policy for snapshots.
func shop() *config.Config {
	c := &config.Config{Policies: map[string]config.Policy{
		"daily": {Surface: "main", Kind: config.KindSnapshot, Store: "primary", Verify: config.VerifyAfter},
	}, Surfaces: map[string]config.Surface{"main": {}}}
	return c
}

// ledgerless reads nothing but runs and schedules.
func ledgerless(runs func(since time.Time, skip func(string) bool) ([]Run, error)) *Reader {
	return New(Sources{
		Config: shop(), Catalog: catalog.New(nil), NoLedger: "none",
		Runs: func(_ context.Context, since time.Time, skip func(string) bool) ([]Run, error) {
			return runs(since, skip)
		},
		Schedules: func(context.Context) (map[string]Schedule, error) {
			return map[string]Schedule{"daily": {Interval: 24 * time.Hour, Next: noon.Add(14 * time.Hour)}}, nil
		},
	})
}

func snapshot(id, policy string, outcome Outcome, closed time.Time) Run {
	return Run{
		RunID: id, WorkflowID: "snapshot/main/" + id, Operation: OperationSnapshot, Surface: "main", Kind: config.KindSnapshot, Policy: policy,
		Started: closed.Add(-time.Minute), Closed: closed, Outcome: outcome, Bytes: 1000, Failure: map[bool]string{true: "the store is full"}[outcome == Failed],
	}
}

// TestRunsAreCountedOnce looks several times, by two workers, at runs that show
// late, twice, and not in the order of their ends.
func TestRunsAreCountedOnce(t *testing.T) {
	t.Parallel()
	all := []Run{snapshot("before", "daily", Failed, noon.Add(-time.Hour))}
	var failing error
	list := func(since time.Time, skip func(string) bool) ([]Run, error) {
		if failing != nil {
			return nil, failing
		}
		var out []Run
		for _, r := range all {
			if !r.Closed.Before(since) && !skip(r.RunID) {
				out = append(out, r)
			}
		}
		return out, nil
	}
	r := ledgerless(list)
	state := r.Read(t.Context(), noon, State{})
	if p := state.Report.Policies[0]; !p.FailedLast || p.Failures != 0 || p.Failure != "the store is full" || p.IntervalSeconds != 86400 || p.NextDue.IsZero() {
		t.Errorf("what failed before anybody looked: %+v", p)
	}
	if !state.Report.Since.Equal(noon) {
		t.Errorf("it counts since %v", state.Report.Since)
	}

	// The first shows only with the second look after its end.
	all = append(all, snapshot("two", "daily", Succeeded, noon.Add(50*time.Second)))
	state = r.Read(t.Context(), noon.Add(time.Minute), state)
	all = append(all, snapshot("one", "daily", Failed, noon.Add(10*time.Second)), snapshot("by hand", "", Failed, noon.Add(70*time.Second)),
		snapshot("given up", "daily", Cancelled, noon.Add(80*time.Second)))
	other := ledgerless(list)
	state = other.Read(t.Context(), noon.Add(90*time.Second), state)
	by := map[string]status.Policy{}
	for _, p := range state.Report.Policies {
		by[p.Name] = p
	}
	if p := by["daily"]; p.Successes != 1 || p.Failures != 1 || p.LastSeconds != 60 || p.LastBytes != 1000 {
		t.Errorf("the policy: %+v", p)
	}
	if p := by[""]; p.Failures != 1 || !p.FailedLast || p.Kind != config.KindSnapshot {
		t.Errorf("on demand: %+v", p)
	}

	failing = errors.New("no route")
	blind := other.Read(t.Context(), noon.Add(2*time.Minute), state)
	if p := blind.Report.Policies; len(p) != 2 || p[1].Successes != 1 || !strings.Contains(strings.Join(blind.Report.Blind, "\n"), "no route") {
		t.Errorf("while Temporal is away: %+v, %v", p, blind.Report.Blind)
	}
	failing = nil
	all = append(all, snapshot("three", "daily", Succeeded, noon.Add(110*time.Second)))
	state = other.Read(t.Context(), noon.Add(20*time.Minute), blind)
	for _, p := range state.Report.Policies {
		switch {
		case p.Name == "daily" && (p.Successes != 2 || p.Failures != 1 || p.FailedLast):
			t.Errorf("after Temporal was away: %+v", p)
		case p.Name == "" && (p.FailedLast || p.Failures != 1):
			t.Errorf("what failed by hand and a policy has made since: %+v", p)
		}
	}
	again := other.Read(t.Context(), noon.Add(21*time.Minute), state)
	if p := again.Report.Policies[1]; p.Successes != 2 {
		t.Errorf("a run was counted again: %+v", p)
	}
	if n := len(other.Read(t.Context(), noon.Add(time.Hour), again).Memory.Counted); n != 0 {
		t.Errorf("%d runs are remembered that can't show any more", n)
	}
}

func TestPausedByAPerson(t *testing.T) {
	t.Parallel()
	r := ledgerless(func(time.Time, func(string) bool) ([]Run, error) { return nil, nil })
	r.s.Schedules = func(context.Context) (map[string]Schedule, error) {
		return map[string]Schedule{"daily": {Interval: time.Hour, Paused: true, Next: noon}}, nil
	}
	state := r.Read(t.Context(), noon, State{})
	if p := state.Report.Policies[0]; !p.Paused || !p.NextDue.IsZero() {
		t.Errorf("%+v", p)
	}
	r.s.Schedules = func(context.Context) (map[string]Schedule, error) {
		return map[string]Schedule{"daily": {Interval: time.Hour, Next: noon}}, nil
	}
	state = r.Read(t.Context(), noon.Add(time.Minute), state)
	if p := state.Report.Policies[0]; p.Paused || p.NextDue.IsZero() {
		t.Errorf("resumed: %+v", p)
	}
}

// TestAPolicyIsLateByItsOwnClock: one that is new, resumed, or to come more often
// has its time from then on.
func TestAPolicyIsLateByItsOwnClock(t *testing.T) {
	t.Parallel()
	r := ledgerless(func(time.Time, func(string) bool) ([]Run, error) { return nil, nil })
	at := func(days int) time.Time { return noon.Add(time.Duration(days) * 24 * time.Hour) }
	state := State{Report: status.Report{Since: at(-100)}}
	look := func(now time.Time, interval time.Duration, paused bool) (status.Policy, status.Surface) {
		r.s.Schedules = func(context.Context) (map[string]Schedule, error) {
			return map[string]Schedule{"daily": {Interval: interval, Paused: paused}}, nil
		}
		state = r.Read(t.Context(), now, state)
		return state.Report.Policies[0], state.Report.Surfaces[0]
	}
	if p, s := look(noon, 24*time.Hour, false); !p.CountsFrom().Equal(noon) || !s.FirstDue.Equal(noon.Add(36*time.Hour)) {
		t.Errorf("a new one: %+v, %+v", p, s)
	}
	if p, s := look(at(1), 24*time.Hour, true); !p.LateAt().IsZero() || !s.FirstDue.IsZero() {
		t.Errorf("a paused one: %+v, %+v", p, s)
	}
	if p, _ := look(at(9), 24*time.Hour, false); !p.CountsFrom().Equal(at(9)) || !p.Since.Equal(noon) {
		t.Errorf("resumed: %+v", p)
	}
	if p, _ := look(at(10), time.Hour, false); !p.CountsFrom().Equal(at(10)) {
		t.Errorf("more often: %+v", p)
	}
	if p, _ := look(at(11), 48*time.Hour, false); !p.CountsFrom().Equal(at(10)) {
		t.Errorf("more seldom: %+v", p)
	}
}

// TestRunsThatShowLate change what is known of the newest run in no order.
func TestRunsThatShowLate(t *testing.T) {
	t.Parallel()
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	good, bad := snapshot("good", "daily", Succeeded, at(5)), snapshot("bad", "daily", Failed, at(10))
	better, last := snapshot("better", "daily", Succeeded, at(15)), snapshot("last", "daily", Failed, at(20))
	for name, c := range map[string]struct {
		looks    [][]Run
		failed   bool
		workflow string
	}{
		"a failure from before a success":  {[][]Run{{better}, {bad}}, false, "snapshot/main/better"},
		"a success from before a failure":  {[][]Run{{bad}, {good}}, true, "snapshot/main/bad"},
		"a failure from before another":    {[][]Run{{last}, {bad}}, true, "snapshot/main/last"},
		"a success between the failures":   {[][]Run{{last}, {bad, better}}, true, "snapshot/main/last"},
		"all in order":                     {[][]Run{{good, bad}, {better}}, false, "snapshot/main/better"},
		"a success after which it is well": {[][]Run{{bad}, {better, good}}, false, "snapshot/main/better"},
	} {
		p := status.Policy{Name: "daily", Surface: "main", Kind: config.KindSnapshot}
		runs := 0
		for _, look := range c.looks {
			follow(&p, look, noon)
			runs += len(look)
		}
		if p.FailedLast != c.failed || p.WorkflowID != c.workflow || int(p.Successes+p.Failures) != runs {
			t.Errorf("%s: %+v", name, p)
		}
	}
}

// TestAPauseOutlivesTemporal: while schedules can't be listed, one that a person
// has paused or resumed stays so, whatever the configuration says.
func TestAPauseOutlivesTemporal(t *testing.T) {
	t.Parallel()
	for _, paused := range []bool{true, false} {
		r := ledgerless(func(time.Time, func(string) bool) ([]Run, error) { return nil, nil })
		p := r.s.Config.Policies["daily"]
		p.Paused = !paused
		r.s.Config.Policies["daily"] = p
		r.s.Schedules = func(context.Context) (map[string]Schedule, error) {
			return map[string]Schedule{"daily": {Interval: time.Hour, Paused: paused}}, nil
		}
		state := r.Read(t.Context(), noon, State{})
		r.s.Schedules = func(context.Context) (map[string]Schedule, error) { return nil, errors.New("no route") }
		again := r.Read(t.Context(), noon.Add(time.Minute), state)
		if state.Report.Policies[0].Paused != paused || again.Report.Policies[0].Paused != paused {
			t.Errorf("a person has made it %v: %+v, then %+v", paused, state.Report.Policies[0], again.Report.Policies[0])
		}
	}
}

func TestWhatStoresHaveCountsWhereNoRunIsKnown(t *testing.T) {
	t.Parallel()
	at := func(hours int) time.Time { return noon.Add(time.Duration(hours) * time.Hour) }
	seen := at(-3)
	known := []catalog.Point{
		{ID: "4", Surface: "main", Kind: "snapshot", Policy: "daily", State: catalog.StateCorrupt, CreatedAt: at(-1)},
		{ID: "3", Surface: "main", Kind: "snapshot", Policy: "daily", State: catalog.StateSealed, CreatedAt: at(-2), Bytes: 30},
		{ID: "2", Surface: "main", Kind: "snapshot", Policy: "daily", State: catalog.StateProven, CreatedAt: at(-26), ProvenAt: &seen, Bytes: 20},
		{ID: "1", Surface: "main", Kind: "snapshot", Policy: "daily", State: catalog.StateSealed, CreatedAt: at(-50), Bytes: 10},
		{ID: "0", Surface: "main", Kind: "base", Policy: "other", State: catalog.StateSealed, CreatedAt: at(-70), Bytes: 10},
	}
	r := ledgerless(nil)
	got := r.policies(&status.Report{Since: noon}, nil, nil, nil, known)
	if p := got[0]; !p.LastSuccess.Equal(at(-2)) || p.LastBytes != 30 || !p.UnverifiedSince.Equal(at(-50)) || p.FailedLast {
		t.Errorf("the policy: %+v", p)
	}
	var s status.Surface
	for _, p := range known[1:] {
		count(&s, p)
	}
	if s.Points != 4 || s.Bytes != 70 || s.LastPoint.ID != "3" || s.LastProven.ID != "2" || !s.LastProven.Seen.Equal(seen) || s.LastVerified != nil {
		t.Errorf("the surface: %+v", s)
	}
}
