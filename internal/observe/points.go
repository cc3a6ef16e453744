package observe

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// known is every point, the newest first; nil where none could be read yet.
func (r *Reader) known(now time.Time, b *blind) []catalog.Point {
	found, _, line := fresh(r.listing, "the recovery points", now)
	b.add(line)
	last, _ := r.sweep.result()
	b.fault("the older recovery points", last.err)
	return found
}

// surfaces say how the copies of each surface stand.
func (r *Reader) surfaces(now time.Time, known []catalog.Point, before []status.Surface, b *blind) []status.Surface {
	out := make([]status.Surface, 0, len(r.s.Config.Surfaces))
	for _, name := range slices.Sorted(maps.Keys(r.s.Config.Surfaces)) {
		s := status.Surface{Name: name, Kind: r.s.Config.Surfaces[name].Kind}
		was := named(before, s)
		if begins(r.listing, now) {
			s.Points, s.Bytes = was.Points, was.Bytes
			s.LastPoint, s.LastVerified, s.LastProven = was.LastPoint, was.LastVerified, was.LastProven
		}
		var damaged []string
		for _, p := range known {
			if p.Surface != name {
				continue
			}
			if p.State == catalog.StateCorrupt {
				damaged = append(damaged, p.ID)
				continue
			}
			count(&s, p)
		}
		if n := len(damaged); n > 0 {
			b.add(fmt.Sprintf("surface %s: %d of its points can't be read, such as %s: see lifeboat snapshot show", name, n, damaged[0]))
		}
		r.losing(now, &s, was, b)
		out = append(out, s)
	}
	return out
}

// named is how a surface stood when it was looked at before.
func named(before []status.Surface, s status.Surface) status.Surface {
	for _, was := range before {
		if was.Name == s.Name && was.Kind == s.Kind {
			return was
		}
	}
	return status.Surface{}
}

// count adds a point that can be read; they come the newest first.
func count(s *status.Surface, p catalog.Point) {
	s.Points++
	s.Bytes += p.Bytes
	if s.LastPoint == nil {
		s.LastPoint = pointOf(p, nil)
	}
	if s.LastVerified == nil && p.VerifiedAt != nil {
		s.LastVerified = pointOf(p, p.VerifiedAt)
	}
	if s.LastProven == nil && p.ProvenAt != nil {
		s.LastProven = pointOf(p, p.ProvenAt)
	}
}

func pointOf(p catalog.Point, seen *time.Time) *status.Point {
	out := &status.Point{ID: p.ID, Kind: p.Kind, State: p.State, At: p.CreatedAt, Bytes: p.Bytes}
	if seen != nil {
		out.Seen = *seen
	}
	return out
}

// unverified is when the oldest point of a policy was made that should have been
// read back and was not; zero when there is none.
func unverified(name string, p config.Policy, known []catalog.Point) time.Time {
	var oldest time.Time
	if p.Verify != config.VerifyAfter {
		return oldest
	}
	for _, point := range known {
		if point.Policy == name && point.Surface == p.Surface && point.State == catalog.StateSealed {
			oldest = point.CreatedAt
		}
	}
	return oldest
}

// bases are the base backups of a surface that can be read.
func bases(known []catalog.Point, surface string) []catalog.Point {
	var out []catalog.Point
	for _, p := range known {
		if p.Surface == surface && p.Kind == archive.KindBase && p.State != catalog.StateCorrupt {
			out = append(out, p)
		}
	}
	return out
}

// OperationSnapshot, OperationDrill and OperationVerify are the operations of runs that are looked
// at apart, as search attributes name them.
const (
	OperationSnapshot = "snapshot"
	OperationDrill    = "drill"
	OperationVerify   = "verify"
)
