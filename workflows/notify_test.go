package workflows_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// listener is a channel that writes down what it is told, and when. Its clock skips.
type listener struct {
	*testsuite.TestWorkflowEnvironment
	began time.Time
	// refuse is what an attempt ends with, by its number from 1; nil takes the message.
	refuse func(attempt int) error

	attempts int
	// tried are the IDs of all attempts, ids of those that were taken.
	tried []string
	// sent counts notices.
	sent  int64
	heard []string
	ids   []string
}

func newListener(t *testing.T) *listener {
	t.Helper()
	var suite testsuite.WorkflowTestSuite
	l := &listener{TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), refuse: func(int) error { return nil }}
	l.SetTestTimeout(time.Minute)
	l.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute})
	l.RegisterActivity(&activities.Activities{})
	l.began = l.Now()
	l.OnActivity(acts.Tell, mock.Anything, mock.Anything).Return(func(_ context.Context, in activities.TellInput) error {
		if in.Channel != "ops" || in.At.IsZero() {
			t.Errorf("told %+v", in)
		}
		l.attempts++
		l.tried = append(l.tried, in.ID)
		if err := l.refuse(l.attempts); err != nil {
			return err
		}
		l.ids = append(l.ids, in.ID)
		l.heard = append(l.heard, fmt.Sprintf("%s +%s -%s =%s", in.At.Sub(l.began).Round(time.Minute), rules(in.Firing), rules(in.Resolved), rules(in.Still)))
		return nil
	})
	return l
}

// notice sends what fires at a time after the beginning. One in lower case is a warning.
func (l *listener) notice(after time.Duration, repeat time.Duration, firing ...string) {
	l.sent++
	n := workflows.Notice{At: l.began.Add(after), Began: l.began, Number: l.sent, Repeat: repeat}
	for _, rule := range firing {
		severity := status.Critical
		if strings.ToLower(rule) == rule {
			severity = status.Warning
		}
		// The text changes from look to look.
		n.Firing = append(n.Firing, status.Alert{
			Rule: rule, Severity: severity, State: status.Firing, Labels: map[string]string{"surface": "main"}, Summary: after.String(), Since: n.At,
		})
	}
	l.RegisterDelayedCallback(func() { l.SignalWorkflow(workflows.NoticeSignal, n) }, after)
}

func (l *listener) run(t *testing.T, want ...string) {
	t.Helper()
	l.ExecuteWorkflow(workflows.Notify, workflows.NotifyInput{Channel: "ops"})
	if err := l.GetWorkflowError(); !l.IsWorkflowCompleted() || err != nil {
		t.Fatalf("the run ended with %v", err)
	}
	if !slices.Equal(l.heard, want) {
		t.Errorf("it heard\n%s\nwant\n%s", strings.Join(l.heard, "\n"), strings.Join(want, "\n"))
	}
	if ids := slices.Sorted(slices.Values(l.ids)); len(slices.Compact(ids)) != len(l.ids) {
		t.Errorf("two messages have one ID: %q", l.ids)
	}
}

func rules(alerts []status.Alert) string {
	var names []string
	for _, a := range alerts {
		names = append(names, a.Rule)
	}
	return strings.Join(names, ",")
}

func TestAnAlertIsToldOnceAndItsEndOnce(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	l.notice(0, 0, "A")
	// Another worker took over, and tells all anew.
	l.notice(time.Minute, 0, "A")
	l.notice(2*time.Minute, 0, "A", "b")
	l.notice(3*time.Minute, 0, "b")
	l.notice(4*time.Minute, 0, "A", "b")
	l.notice(100*time.Hour, 0)
	l.run(t, "0s +A - =", "2m0s +b - =", "3m0s + -A =", "4m0s +A - =", "100h0m0s + -A,b =")
}

func TestNothingIsSaidOfWhatEndsUntold(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	l.notice(0, 0)
	l.run(t)
}

// TestCriticalAlertsAreToldAgain tells them again when their time has come and
// somebody has just said that they still fire.
func TestCriticalAlertsAreToldAgain(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	l.notice(0, 24*time.Hour, "A", "b")
	l.notice(23*time.Hour, 24*time.Hour, "A", "b")
	// Four minutes later it is due.
	l.notice(24*time.Hour-4*time.Minute, 24*time.Hour, "A", "b")
	l.notice(30*time.Hour, 24*time.Hour, "A", "b", "C")
	// Nobody watches for a while.
	l.notice(60*time.Hour, 24*time.Hour, "A", "C")
	l.notice(61*time.Hour, 24*time.Hour)
	l.run(t, "0s +A,b - =", "24h0m0s + - =A", "30h0m0s +C - =", "60h0m0s + -b =A,C", "61h0m0s + -A,C =")
}

