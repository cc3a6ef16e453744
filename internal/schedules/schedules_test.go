package schedules_test

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/internal/engine"
	"github.com/lifeboat-dr/lifeboat/internal/engine/enginetest"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/schedules"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
)

// daily is a schedule that does not come due while a test runs.
func daily(id string, change ...func(*schedules.Wanted)) schedules.Wanted {
	w := schedules.Wanted{
		ID: id, Cron: "0 2 * * *", TimeZone: "Europe/Berlin", Jitter: time.Second, Note: "policy " + id,
		Workflow: "Snapshot", TaskQueue: "q", Args: []any{map[string]string{"surface": "main"}}, Summary: "a summary",
	}
	for _, c := range change {
		c(&w)
	}
	return w
}

func at(cron string) func(*schedules.Wanted) { return func(w *schedules.Wanted) { w.Cron = cron } }
func paused(paused bool) func(*schedules.Wanted) {
	return func(w *schedules.Wanted) { w.Paused = paused }
}

func reconcile(t *testing.T, c client.Client, wanted ...schedules.Wanted) schedules.Report {
	t.Helper()
	report, err := schedules.Reconcile(t.Context(), c, wanted)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func describe(t *testing.T, c client.Client, id string) *client.ScheduleDescription {
	t.Helper()
	found, err := c.ScheduleClient().GetHandle(t.Context(), schedules.Prefix+id).Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// eventually polls until done, for what a server does in its own time.
func eventually(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not happen", what)
		}
	}
}

// awaitListed waits until the server lists the schedules: its list lags behind.
func awaitListed(t *testing.T, c client.Client, ids ...string) {
	t.Helper()
	eventually(t, "the listing of new schedules", func() bool {
		list, err := c.ScheduleClient().List(t.Context(), client.ScheduleListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var have []string
		for list.HasNext() {
			entry, err := list.Next()
			if err != nil {
				t.Fatal(err)
			}
			have = append(have, entry.ID)
		}
		return !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(have, id) })
	})
}

func wantReport(t *testing.T, got schedules.Report, created, changed, removed, unchanged string) {
	t.Helper()
	for what, pair := range map[string][2]string{
		"created":   {strings.Join(got.Created, " "), created},
		"changed":   {strings.Join(got.Changed, " "), changed},
		"removed":   {strings.Join(got.Removed, " "), removed},
		"unchanged": {strings.Join(got.Unchanged, " "), unchanged},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %q, want %q", what, pair[0], pair[1])
		}
	}
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t)
	c := enginetest.Dial(t, e)
	// What others made, one of them under our prefix.
	byHand := client.ScheduleOptions{
		ID: schedules.Prefix + "by-hand", Spec: client.ScheduleSpec{CronExpressions: []string{"@daily"}},
		Action: &client.ScheduleWorkflowAction{ID: "x", Workflow: "x", TaskQueue: "q"},
	}
	elsewhere := byHand
	elsewhere.ID = "elsewhere"
	for _, o := range []client.ScheduleOptions{byHand, elsewhere} {
		if _, err := c.ScheduleClient().Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}

	wantReport(t, reconcile(t, c, daily("b"), daily("a", paused(true))), "a b", "", "", "")
	wantReport(t, reconcile(t, c, daily("b"), daily("a", paused(true))), "", "", "", "a b")
	awaitListed(t, c, byHand.ID, elsewhere.ID, schedules.Prefix+"a", schedules.Prefix+"b")
	wantReport(t, reconcile(t, c, daily("b", at("0 3 * * *")), daily("d")), "d", "b", "a", "")

	if _, err := c.ScheduleClient().GetHandle(t.Context(), schedules.Prefix+"a").Describe(t.Context()); err == nil {
		t.Error("the schedule that is not wanted any more is still there")
	}
	for _, id := range []string{byHand.ID, elsewhere.ID} {
		if _, err := c.ScheduleClient().GetHandle(t.Context(), id).Describe(t.Context()); err != nil {
			t.Errorf("a schedule that is not ours: %v", err)
		}
	}
	testDescription(t, describe(t, c, "b"))
	testPageShowsSchedule(t, e, schedules.Prefix+"b")
}

func testDescription(t *testing.T, b *client.ScheduleDescription) {
	t.Helper()
	if hours := b.Schedule.Spec.Calendars[0].Hour; len(hours) != 1 || hours[0].Start != 3 || b.Schedule.Spec.TimeZoneName != "Europe/Berlin" {
		t.Errorf("the changed schedule comes at %v of %q, want 3 of Europe/Berlin", hours, b.Schedule.Spec.TimeZoneName)
	}
	if got := b.Schedule.Policy.CatchupWindow; got != 25*time.Hour {
		t.Errorf("its catch-up window is %v, want the 25 hours of the day on which summer time ends", got)
	}
	action, ok := b.Schedule.Action.(*client.ScheduleWorkflowAction)
	if !ok || action.ID != "b" || action.Workflow != "Snapshot" || action.StaticSummary != "a summary" || len(action.Args) != 1 {
		t.Errorf("it starts %+v", b.Schedule.Action)
	}
	if b.Schedule.State.Note != "policy b" {
		t.Errorf("its note is %q", b.Schedule.State.Note)
	}
}

