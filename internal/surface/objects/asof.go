package objects

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Past is a prefix of the surface as it was at a moment, read from the versions
// that the bucket keeps, without any recovery point.
type Past struct {
	surface *Surface
	moment  time.Time
	prefix  string
	known   []string
	untold  named
}

// AsOf looks at a prefix of whole keys, which must be the surface's or below it;
// empty means all of the surface. It answers fault.Invalid for a moment to come,
// fault.Unsupported where the bucket keeps no versions, and fault.Missing for
// a moment from which the lifecycle has removed versions already.
func (s *Surface) AsOf(ctx context.Context, moment time.Time, prefix string) (*Past, error) {
	if prefix == "" {
		prefix = s.prefix
	}
	if !strings.HasPrefix(prefix, s.prefix) {
		return nil, fault.New(fault.Invalid, "%s is not in surface %s, which is %s", prefix, s.name, s)
	}
	posture, err := s.live.Posture(ctx, prefix)
	if err != nil {
		return nil, err
	}
	now := posture.Now
	if now.IsZero() {
		now = time.Now()
	}
	at := moment.UTC().Format(time.RFC3339)
	switch days := posture.NoncurrentDays; {
	case !posture.Versions:
		return nil, fault.New(fault.Unsupported, "%s keeps no versions, so nothing is known of %s; switch them on for the future: %s", s, at, s.live.Traits().EnableVersions)
	case moment.After(now.Add(time.Second)):
		return nil, fault.New(fault.Invalid, "%s is still to come: the clock of %s says %s", at, s.live, now.UTC().Format(time.RFC3339))
	case days != nil && now.Sub(moment) > time.Duration(*days)*24*time.Hour:
		return nil, fault.New(fault.Missing, "%s removes old versions after %d days: what was there at %s can't be known", s, *days, at)
	}
	p := &Past{surface: s, moment: moment, prefix: prefix}
	if posture.LifecycleUnknown != "" {
		p.known = append(p.known, fmt.Sprintf("whether old versions were removed since %s is unknown: %s", at, posture.LifecycleUnknown))
	}
	return p, nil
}

// Objects are what was there, in ascending order of their keys; it may be called again.
func (p *Past) Objects(ctx context.Context) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		p.untold = named{}
		untold := p.untold.add
		for v, err := range at(p.surface.protected(ctx, p.prefix), p.moment, untold) {
			if err != nil {
				yield(Object{}, err)
				return
			}
			if !yield(object(v), nil) {
				return
			}
		}
	}
}

// Gaps says what is not known of the moment, one line each; complete once
// Objects has come to its end.
func (p *Past) Gaps() []string {
	out := append([]string(nil), p.known...)
	if p.untold.count > 0 {
		out = append(out, fmt.Sprintf("%d objects have been deleted, and the service doesn't say when: they are taken as they were last, such as %s", p.untold.count, &p.untold))
	}
	return out
}

// RestoreAsOf copies a prefix as it was at a moment to a destination, without
// any recovery point. What came into being after the moment is left alone.
// Called again, it copies only what is not there yet. Errors are those of AsOf,
// fault.Conflict where something is in the way, and fault.Missing where versions
// are gone, once all others are there.
func (s *Surface) RestoreAsOf(ctx context.Context, moment time.Time, prefix string, to surface.Destination) (surface.Rewound, error) {
	past, err := s.AsOf(ctx, moment, prefix)
	if err != nil {
		return surface.Rewound{}, err
	}
	if to.Bucket == "" {
		to.Bucket = s.config.Holder()
	}
	if to.Conflict == "" {
		to.Conflict = surface.ConflictFail
	}
	if !slices.Contains(surface.Conflicts, to.Conflict) {
		return surface.Rewound{}, fault.New(fault.Invalid, "%q is none of %s", to.Conflict, strings.Join(surface.Conflicts, ", "))
	}
	target := location{Bucket: to.Bucket, Prefix: to.Prefix}
	inPlace := target == location{Bucket: s.config.Holder(), Prefix: past.prefix}
	if !inPlace {
		if err := s.permitCopy(target); err != nil {
			return surface.Rewound{}, err
		}
	}
	work := s.copying(ctx, target, s.config.Holder(), past.prefix, to.Conflict)
	out, err := work.run(ctx, past.Objects(ctx))
	return surface.Rewound{Objects: out.objects, Bytes: out.bytes, Copied: out.copied, Left: out.left, Uncompared: out.uncompared, Gaps: past.Gaps()}, err
}

// permitCopy refuses a copy among what is live, where the next point would have
// it too, and above it, where names could fall together. Below the folder of the
// copies is as good a place as any.
func (s *Surface) permitCopy(to location) error {
	if !s.isLive(to) && (to.isCopy(s.copies) || s.permit(to) == nil) {
		return nil
	}
	return fault.New(fault.Invalid, "%s/%s is among what is live, or above it: restore to another bucket, to a prefix below %s or beside %s, or to the very prefix that it was",
		s.live.In(to.Bucket), to.Prefix, s.copies.Prefix, s)
}
