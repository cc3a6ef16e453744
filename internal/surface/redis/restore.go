package redis

import (
	"context"
	"encoding/json"
	"io"

	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// markerKey stands in database 0 of a target while a restore into it is
// unfinished, and says which point it is of. It is never part of a snapshot.
const markerKey = "lifeboat:restoring"

// Begin implements surface.Surface. A throw-away target is emptied; a live one
// keeps everything until its keys are replaced one by one.
func (s *Surface) Begin(ctx context.Context, t surface.Target, src surface.Source) error {
	target, err := s.target(t)
	if err != nil {
		return err
	}
	own, err := target.probe(ctx)
	if err != nil {
		return err
	}
	c := target.open(ctx, 0)
	defer c.Close()
	if t.Throwaway {
		return target.clear(ctx, c)
	}
	if err := own.mayBeFilled(); err != nil {
		return fault.While(err, "restore into %s", target)
	}
	point, err := identify(src)
	if err != nil {
		return err
	}
	if !t.Replace {
		if err := target.mustBeFree(ctx, c, own, point); err != nil {
			return err
		}
	}
	return target.failure(c.Set(ctx, markerKey, point, 0).Err(), "mark the restore as begun")
}

// mustBeFree refuses a target that holds anything but what an earlier attempt to restore the same point left.
func (a address) mustBeFree(ctx context.Context, c session, own info, point string) error {
	found, err := c.MGet(ctx, markerKey).Result()
	if err != nil {
		return a.failure(err, "look for an unfinished restore")
	}
	if len(found) == 1 && found[0] == point {
		return nil
	}
	if len(found) == 1 && found[0] != nil {
		return fault.New(fault.Conflict, "%s holds the unfinished restore of another point: empty it, or ask to replace what it holds", a)
	}
	functions, err := a.functions(ctx, c, own)
	if err != nil {
		return err
	}
	if !own.empty() || len(functions) > 0 {
		return fault.New(fault.Conflict, "%s is not empty: empty it, restore elsewhere, or ask to replace what it holds", a)
	}
	return nil
}

// identify makes a short name of a point's contents.
func identify(src surface.Source) (string, error) {
	text, err := json.Marshal(src.Fingerprint())
	if err != nil {
		return "", err
	}
	sum := xxh3.Hash128(text)
	return surface.FormatSum(digestPrefix, sum.Hi, sum.Lo), nil
}

// Load implements surface.Surface. A throw-away target on this host gets the
// RDB as a replica would, everything at once. Any other gets it key by key from
// a scratch server that has read all of it: data that is corrupt, or that the
// target can't read, is found before the first key is changed. With Replace,
// keys and functions that are not in the snapshot are removed last.
func (s *Surface) Load(ctx context.Context, t surface.Target, part surface.Part, r io.Reader) error {
	target, err := s.target(t)
	if err != nil {
		return err
	}
	spec, err := specOf(part)
	if err != nil {
		return err
	}
	if t.Throwaway && target.isLoopback() {
		return target.fill(ctx, spec, r)
	}
	scratch, err := s.startScratch(ctx, part, r)
	if err != nil {
		return err
	}
	defer scratch.stop()
	return copyAll(ctx, scratch.address, target, spec, t.Replace || t.Throwaway)
}

// Finish implements surface.Surface.
func (s *Surface) Finish(ctx context.Context, t surface.Target, _ surface.Source) error {
	target, err := s.target(t)
	if err != nil {
		return err
	}
	c := target.open(ctx, 0)
	defer c.Close()
	return target.failure(c.Del(ctx, markerKey).Err(), "mark the restore as done")
}