// The Web UI asks for a schedule by its ID in a path.
func testPageShowsSchedule(t *testing.T, e *engine.Engine, id string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet,
		e.UIURL()+"/api/v1/namespaces/default/schedules/"+url.PathEscape(id), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("the Web UI can't show %s: %d %s %v", id, response.StatusCode, body, err)
	}
}

func TestPauses(t *testing.T) {
	t.Parallel()
	c := enginetest.Dial(t, enginetest.Start(t))
	pause := func(id string) {
		if err := c.ScheduleClient().GetHandle(t.Context(), schedules.Prefix+id).Pause(t.Context(), client.SchedulePauseOptions{Note: "by hand"}); err != nil {
			t.Fatal(err)
		}
	}
	unpause := func(id string) {
		if err := c.ScheduleClient().GetHandle(t.Context(), schedules.Prefix+id).Unpause(t.Context(), client.ScheduleUnpauseOptions{Note: "by hand"}); err != nil {
			t.Fatal(err)
		}
	}
	steps := []struct {
		name   string
		before func(id string)
		wanted schedules.Wanted
		paused bool
		note   string
	}{
		{"made", nil, daily("p"), false, "policy p"},
		{"paused by hand", pause, daily("p"), true, "by hand"},
		{"changed meanwhile", nil, daily("p", at("0 4 * * *")), true, "by hand"},
		{"paused by the configuration too", nil, daily("p", paused(true)), true, "policy p"},
		{"resumed by hand", unpause, daily("p", paused(true)), false, "by hand"},
		{"changed after that", nil, daily("p", paused(true), at("0 5 * * *")), false, "by hand"},
		{"no more paused by the configuration", nil, daily("p"), false, "policy p"},
		{"paused by the configuration alone", nil, daily("p", paused(true)), true, "policy p"},
		{"and resumed by it", nil, daily("p"), false, "policy p"},
	}
	for _, s := range steps {
		if s.before != nil {
			s.before(s.wanted.ID)
		}
		reconcile(t, c, s.wanted)
		if got := describe(t, c, "p").Schedule.State; got.Paused != s.paused || got.Note != s.note {
			t.Fatalf("%s: paused %v, %q, want %v, %q", s.name, got.Paused, got.Note, s.paused, s.note)
		}
	}
}

func TestManyReconcileAtOnce(t *testing.T) {
	t.Parallel()
	e := enginetest.Start(t)
	wanted := []schedules.Wanted{daily("a"), daily("b"), daily("c")}
	const processes = 6
	reports := make([]schedules.Report, processes)
	var all sync.WaitGroup
	for i := range processes {
		// Half of them encrypt, each with a key of its own: the record must be readable to all.
		options := temporalclient.Options{Address: e.Address()}
		if i%2 == 1 {
			options.CodecKey = "a passphrase of some length"
		}
		c, err := temporalclient.Dial(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		all.Go(func() {
			var err error
			if reports[i], err = schedules.Reconcile(t.Context(), c, wanted); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	created := make(map[string]int)
	for _, r := range reports {
		for _, id := range r.Created {
			created[id]++
		}
		if got := len(r.Created) + len(r.Unchanged); got != len(wanted) {
			t.Errorf("a process reports %+v, want %d created or unchanged", r, len(wanted))
		}
	}
	for _, w := range wanted {
		if created[w.ID] != 1 {
			t.Errorf("%s was created by %d processes, want 1", w.ID, created[w.ID])
		}
	}
}

// nobody is a client that must not be asked anything.
type nobody struct{ client.Client }

func (nobody) ScheduleClient() client.ScheduleClient { return noSchedules{} }

type noSchedules struct{ client.ScheduleClient }

func (noSchedules) List(context.Context, client.ScheduleListOptions) (client.ScheduleListIterator, error) {
	return none{}, nil
}

type none struct{ client.ScheduleListIterator }

func (none) HasNext() bool { return false }

func TestWantedThatCanNotBe(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		wanted schedules.Wanted
		says   string
	}{
		"no ID":             {daily(""), "needs an ID"},
		"no workflow":       {daily("w", func(w *schedules.Wanted) { w.Workflow = "" }), "needs an ID"},
		"no cron":           {daily("w", at("")), "is not a schedule"},
		"four fields":       {daily("w", at("0 2 * *")), "is not a schedule"},
		"never":             {daily("w", at("0 0 30 2 *")), "never comes"},
		"no such time zone": {daily("w", func(w *schedules.Wanted) { w.TimeZone = "Europe/Atlantis" }), "is not a time zone"},
		"no such value":     {daily("w", func(w *schedules.Wanted) { w.Args = []any{make(chan int)} }), "unsupported type"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := schedules.Reconcile(t.Context(), nobody{}, []schedules.Wanted{c.wanted})
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want fault.Invalid that says %q", err, c.says)
			}
		})
	}
}
