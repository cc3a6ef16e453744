package activities

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Located is a sealed point on one store.
type Located struct {
	Store string `json:"store"`
	Dir   string `json:"dir"`
	ID    string `json:"id"`
}

// Verified says what was read back.
type Verified struct {
	At         time.Time `json:"at"`
	Parts      int       `json:"parts"`
	Bytes      int64     `json:"bytes"`
	PlainBytes int64     `json:"plainBytes"`
}

// Verify reads back every byte of a point: size, digest, decryption and
// decompression of each part. It then marks the point as verified.
func (a *Activities) Verify(ctx context.Context, in Located) (Verified, error) {
	st, err := a.store(in.Store)
	if err != nil {
		return Verified{}, err
	}
	point, err := archive.OpenParts(ctx, st, in.Dir, a.Keys)
	if err != nil {
		return Verified{}, err
	}
	p := startPulse(ctx, "verify", point.PlainBytes)
	defer p.end()
	release, err := a.Slots.take(ctx)
	if err != nil {
		return Verified{}, err
	}
	defer release()
	if err := point.Verify(ctx, p.set); err != nil {
		return Verified{}, err
	}
	out := Verified{At: time.Now().UTC(), Parts: len(point.Manifest.Parts), Bytes: point.Bytes, PlainBytes: point.PlainBytes}
	mark := catalog.Mark{At: out.At, Bytes: out.Bytes, Tool: "lifeboat " + a.Version}
	err = catalog.MarkVerified(ctx, st, in.Dir, mark)
	return out, fault.While(err, "mark point %s as verified", in.ID)
}
