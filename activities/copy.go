package activities

import (
	"context"
	"io"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// CopyInput names a sealed point and the store to copy it to.
type CopyInput struct {
	From Located `json:"from"`
	To   string  `json:"to"`
}

// Copied says what was copied; what was there already is not counted.
type Copied struct {
	Objects int   `json:"objects"`
	Bytes   int64 `json:"bytes"`
}

// Copy brings a sealed point to another store, under the same folder. It reads
// the store, never the source, needs no key, checks each part's digest on the
// way, and writes the manifest last. A repeated call goes on where the last ended.
func (a *Activities) Copy(ctx context.Context, in CopyInput) (Copied, error) {
	var out Copied
	from, err := a.store(in.From.Store)
	if err != nil {
		return out, err
	}
	to, err := a.store(in.To)
	if err != nil {
		return out, err
	}
	m, err := archive.ReadManifest(ctx, from, in.From.Dir)
	if err != nil {
		return out, err
	}
	if there, err := archive.ReadManifest(ctx, to, in.From.Dir); err == nil && there.ID == m.ID {
		return out, nil
	}
	p := startPulse(ctx, "copy to "+in.To, m.Bytes)
	defer p.end()
	release, err := a.Slots.take(ctx)
	if err != nil {
		return out, err
	}
	defer release()
	if m.LockedUntil, err = a.lockedUntil(ctx, in.To, m.SealedAt); err != nil {
		return out, err
	}
	c := copier{from: from, to: to, dir: in.From.Dir, lockedUntil: m.LockedUntil, pulse: p, out: &out}
	if name := m.Encryption.IdentityFile; name != "" {
		if err := c.object(ctx, name, 0, ""); err != nil {
			return out, err
		}
	}
	for _, part := range m.Parts {
		if err := c.object(ctx, part.Object, part.Bytes, part.Digest); err != nil {
			return out, fault.While(err, "copy part %s of %s to %s", part.Name, in.From.ID, in.To)
		}
	}
	_, err = archive.SealPoint(ctx, to, in.From.Dir, m)
	return out, fault.While(err, "seal the copy of %s on %s", in.From.ID, in.To)
}

type copier struct {
	from, to store.Store
	dir      string
	// lockedUntil is until when the copy is kept unchanged.
	lockedUntil time.Time
	pulse       *pulse
	out         *Copied
}

// object copies one object unless it is there in full: a Put leaves all or nothing.
func (c copier) object(ctx context.Context, name string, size int64, digest string) error {
	key := c.dir + "/" + name
	if have, err := c.to.Stat(ctx, key); err == nil && digest != "" && have.Size == size {
		return nil
	}
	r, err := c.from.Get(ctx, key, 0, -1)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	hash := seal.NewDigest()
	checked := &checkedReader{r: io.TeeReader(r, hash), atEnd: func(n int64) error {
		c.pulse.set(c.out.Bytes+n, c.out.Bytes+n)
		if digest != "" && (n != size || seal.FormatDigest(hash) != digest) {
			return fault.New(fault.Corrupt, "object %s is not what the manifest says", name)
		}
		return nil
	}}
	stored, err := c.to.Put(ctx, key, checked, store.PutOptions{Estimate: size, RetainUntil: c.lockedUntil})
	if err != nil {
		return err
	}
	c.out.Objects++
	c.out.Bytes += stored.Size
	return nil
}

// checkedReader calls atEnd when r ends, and fails in place of the end when that fails.
type checkedReader struct {
	r     io.Reader
	n     int64
	atEnd func(n int64) error
}

func (c *checkedReader) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	if err == io.EOF {
		if bad := c.atEnd(c.n); bad != nil {
			return n, bad
		}
	}
	return n, err
}
