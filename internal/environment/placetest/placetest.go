// Package placetest is the suite that every environment.Place passes.
package placetest

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Suite is what is tested, and with what.
type Suite struct {
	// Place is one that nobody else uses during the test.
	Place environment.Place
	// Origin is what would come into the places.
	Origin environment.Origin
	// Put puts something into a place, and Holds says whether it is there.
	Put   func(t *testing.T, made environment.Made)
	Holds func(t *testing.T, made environment.Made) bool
}

// Run tests a Place, which holds nothing of the suite's afterwards.
func Run(t *testing.T, s Suite) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Suite){
		"a place is made, found, listed and removed": lifecycle,
		"a place is made once":                       idempotence,
		"what is not there":                          absence,
		"ids of every shape are places of their own": shapes,
		"calls at the same time":                     concurrency,
		"a call that was cancelled":                  cancellation,
		"isolation":                                  isolation,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s)
		})
	}
	if s.Place.Where() == "" {
		t.Error("Where is empty")
	}
	if slices.Contains(s.Place.Limits(), "") {
		t.Error("a limit is empty")
	}
}

func (s Suite) mustMake(t *testing.T, id string) environment.Made {
	t.Helper()
	t.Cleanup(func() {
		// The test's own context is over when this runs.
		if err := s.Place.Remove(context.WithoutCancel(t.Context()), id); err != nil {
			t.Errorf("remove %s: %v", id, err)
		}
	})
	made, err := s.Place.Make(t.Context(), id, s.Origin)
	if err != nil {
		t.Fatalf("make %s: %v", id, err)
	}
	return made
}

func (s Suite) mustBeGone(t *testing.T, id string) {
	t.Helper()
	if left, err := s.Place.Left(t.Context(), id); err != nil || len(left) > 0 {
		t.Errorf("left of %s: %q %v", id, left, err)
	}
	if _, err := s.Place.Find(t.Context(), id); !fault.Is(err, fault.Missing) {
		t.Errorf("find %s after its removal: %v", id, err)
	}
	if ids, err := s.Place.IDs(t.Context()); err != nil || slices.Contains(ids, id) {
		t.Errorf("IDs after the removal of %s: %q %v", id, ids, err)
	}
}

func lifecycle(t *testing.T, s Suite) {
	const id = "20261122T134500.000Z-abc234"
	made := s.mustMake(t, id)
	if made.ID != id || made.Address == "" || made.URL == "" {
		t.Errorf("made %+v", made)
	}
	found, err := s.Place.Find(t.Context(), id)
	if diff := cmp.Diff(made, found); err != nil || diff != "" {
		t.Errorf("found: %v %s", err, diff)
	}
	if ids, err := s.Place.IDs(t.Context()); err != nil || !slices.Contains(ids, id) {
		t.Errorf("IDs: %q %v", ids, err)
	}
	left, err := s.Place.Left(t.Context(), id)
	if err != nil || len(left) == 0 || slices.Contains(left, "") {
		t.Errorf("left: %q %v", left, err)
	}
	s.Put(t, made)
	if !s.Holds(t, made) {
		t.Error("what was put into the place is not there: the suite sees nothing")
	}
	for range 2 {
		if err := s.Place.Remove(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		s.mustBeGone(t, id)
	}
	again := s.mustMake(t, id)
	if s.Holds(t, again) {
		t.Error("a new place has what was in the old one")
	}
}

func idempotence(t *testing.T, s Suite) {
	const id = "once"
	made := s.mustMake(t, id)
	s.Put(t, made)
	again := s.mustMake(t, id)
	if diff := cmp.Diff(made, again); diff != "" {
		t.Error(diff)
	}
	if !s.Holds(t, again) {
		t.Error("the second call has emptied the place")
	}
}

func absence(t *testing.T, s Suite) {
	const id = "never.made"
	s.mustBeGone(t, id)
	if _, err := s.Place.TryIsolation(t.Context(), id); !fault.Is(err, fault.Missing) {
		t.Errorf("try the isolation: %v", err)
	}
	if err := s.Place.Remove(t.Context(), id); err != nil {
		t.Errorf("remove: %v", err)
	}
	s.mustBeGone(t, id)
}

func shapes(t *testing.T, s Suite) {
	long := strings.Repeat("0123456789", 8)
	ids := []string{"a.b", "a-b", "A-B", "A.b", long, long[:79] + "X", long[:79]}
	made := map[string]environment.Made{}
	urls := map[secret.String]string{}
	for _, id := range ids {
		made[id] = s.mustMake(t, id)
		if other, taken := urls[made[id].URL]; taken {
			t.Errorf("%s and %s are one place", id, other)
		}
		urls[made[id].URL] = id
	}
	s.Put(t, made[ids[0]])
	var wg sync.WaitGroup
	for _, id := range ids[1:] {
		if s.Holds(t, made[id]) {
			t.Errorf("%s has what was put into %s", id, ids[0])
		}
		wg.Go(func() {
			if err := s.Place.Remove(t.Context(), id); err != nil {
				t.Errorf("remove %s: %v", id, err)
			}
			s.mustBeGone(t, id)
		})
	}
	wg.Wait()
	if !s.Holds(t, made[ids[0]]) {
		t.Errorf("removing the others has emptied %s", ids[0])
	}
}

func concurrency(t *testing.T, s Suite) {
	const id, calls = "at.once", 6
	s.mustMake(t, "beside")
	var wg sync.WaitGroup
	made := make([]environment.Made, calls)
	for n := range calls {
		wg.Go(func() {
			var err error
			if made[n], err = s.Place.Make(t.Context(), id, s.Origin); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for n := range calls {
		if diff := cmp.Diff(made[0], made[n]); diff != "" {
			t.Error(diff)
		}
	}
	for range calls {
		wg.Go(func() {
			if err := s.Place.Remove(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	s.mustBeGone(t, id)
	if _, err := s.Place.Find(t.Context(), "beside"); err != nil {
		t.Errorf("the other place: %v", err)
	}
}

func cancellation(t *testing.T, s Suite) {
	const id = "cancelled"
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Place.Make(ctx, id, s.Origin); err == nil {
		t.Error("a place was made")
	}
	s.mustMake(t, id)
	if err := s.Place.Remove(ctx, id); err == nil {
		t.Error("a place was removed")
	}
}

func isolation(t *testing.T, s Suite) {
	const id = "apart"
	s.mustMake(t, id)
	attempts, err := s.Place.TryIsolation(t.Context(), id)
	if err != nil || len(attempts) == 0 {
		t.Fatalf("%d attempts: %v", len(attempts), err)
	}
	for _, a := range attempts {
		if a.Result != drill.Pass || a.What == "" || a.Expected == "" || a.Observed == "" {
			t.Errorf("%+v", a)
		}
	}
}
