package observe

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	// newest is how many points of each surface are read at every listing.
	newest = 3
	// perPoint is after how long, for each point there is, all are read again.
	perPoint = time.Second
	// page is how many points are read before what was found is put down.
	page = 500
)

// points are the recovery points of all surfaces as they were read last.
type points struct {
	list     func(ctx context.Context, q catalog.Query) ([]catalog.Point, error)
	surfaces []string

	mu sync.Mutex
	// known are those of each surface, by ID.
	known map[string]map[string]catalog.Point
	swept map[string]swept
}

// swept is how far the reading of all points of a surface is.
type swept struct {
	// at is when the last whole one began, zero before the first.
	at time.Time
	// began is when the one under way did, which goes on with points older than
	// before; zero where none is.
	began  time.Time
	before string
	// changed is set when others than the newest may have changed since it began.
	changed bool
}

func newPoints(s Sources) *points {
	p := &points{surfaces: slices.Sorted(maps.Keys(s.Config.Surfaces)), known: map[string]map[string]catalog.Point{}, swept: map[string]swept{}}
	p.list = s.Catalog.List
	for _, name := range p.surfaces {
		p.known[name] = map[string]catalog.Point{}
	}
	return p
}

// rereadSoon is told that other points of a surface than its newest may have
// changed; of all surfaces, where it is empty.
func (p *points) rereadSoon(surface string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range p.surfaces {
		if surface == "" || surface == name {
			s := p.swept[name]
			s.changed = true
			p.swept[name] = s
		}
	}
}

// complete reports whether the points of all surfaces were read once.
func (p *points) complete() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range p.surfaces {
		if p.swept[name].at.IsZero() {
			return false
		}
	}
	return true
}

// read lists the newest points and returns all that are known, the newest first.
// Beside an error are those of the stores that could be read, and what the
// others had before.
func (p *points) read(ctx context.Context) ([]catalog.Point, error) {
	var failed error
	for _, name := range p.surfaces {
		found, err := p.list(ctx, catalog.Query{Surface: name, Limit: newest})
		p.add(name, found)
		failed = cmp.Or(failed, err)
	}
	all := p.sorted()
	if failed == nil && !p.complete() {
		failed = fault.New(fault.Unavailable, "%d were read so far, and the others follow", len(all))
	}
	return all, failed
}

// sweep reads all points of the surfaces where that is due. What is read is put
// down at once, and one that was given up is gone on with at the next.
func (p *points) sweep(ctx context.Context) (struct{}, error) {
	var failed error
	for _, name := range p.surfaces {
		for p.due(name) {
			if err := p.sweepOn(ctx, name); err != nil {
				failed = cmp.Or(failed, err)
				break
			}
		}
		if ctx.Err() != nil {
			break
		}
	}
	return struct{}{}, failed
}

// due reports whether points of a surface are to be read, and begins where none are.
func (p *points) due(surface string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.swept[surface]
	if s.began.IsZero() {
		all := 0
		for _, known := range p.known {
			all += len(known)
		}
		every := max(time.Minute, time.Duration(all)*perPoint)
		if !s.changed && time.Since(s.at) < every {
			return false
		}
		s.began, s.before, s.changed = time.Now(), "", false
		p.swept[surface] = s
	}
	return true
}

// sweepOn reads the next points of a surface. Those that should be among them and
// are not are gone.
func (p *points) sweepOn(ctx context.Context, surface string) error {
	p.mu.Lock()
	before := p.swept[surface].before
	p.mu.Unlock()
	found, err := p.list(ctx, catalog.Query{Surface: surface, Limit: page, Before: before})
	p.add(surface, found)
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.swept[surface]
	last := err != nil || len(found) < page
	if err == nil {
		there := map[string]bool{}
		for _, point := range found {
			there[point.ID] = true
		}
		maps.DeleteFunc(p.known[surface], func(id string, known catalog.Point) bool {
			passed := (before == "" || id < before) && (last || id >= found[len(found)-1].ID)
			// What was made since is not missing.
			return passed && !there[id] && known.CreatedAt.Before(s.began)
		})
	}
	switch {
	case !last:
		s.before = found[len(found)-1].ID
	case ctx.Err() == nil:
		s = swept{at: s.began, changed: s.changed}
	}
	p.swept[surface] = s
	return err
}

func (p *points) add(surface string, found []catalog.Point) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, point := range found {
		p.known[surface][point.ID] = point
	}
}

func (p *points) sorted() []catalog.Point {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []catalog.Point
	for _, known := range p.known {
		all = slices.AppendSeq(all, maps.Values(known))
	}
	slices.SortFunc(all, func(a, b catalog.Point) int {
		return cmp.Or(cmp.Compare(b.ID, a.ID), cmp.Compare(a.Surface, b.Surface))
	})
	return all
}
