package observe

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
)

// shelf is what stores have, by surface, and how much of it was read.
type shelf struct {
	points map[string][]catalog.Point
	read   int
	// stop is called before the so-manieth listing.
	stop map[int]func()
	asks int
	err  error
}

func (s *shelf) list(ctx context.Context, q catalog.Query) ([]catalog.Point, error) {
	s.asks++
	if stop := s.stop[s.asks]; stop != nil {
		stop()
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out []catalog.Point
	for _, p := range slices.Backward(s.points[q.Surface]) {
		if (q.Before == "" || p.ID < q.Before) && (q.Limit == 0 || len(out) < q.Limit) {
			out = append(out, p)
		}
	}
	s.read += len(out)
	return out, s.err
}

func (s *shelf) fill(surface string, n int) {
	for i := range n {
		s.points[surface] = append(s.points[surface], catalog.Point{Surface: surface, ID: fmt.Sprintf("%s-%06d", surface, i), CreatedAt: noon})
	}
}

// sweeping are points of two surfaces, one of them with very many.
func sweeping() (*shelf, *points) {
	s := &shelf{points: map[string][]catalog.Point{}, stop: map[int]func(){}}
	s.fill("large", 2*page+7)
	s.fill("small", 10)
	p := &points{list: s.list, surfaces: []string{"large", "small"}, swept: map[string]swept{},
		known: map[string]map[string]catalog.Point{"large": {}, "small": {}}}
	return s, p
}

// TestAllPointsAreReadInParts is given up in between, and goes on from there.
func TestAllPointsAreReadInParts(t *testing.T) {
	t.Parallel()
	s, p := sweeping()
	if found, err := p.read(t.Context()); err == nil || len(found) != 2*newest {
		t.Errorf("before all were read: %d, %v", len(found), err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s.asks, s.stop[2], s.read = 0, cancel, 0
	if _, err := p.sweep(ctx); err == nil || p.complete() || s.read != page {
		t.Errorf("given up after one page: %d points were read, %v", s.read, err)
	}
	s.stop = nil
	if _, err := p.sweep(t.Context()); err != nil || !p.complete() || s.read != 2*page+17 {
		t.Errorf("in all %d points were read, %v", s.read, err)
	}
	if found, err := p.read(t.Context()); err != nil || len(found) != 2*page+17 {
		t.Errorf("%d points are known, %v", len(found), err)
	}
}

// TestOneSurfaceIsReadAgain reads no more than a run may have changed.
func TestOneSurfaceIsReadAgain(t *testing.T) {
	t.Parallel()
	s, p := sweeping()
	again := func(what string, want int, surfaces ...string) {
		t.Helper()
		s.read = 0
		for _, surface := range surfaces {
			p.rereadSoon(surface)
		}
		if _, err := p.sweep(t.Context()); err != nil || s.read != want {
			t.Errorf("%s: %d points were read, want %d; %v", what, s.read, want, err)
		}
	}
	again("at first", 2*page+17)
	again("nothing is due", 0)
	s.points["small"][0].State = catalog.StateCorrupt
	s.points["small"] = slices.Delete(s.points["small"], 4, 6)
	again("one surface", 8, "small")
	again("one that is not there", 0, "other")
	if got := p.known["small"]; len(got) != 8 || got["small-000000"].State != catalog.StateCorrupt {
		t.Errorf("known: %v", slices.Sorted(maps.Keys(got)))
	}
	s.points["large"] = slices.Delete(s.points["large"], 0, page+1)
	again("whatever it was", page+6+8, "")
	if n := len(p.known["large"]); n != page+6 {
		t.Errorf("%d points are known of those that were pruned", n)
	}
}

// TestPointsOfAStoreThatIsAwayAreKept and those that came while all were read.
func TestPointsOfAStoreThatIsAwayAreKept(t *testing.T) {
	t.Parallel()
	s, p := sweeping()
	if _, err := p.sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := s.points["small"]
	s.points["small"], s.err = nil, errors.New("away")
	p.rereadSoon("small")
	if _, err := p.sweep(t.Context()); err == nil || len(p.known["small"]) != len(all) {
		t.Errorf("while a store is away: %d points, %v", len(p.known["small"]), err)
	}
	s.err = nil
	p.add("small", []catalog.Point{{Surface: "small", ID: "small-999999", CreatedAt: time.Now().Add(time.Minute)}})
	p.rereadSoon("small")
	if _, err := p.sweep(t.Context()); err != nil || len(p.known["small"]) != 1 {
		t.Errorf("once it is back: %d points, %v", len(p.known["small"]), err)
	}
}
