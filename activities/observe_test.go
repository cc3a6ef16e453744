package activities

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/observe"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// observing is one worker that looks: what it is told, and what it tells.
type observing struct {
	alerts          []status.Alert
	refuse          error
	fired, resolved []string
	announced       int
	heartbeat       config.Heartbeat
	// order has every try.
	order []Announcement
}

func (o *observing) activities() *Activities {
	return &Activities{
		Config: &config.Config{DataDir: "/nowhere", Alerts: config.Alerts{Heartbeat: o.heartbeat}}, Catalog: catalog.New(nil), Host: "host-2", NoLedger: "none",
		Watch: Watch{
			Runs: func(context.Context, time.Time, func(string) bool) ([]observe.Run, error) { return nil, nil },
			Schedules: func(context.Context) (map[string]observe.Schedule, error) {
				return nil, errors.New("no route to the schedules")
			},
			Announce: func(_ context.Context, a Announcement) error {
				o.order = append(o.order, a)
				if o.refuse != nil {
					return o.refuse
				}
				o.announced++
				for _, a := range a.Fired {
					o.fired = append(o.fired, a.Rule+a.Labels["surface"])
				}
				for _, a := range a.Resolved {
					o.resolved = append(o.resolved, a.Rule+a.Labels["surface"])
				}
				return nil
			},
		},
	}
}

// look lets Observe look once after what another worker has left, and stops it then.
func (o *observing) look(t *testing.T, before observe.State) observe.State {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	a := o.activities()
	// The worker stops over the first look: what that found is still sent.
	stop := make(chan struct{})
	env.SetWorkerStopChannel(stop)
	var once sync.Once
	a.Watch.Evaluate = func(status.Report, []status.Alert, time.Time) []status.Alert {
		once.Do(func() { close(stop) })
		return o.alerts
	}
	env.RegisterActivity(a.Observe)
	if !before.Report.At.IsZero() {
		env.SetHeartbeatDetails(before)
	}
	began := time.Now()
	var mu sync.Mutex
	var last observe.State
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		var s observe.State
		if err := details.Get(&s); err != nil || s.Report.At.Before(began) {
			return
		}
		mu.Lock()
		last = s
		mu.Unlock()
	})
	_, err := env.ExecuteActivity(a.Observe, ObserveInput{State: observe.State{Report: status.Report{Host: "the input"}}})
	if err == nil || fault.Line(err) == "" {
		t.Errorf("a worker that stops gives %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if last.Report.At.IsZero() {
		t.Fatal("no heartbeat has a report")
	}
	return last
}

func firingOf(rule, surface string) status.Alert {
	return status.Alert{Rule: rule, State: status.Firing, Labels: map[string]string{"surface": surface}}
}

// TestObserveGoesOn hands what one worker saw to the next, announces each change
// once, and again where nobody could be told. A worker that takes over announces
// what fires though nothing has changed: it may know other channels.
func TestObserveGoesOn(t *testing.T) {
	t.Parallel()
	o := &observing{alerts: []status.Alert{firingOf("A", "x"), firingOf("A", "y"), {Rule: "B", State: status.Pending}}}
	first := o.look(t, observe.State{})
	if first.Report.Host != "host-2" || first.Report.Since.IsZero() || len(first.Report.Blind) == 0 {
		t.Errorf("the first report: %+v", first.Report)
	}
	if len(o.fired) != 2 || len(o.resolved) != 0 {
		t.Errorf("announced: %v and %v", o.fired, o.resolved)
	}
	second := o.look(t, first)
	if !second.Report.Since.Equal(first.Report.Since) || !second.Report.At.After(first.Report.At) || o.announced != 2 || len(o.fired) != 2 {
		t.Errorf("the other worker counts since %v and not %v; %d announcements", second.Report.Since, first.Report.Since, o.announced)
	}
	o.alerts, o.refuse = []status.Alert{firingOf("A", "y"), firingOf("B", "")}, errors.New("no route")
	third := o.look(t, second)
	if len(third.Report.Alerts) != 2 || o.announced != 2 || len(third.Memory.Announced) != 2 {
		t.Errorf("while nobody can be told: %+v", third)
	}
	o.fired, o.resolved, o.refuse = nil, nil, nil
	fourth := o.look(t, third)
	if len(o.fired) != 1 || o.fired[0] != "B" || len(o.resolved) != 1 || o.resolved[0] != "Ax" || len(fourth.Memory.Announced) != 2 {
		t.Errorf("announced at last: %v and %v", o.fired, o.resolved)
	}
	for i, a := range o.order {
		if a.Number != 1 || a.Began.IsZero() || i > 0 && !a.Began.After(o.order[i-1].Began) {
			t.Errorf("announcement %d of workers that take over is number %d since %v", i, a.Number, a.Began)
		}
	}
}

func TestWhatIsToldAgainIsAnnouncedAgain(t *testing.T) {
	t.Parallel()
	critical, warning := []status.Alert{{Severity: status.Warning}, {Severity: status.Critical}}, []status.Alert{{Severity: status.Warning}}
	for _, c := range []struct {
		firing        []status.Alert
		repeat, since time.Duration
		want          bool
	}{
		{critical, 24 * time.Hour, time.Hour, true},
		{critical, 24 * time.Hour, 59 * time.Minute, false},
		{critical, 5 * time.Minute, time.Minute, true},
		{critical, 5 * time.Minute, 30 * time.Second, false},
		{critical, 0, 48 * time.Hour, false},
		{warning, 24 * time.Hour, 48 * time.Hour, false},
		{nil, 24 * time.Hour, 48 * time.Hour, false},
	} {
		if got := repeats(c.firing, c.repeat, c.since); got != c.want {
			t.Errorf("%d alerts, told again after %s, announced %s ago: %v", len(c.firing), c.repeat, c.since, got)
		}
	}
}

// TestTheWatchGivesASignOfLife tells a dead man's switch of looks whose alerts
// were handed on, and of no others.
func TestTheWatchGivesASignOfLife(t *testing.T) {
	t.Parallel()
	code, asked := http.StatusOK, 0
	switched := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		w.WriteHeader(code)
	}))
	defer switched.Close()
	o := &observing{heartbeat: config.Heartbeat{URL: secret.String(switched.URL + "/token-in-the-path"), Every: config.Duration(time.Minute)}}
	for _, c := range []struct {
		what   string
		code   int
		refuse error
		asked  int
		want   string
	}{
		{"all is well", http.StatusOK, nil, 1, ""},
		{"alerts reach nobody", http.StatusOK, errors.New("no route"), 0, "nobody could be told"},
		{"the switch is away", http.StatusServiceUnavailable, nil, 1, "HTTP 503"},
	} {
		code, asked, o.refuse = c.code, 0, c.refuse
		w := &watcher{a: o.activities()}
		err := w.tell(t.Context(), &observe.State{})
		if asked != c.asked || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: it was asked %d times, and then %v", c.what, asked, err)
		}
		if err != nil && strings.Contains(err.Error(), "token-in-the-path") {
			t.Errorf("%s: the error shows the address: %v", c.what, err)
		}
		// What failed is due at the next look, what arrived is not.
		code, asked, o.refuse = http.StatusOK, 0, nil
		if err := w.tell(t.Context(), &observe.State{}); err != nil || (asked == 0) != (c.want == "") {
			t.Errorf("%s: at the next look it was asked %d times: %v", c.what, asked, err)
		}
	}
}
