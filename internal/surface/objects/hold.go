package objects

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// The one part of a point.
const (
	partName   = "inventory.jsonl"
	partFormat = "objects-inventory"
)

// settling is how far after the answer of a service the moment of a view lies: a
// Date is in whole seconds, and some services renew it once a second only.
const settling = 2 * time.Second

// Hold implements surface.Surface. Old versions stay where they are, so the view
// is a moment of the service's clock and nothing else. It is a little after
// Hold was called, so that what was written before is in the point, and Hold
// waits until it has passed, so that every dump of the view finds the same.
func (s *Surface) Hold(ctx context.Context) (surface.View, error) {
	posture, err := s.live.Posture(ctx, s.prefix)
	if err != nil {
		return nil, err
	}
	if !posture.Versions {
		return nil, fault.New(fault.Unsupported, "%s keeps no versions, so there would be nothing to restore from; switch them on: %s", s, s.live.Traits().EnableVersions)
	}
	now := posture.Now
	if now.IsZero() {
		now = time.Now()
	}
	moment := now.UTC().Truncate(time.Second).Add(settling - time.Nanosecond)
	select {
	case <-time.After(settling):
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "hold a view of %s", s)
	}
	token, err := json.Marshal(s.header(moment))
	if err != nil {
		return nil, err
	}
	return &view{
		source: s.String(), server: s.server(posture), token: token, moment: moment, notes: s.notes(posture),
		part: surface.Part{Name: partName, Role: surface.RoleData, Format: partFormat, Spec: token},
	}, nil
}

func (s *Surface) header(moment time.Time) Header {
	return Header{Format: inventoryFormat, Service: s.config.Kind, Bucket: s.config.Holder(), Prefix: s.prefix, Moment: moment}
}

// notes say what the bucket doesn't promise that the configuration asks for.
func (s *Surface) notes(p bucket.Posture) []string {
	var out []string
	note := func(format string, args ...any) {
		out = append(out, fmt.Sprintf("%s: ", s)+fmt.Sprintf(format, args...))
	}
	switch promised := s.config.Promised(); {
	case promised == 0:
	case p.LifecycleUnknown != "":
		note("for how long old versions are kept is unknown: %s", p.LifecycleUnknown)
	case p.NoncurrentDays == nil:
		note("no lifecycle rule removes old versions: they are kept for ever, not for %d days", promised)
	case *p.NoncurrentDays < promised:
		note("old versions are removed after %d days, not after %d: an older point can't be restored", *p.NoncurrentDays, promised)
	}
	switch {
	case !s.config.ObjectLock || p.LockDays > 0:
	case p.LockUnknown != "":
		note("whether new objects are locked is unknown: %s", p.LockUnknown)
	default:
		note("new objects are not locked: whoever may delete versions can destroy this point")
	}
	return out
}

// Dump implements surface.Surface.
func (s *Surface) Dump(ctx context.Context, token string, part surface.Part, w io.Writer) (surface.Fingerprint, error) {
	var header Header
	if err := json.Unmarshal([]byte(token), &header); err != nil || header.Moment.IsZero() || part.Name != partName {
		return nil, fault.New(fault.Invalid, "part %s is not one of a view of %s", part.Name, s)
	}
	if header.Bucket != s.config.Holder() || header.Prefix != s.prefix || header.Service != s.config.Kind {
		return nil, fault.New(fault.Lost, "the view is of %s/%s, not of %s: the configuration has changed", header.Bucket, header.Prefix, s)
	}
	seen := newTally(s.live.Traits())
	err := writeInventory(w, header, at(s.protected(ctx, s.prefix), header.Moment, nil), func(o Object) {
		seen.add(o.Key[len(s.prefix):], o.Size, o.Digest)
	})
	return seen.fingerprint(), err
}

// Examine implements surface.Surface: all is seen while dumping.
func (s *Surface) Examine(context.Context, surface.Source) (surface.Fingerprint, error) {
	return nil, nil
}

// view is a moment. It keeps nothing open.
type view struct {
	source string
	server surface.Server
	token  []byte
	moment time.Time
	notes  []string
	part   surface.Part
	closed atomic.Bool
}

// Token implements surface.View.
func (v *view) Token() string { return string(v.token) }

// Server implements surface.View.
func (v *view) Server() surface.Server { return v.server }

// Parts implements surface.View.
func (v *view) Parts() []surface.Part { return []surface.Part{v.part} }

// Fingerprint implements surface.View.
func (v *view) Fingerprint() surface.Fingerprint { return nil }

// Moment implements surface.Dated.
func (v *view) Moment() time.Time { return v.moment }

// Notes are what is not as the configuration says it has to be, one line each.
func (v *view) Notes() []string { return v.notes }

// Check implements surface.View. Nothing but the lifecycle of old versions, which takes days, ends a view.
func (v *view) Check(context.Context) error {
	if v.closed.Load() {
		return fault.New(fault.Lost, "the view of %s was closed", v.source)
	}
	return nil
}

// Close implements surface.View.
func (v *view) Close() error {
	v.closed.Store(true)
	return nil
}
