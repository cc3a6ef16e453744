package activities

import (
	"context"
	"io"
	"os"
	"sync/atomic"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// RestoreStep names a point and the target that it is restored to.
type RestoreStep struct {
	Point  Located   `json:"point"`
	Target TargetRef `json:"target"`
}

// loads are the parts of a point that Load takes, in the order of the manifest.
type loads struct {
	point *archive.Point
	parts []surface.Part
	bytes int64
}

// opener is archive.OpenPoint, or archive.OpenParts for a step that needs no fingerprint.
type opener func(context.Context, store.Store, string, *seal.Keyring) (*archive.Point, error)

func (a *Activities) loads(ctx context.Context, p Located, open opener) (loads, error) {
	st, err := a.store(p.Store)
	if err != nil {
		return loads{}, err
	}
	point, err := open(ctx, st, p.Dir, a.Keys)
	if err != nil {
		return loads{}, err
	}
	out := loads{point: point}
	for _, entry := range point.Manifest.Parts {
		if entry.Role == surface.RoleData {
			part := entry.Part
			part.Estimate = entry.PlainBytes
			out.parts = append(out.parts, part)
			out.bytes += entry.PlainBytes
		}
	}
	return out, nil
}

// step opens what a restore step needs, runs it with a scratch folder, and cleans up.
func (a *Activities) step(ctx context.Context, in RestoreStep, open opener, do func(surface.Surface, surface.Target, loads) error) error {
	src, err := a.surface(in.Target.Surface)
	if err != nil {
		return err
	}
	target, err := a.target(ctx, in.Target)
	if err != nil {
		return err
	}
	l, err := a.loads(ctx, in.Point, open)
	if err != nil {
		return err
	}
	if src.Kind() != l.point.SurfaceKind {
		return fault.New(fault.Invalid, "point %s is of a %s, and surface %s is a %s",
			in.Point.ID, l.point.SurfaceKind, in.Target.Surface, src.Kind())
	}
	target.ScratchDir, err = os.MkdirTemp("", "lifeboat-restore-*")
	if err != nil {
		return fault.Wrap(fault.Exhausted, err, "make a scratch folder")
	}
	defer func() { _ = os.RemoveAll(target.ScratchDir) }()
	return do(src, target, l)
}

// Begun says how much there is to load.
type Begun struct {
	Parts int   `json:"parts"`
	Bytes int64 `json:"bytes"`
}

// Begin prepares a target: database, roles, tables.
func (a *Activities) Begin(ctx context.Context, in RestoreStep) (Begun, error) {
	var out Begun
	p := startPulse(ctx, "prepare the target", 0)
	defer p.end()
	err := a.step(ctx, in, archive.OpenPoint, func(s surface.Surface, t surface.Target, l loads) error {
		out = Begun{Parts: len(l.parts), Bytes: l.bytes}
		return s.Begin(ctx, t, l.point)
	})
	return out, fault.While(err, "prepare the target")
}

// LoadInput names one part to load.
type LoadInput struct {
	RestoreStep
	// Index is the part's place among those with role data.
	Index int `json:"index"`
}

// Load restores one part: download, decrypt, decompress, load, all at once.
func (a *Activities) Load(ctx context.Context, in LoadInput) (DumpResult, error) {
	var out DumpResult
	err := a.step(ctx, in.RestoreStep, archive.OpenParts, func(s surface.Surface, t surface.Target, l loads) error {
		if in.Index < 0 || in.Index >= len(l.parts) {
			return fault.New(fault.Internal, "part %d is not among %d", in.Index, len(l.parts))
		}
		part := l.parts[in.Index]
		p := startPulse(ctx, "load "+part.Name, part.Estimate)
		defer p.end()
		release, err := a.Slots.take(ctx)
		if err != nil {
			return err
		}
		defer release()
		r, err := l.point.Open(ctx, part.Name)
		if err != nil {
			return err
		}
		defer func() { _ = r.Close() }()
		counted := &countingReader{r: r, n: &p.plain}
		if err := s.Load(ctx, t, part, counted); err != nil {
			return fault.While(err, "load %s", part.Name)
		}
		out = DumpResult{Part: part.Name, PlainBytes: p.plain.Load()}
		return nil
	})
	return out, err
}

// Finish completes a target: indexes, constraints, sequences.
func (a *Activities) Finish(ctx context.Context, in RestoreStep) error {
	p := startPulse(ctx, "complete the target", 0)
	defer p.end()
	err := a.step(ctx, in, archive.OpenPoint, func(s surface.Surface, t surface.Target, l loads) error {
		return s.Finish(ctx, t, l.point)
	})
	return fault.While(err, "complete the target")
}

type countingReader struct {
	r io.Reader
	n *atomic.Int64
}

func (c *countingReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n.Add(int64(n))
	return n, err
}

// WriteTo implements io.WriterTo: a part's reader hands over whole buffers, which saves a copy.
func (c *countingReader) WriteTo(w io.Writer) (int64, error) {
	counted := &countingWriter{w: w, n: c.n}
	if whole, ok := c.r.(io.WriterTo); ok {
		return whole.WriteTo(counted)
	}
	return io.Copy(counted, c.r)
}

type countingWriter struct {
	w io.Writer
	n *atomic.Int64
}

func (c *countingWriter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n.Add(int64(n))
	return n, err
}