// TestAnOlderNoticeThatComesLateChangesNothing orders notices by who watched
// when, and by how each counted: the clock of the second worker is an hour late.
func TestAnOlderNoticeThatComesLateChangesNothing(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	a := status.Alert{Rule: "A", Severity: status.Critical, State: status.Firing}
	b := status.Alert{Rule: "B", Severity: status.Critical, State: status.Firing}
	first, second := l.began, l.began.Add(10*time.Minute)
	for _, s := range []struct {
		minute int
		n      workflows.Notice
	}{
		{1, workflows.Notice{At: first, Began: first, Number: 2, Firing: []status.Alert{a}}},
		// It was sent before that.
		{2, workflows.Notice{At: first.Add(-time.Minute), Began: first, Number: 1}},
		// The other worker has taken over.
		{12, workflows.Notice{At: first.Add(-time.Hour), Began: second, Number: 1, Firing: []status.Alert{a, b}}},
		// The first doesn't know yet that it watches no longer.
		{13, workflows.Notice{At: first.Add(13 * time.Minute), Began: first, Number: 9}},
		{20, workflows.Notice{At: first.Add(-50 * time.Minute), Began: second, Number: 2}},
	} {
		l.RegisterDelayedCallback(func() { l.SignalWorkflow(workflows.NoticeSignal, s.n) }, time.Duration(s.minute)*time.Minute)
	}
	l.run(t, "1m0s +A - =", "12m0s +B - =", "20m0s + -A,B =")
}

func TestAChannelThatIsAwayIsToldAllWhenItIsBack(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	// Each step is three attempts: at once, and after 10, 20, 40 and 80 seconds.
	l.refuse = func(attempt int) error {
		if attempt <= 15 {
			return temporal.NewApplicationError("HTTP 503", string(fault.Unavailable))
		}
		return nil
	}
	l.notice(0, 0, "A", "B")
	l.notice(5*time.Minute, 0, "B", "C")
	l.notice(10*time.Hour, 0)
	l.run(t, "5m0s +B,C -A =", "10h0m0s + -B,C =")
	if l.tried[0] != l.tried[14] || l.tried[15] == l.tried[0] {
		t.Errorf("the same has one ID and something else another: %q", l.tried)
	}
}

// TestWhatMayHaveArrivedIsEnded has attempts fail that may have told somebody.
func TestWhatMayHaveArrivedIsEnded(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	l.refuse = func(attempt int) error {
		if attempt <= 3 {
			return temporal.NewApplicationError("the answer was lost", string(fault.Unavailable))
		}
		return nil
	}
	l.notice(0, 0, "A")
	l.notice(12*time.Second, 0)
	l.run(t, "0s + -A =")
}

func TestAChannelThatRefusesIsTriedAgain(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	l.refuse = func(attempt int) error {
		if attempt < 4 {
			return forGood(fault.Denied)
		}
		return nil
	}
	l.notice(0, 0, "A")
	// A change is a reason to try, and so is time.
	l.notice(5*time.Minute, 0, "A", "B")
	l.notice(10*time.Hour, 0)
	l.run(t, "35m0s +A,B - =", "10h0m0s + -A,B =")
}

func TestAChannelThatIsGoneEndsItsRunAfterADay(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	l.refuse = func(int) error { return forGood(fault.Missing) }
	l.notice(0, 0, "A")
	l.ExecuteWorkflow(workflows.Notify, workflows.NotifyInput{Channel: "ops"})
	lasted := l.Now().Sub(l.began)
	if err := l.GetWorkflowError(); err == nil || workflows.KindOf(err) != fault.Missing || lasted < 24*time.Hour || lasted > 25*time.Hour {
		t.Errorf("%d attempts in %s, and then %v", l.attempts, lasted, err)
	}
}

// TestAnotherWorkerKnowsTheChannel has settings roll out over two days: what
// workers that don't know the channel can't tell, another tells.
func TestAnotherWorkerKnowsTheChannel(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	l.refuse = func(attempt int) error {
		if attempt%2 == 1 {
			return forGood(fault.Missing)
		}
		return nil
	}
	l.notice(0, 0, "A")
	l.notice(20*time.Hour, 0, "A", "B")
	l.notice(40*time.Hour, 0)
	l.ExecuteWorkflow(workflows.Notify, workflows.NotifyInput{Channel: "ops"})
	if err := l.GetWorkflowError(); err != nil || l.attempts != 6 || len(l.heard) != 3 ||
		!strings.Contains(l.heard[0], "+A -") || !strings.Contains(l.heard[1], "+B -") || !strings.Contains(l.heard[2], "-A,B") {
		t.Errorf("after %d attempts %v; it heard %q", l.attempts, err, l.heard)
	}
}

func TestTheNextRunKnowsWhatWasTold(t *testing.T) {
	t.Parallel()
	l := newListener(t)
	a := status.Alert{Rule: "A", Severity: status.Critical, State: status.Firing, Labels: map[string]string{"surface": "main"}}
	in := workflows.NotifyInput{
		Channel: "ops", Sent: 7, Notice: workflows.Notice{At: l.began, Firing: []status.Alert{a}},
		Told: map[string]workflows.Told{"A/surface=main": {Alert: a, At: l.began}},
	}
	l.notice(time.Hour, 0)
	l.ExecuteWorkflow(workflows.Notify, in)
	if err := l.GetWorkflowError(); err != nil || !slices.Equal(l.heard, []string{"1h0m0s + -A ="}) || !strings.HasSuffix(l.ids[0], "_8") {
		t.Errorf("%v: it heard %q with IDs %q", err, l.heard, l.ids)
	}
}
