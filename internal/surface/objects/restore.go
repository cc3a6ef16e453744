package objects

import (
	"context"
	"encoding/json"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// conflict is what becomes of what is at a target. A mirror has nothing
// afterwards that is not in the point.
func conflict(t surface.Target) (policy string, mirror bool) {
	switch {
	case t.Conflict != "":
		return t.Conflict, false
	case t.Replace:
		return surface.ConflictUpdate, true
	default:
		return surface.ConflictFail, false
	}
}

// Begin implements surface.Surface. It changes nothing: it refuses a target that
// has something in the way, and one that keeps no versions where old ones would
// be put back over what is live.
func (s *Surface) Begin(ctx context.Context, t surface.Target, src surface.Source) error {
	to, err := s.target(t)
	if err != nil {
		return err
	}
	if to.ID != "" {
		return s.exists(ctx, to.ID)
	}
	if err := s.mayBeRestoredOver(ctx, to); err != nil {
		return err
	}
	if policy, _ := conflict(t); policy != surface.ConflictFail {
		return nil
	}
	return s.open(ctx, src, func(in *inventory) error { return s.mustBeFree(ctx, to, in) })
}

// mayBeRestoredOver refuses to touch what is live where that could not be undone.
func (s *Surface) mayBeRestoredOver(ctx context.Context, to location) error {
	if !s.isLive(to) {
		return nil
	}
	posture, err := s.live.Posture(ctx, s.prefix)
	if err != nil {
		return err
	}
	if !posture.Versions {
		return fault.New(fault.Unsupported, "%s keeps no versions, so what a restore overwrites would be lost; switch them on: %s", s, s.live.Traits().EnableVersions)
	}
	return nil
}

// open reads the inventory of a point.
func (s *Surface) open(ctx context.Context, src surface.Source, do func(*inventory) error) error {
	r, err := src.Open(ctx, partName)
	if err != nil {
		return fault.While(err, "open part %s", partName)
	}
	defer r.Close()
	in, err := s.read(r)
	if err != nil {
		return err
	}
	return do(in)
}

func (s *Surface) read(r io.Reader) (*inventory, error) {
	in, err := readInventory(r)
	if err == nil && in.Service != s.config.Kind {
		return nil, fault.New(fault.Unsupported, "the point is of a bucket of kind %s: its versions are not on a service of kind %s", in.Service, s.config.Kind)
	}
	return in, err
}

// mustBeFree refuses a target with anything that is not as in the point.
func (s *Surface) mustBeFree(ctx context.Context, to location, in *inventory) error {
	var found named
	err := s.differing(ctx, to, in, func(current bucket.Version, o *Object) error {
		if o != nil {
			if equal, known := same(*o, current); equal || !known {
				return nil
			}
		}
		found.add(current.Key)
		return nil
	})
	if err != nil || found.count == 0 {
		return err
	}
	return fault.New(fault.Conflict, "%s/%s has %d objects that are not as in the point, such as %s: empty it, restore elsewhere, or ask to replace what it holds",
		s.live.In(to.Bucket), to.Prefix, found.count, &found)
}

// differing calls do with everything at a location, and with the object of the inventory that belongs there.
func (s *Surface) differing(ctx context.Context, to location, in *inventory, do func(bucket.Version, *Object) error) error {
	next, stop := iter.Pull2(in.objects())
	defer stop()
	o, err, more := next()
	for current, broken := range at(s.listing(ctx, to), time.Time{}, nil) {
		if broken != nil {
			return broken
		}
		for more && err == nil && to.Prefix+strings.TrimPrefix(o.Key, in.Prefix) < current.Key {
			o, err, more = next()
		}
		if err != nil {
			return err
		}
		var wanted *Object
		if more && to.Prefix+strings.TrimPrefix(o.Key, in.Prefix) == current.Key {
			wanted = &o
		}
		if err := do(current, wanted); err != nil {
			return err
		}
	}
	return nil
}

// Load implements surface.Surface. Every version of the inventory is copied to
// the target, which over what is live makes it the newest version again; or, in
// an isolated restore that only verifies, is looked for where it is. Versions
// that are gone make fault.Missing once all others are there.
func (s *Surface) Load(ctx context.Context, t surface.Target, part surface.Part, r io.Reader) error {
	to, err := s.target(t)
	if err != nil {
		return err
	}
	in, err := s.read(r)
	if err != nil {
		return fault.While(err, "part %s", part.Name)
	}
	if to.VerifyOnly {
		return s.verify(ctx, to, in)
	}
	policy, _ := conflict(t)
	work := s.copying(ctx, to, in.Bucket, in.Prefix, policy)
	_, err = work.run(ctx, in.objects())
	return err
}

func (s *Surface) copying(ctx context.Context, to location, from, strip, policy string) *copying {
	return &copying{
		target: s.live.In(to.Bucket), there: s.listing(ctx, to), from: from, strip: strip, prefix: to.Prefix,
		conflict: policy, own: to.ID != "",
	}
}

// verify looks for the versions of the inventory, and leaves what it found of
// them in the place, for Fingerprint on whatever worker.
func (s *Surface) verify(ctx context.Context, to location, in *inventory) error {
	work := &verifying{
		there: s.live.In(in.Bucket).Versions(ctx, in.Prefix), strip: in.Prefix, seen: newTally(s.live.Traits()),
	}
	err := work.run(in.objects())
	if err != nil && !fault.Is(err, fault.Missing) {
		return err
	}
	text, marshalled := json.Marshal(work.seen.fingerprint())
	if marshalled != nil {
		return marshalled
	}
	if written := s.live.In(to.Bucket).Put(ctx, s.found(to.ID), text); written != nil {
		return written
	}
	return err
}

// Finish implements surface.Surface. Where the target is to be replaced, what is
// not in the point is deleted now: in a bucket with versions it can be had back.
func (s *Surface) Finish(ctx context.Context, t surface.Target, src surface.Source) error {
	to, err := s.target(t)
	if err != nil {
		return err
	}
	if _, mirror := conflict(t); !mirror || to.ID != "" {
		return nil
	}
	return s.open(ctx, src, func(in *inventory) error { return s.hideOthers(ctx, to, in) })
}

// hiddenAtOnce is how many keys are deleted by one call.
const hiddenAtOnce = 1000

func (s *Surface) hideOthers(ctx context.Context, to location, in *inventory) error {
	target := s.live.In(to.Bucket)
	var batch []string
	flush := func() error {
		err := target.Hide(ctx, batch...)
		batch = batch[:0]
		return err
	}
	err := s.differing(ctx, to, in, func(current bucket.Version, o *Object) error {
		if o != nil {
			return nil
		}
		batch = append(batch, current.Key)
		if len(batch) < hiddenAtOnce {
			return nil
		}
		return flush()
	})
	if err != nil || len(batch) == 0 {
		return err
	}
	return flush()
}

// Fingerprint implements surface.Surface: of what is current at the target, or
// of the versions that a restore that only verifies has found.
func (s *Surface) Fingerprint(ctx context.Context, t surface.Target) (surface.Fingerprint, error) {
	to, err := s.target(t)
	if err != nil {
		return nil, err
	}
	if to.VerifyOnly {
		return s.verified(ctx, to)
	}
	seen := newTally(s.live.Traits())
	for v, err := range at(s.listing(ctx, to), time.Time{}, nil) {
		if err != nil {
			return nil, err
		}
		seen.add(v.Key[len(to.Prefix):], v.Size, v.Digest)
	}
	return seen.fingerprint(), nil
}

func (s *Surface) verified(ctx context.Context, to location) (surface.Fingerprint, error) {
	text, err := s.live.In(to.Bucket).Get(ctx, s.found(to.ID))
	if err != nil {
		return nil, err
	}
	var found surface.Fingerprint
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, fault.New(fault.Corrupt, "what was found of %s can't be read: remove the copy, and restore again", to.ID)
	}
	return found, nil
}
