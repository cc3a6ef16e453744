package walarchive

import (
	"context"
	"io"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

const (
	// maxLevel is zstd's highest level that a configuration may ask for.
	maxLevel = 19
	// quickLevel is the highest that is tried for a segment: the higher ones
	// together would take a production server's CPU for a minute, at every attempt.
	quickLevel = 9
)

// left describes a whole segment whose writer ended before it had stored the
// sidecar. Without a key its size alone is there to be compared: another
// server's, of the same cluster, timeline and position, would have to compress
// to the same to the byte, and its writer to have ended at that very moment.
// errUncomparable when the sidecar is there, or the size is another.
func (a *Archive) left(ctx context.Context, l label, data []byte, to writeKey) (kept, error) {
	if _, err := a.store.Stat(ctx, a.fileKey(l.name, sidecar)); err == nil {
		return kept{}, errUncomparable
	} else if !fault.Is(err, fault.Missing) {
		return kept{}, err
	}
	if same, err := a.sizedAs(ctx, data, to, l); err != nil {
		return kept{}, err
	} else if !same {
		return kept{}, errUncomparable
	}
	body, err := a.store.Get(ctx, a.fileKey(l.name, to.ending()), 0, -1)
	if err != nil {
		return kept{}, err
	}
	digest := seal.NewDigest()
	n, err := io.Copy(digest, body)
	if bad := body.Close(); err == nil {
		err = bad
	}
	return kept{n, seal.FormatDigest(digest)}, err
}

// sizedAs reports whether the object under the labels' name has the size that
// the data would have there with one of the labels. The level may have been
// changed since it was stored: this one's is tried first, then the others.
func (a *Archive) sizedAs(ctx context.Context, data []byte, to writeKey, labels ...label) (bool, error) {
	there, err := a.store.Stat(ctx, a.fileKey(labels[0].name, to.ending()))
	if err != nil {
		return false, err
	}
	highest := maxLevel
	if len(data) >= maxSmall {
		highest = quickLevel
	}
	for n := range highest + 1 {
		level := n
		if n == 0 {
			level = a.level
		} else if n == a.level {
			continue
		}
		for _, l := range labels {
			size, err := sealedSize(l, data, level, to)
			if err != nil || size == there.Size {
				return err == nil, err
			}
		}
		if err := ctx.Err(); err != nil {
			return false, err
		}
	}
	return false, nil
}

// sealedSize is how large an object with the data would be.
func sealedSize(l label, data []byte, level int, to writeKey) (int64, error) {
	packed := newPacker(l, data, level)
	defer packed.Close()
	sealed, err := seal.EncryptReader(packed, to.recipients)
	if err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, sealed)
}
