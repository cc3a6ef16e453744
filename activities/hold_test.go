package activities

import (
	"context"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// source is a surface whose views can't be opened.
type source struct {
	surface.Surface
	err error
}

func (s source) Hold(context.Context) (surface.View, error) { return nil, s.err }

// A holder that follows another one knows by its heartbeats whether there was a view to lose.
func TestHoldAfterAnotherAttempt(t *testing.T) {
	t.Parallel()
	refused := fault.New(fault.Unavailable, "refused")
	for name, tc := range map[string]struct {
		last *Bytes
		want fault.Kind
	}{
		"the first attempt":              {nil, fault.Unavailable},
		"it had not opened the view yet": {&Bytes{Step: stepOpening}, fault.Unavailable},
		"it held the view":               {&Bytes{Step: stepHolding}, fault.Lost},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := &Activities{Surfaces: map[string]surface.Surface{"main": source{err: refused}}}
			var got error
			env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
			hold := func(ctx context.Context) error {
				got = a.Hold(ctx, HoldInput{Point: Point{Surface: "main"}, Fresh: 1})
				return nil
			}
			env.RegisterActivity(hold)
			if tc.last != nil {
				env.SetHeartbeatDetails(*tc.last)
			}
			if _, err := env.ExecuteActivity(hold); err != nil {
				t.Fatal(err)
			}
			if fault.KindOf(got) != tc.want {
				t.Errorf("%v, want %s", got, tc.want)
			}
		})
	}
}

// deafView is a view whose source never answers.
type deafView struct{ surface.View }

func (deafView) Check(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestViewOfASourceThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if err := checkView(ctx, deafView{}); !fault.Is(err, fault.Lost) {
		t.Errorf("a source that does not answer: %v, want it lost", err)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := watch(stopped, deafView{}); err != nil {
		t.Errorf("a holder that is let go: %v", err)
	}
}
