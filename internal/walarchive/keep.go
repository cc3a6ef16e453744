package walarchive

import (
	"bytes"
	"context"
	"io"
	"path"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// keepAttempts bounds how often an object is stored that was in the way of
// itself and then gone: a chunk that another writer has joined to others.
const keepAttempts = 3

// kept describes an object that is durable.
type kept struct {
	bytes  int64
	digest string
}

// errUncomparable is what an object in the way gives when no key is there to
// look at it. A worker that only writes has none.
var errUncomparable = fault.New(fault.Unavailable, "it was just stored by another writer, and there is no secret key here to compare the two")

// keep stores data under a key if nothing is there, or checks that what is
// there holds the same. The object does not appear before ready returns, and
// not at all when that fails. Errors: fault.Conflict when something else is
// there, errUncomparable when that can't be known.
func (a *Archive) keep(ctx context.Context, key string, l label, data []byte, to writeKey, ready func() error) (kept, error) {
	for attempt := 1; ; attempt++ {
		k, err := a.put(ctx, key, l, data, to, ready)
		if !fault.Is(err, fault.Conflict) {
			return k, fault.While(err, "storing %s", path.Base(key))
		}
		k, err = a.compare(ctx, key, l, data)
		if !fault.Is(err, fault.Missing) || attempt == keepAttempts {
			return k, fault.While(err, "comparing with what the store has")
		}
	}
}

func (a *Archive) put(ctx context.Context, key string, l label, data []byte, to writeKey, ready func() error) (kept, error) {
	packed := newPacker(l, data, a.level)
	defer packed.Close()
	sealed, err := seal.EncryptReader(packed, to.recipients)
	if err != nil {
		return kept{}, err
	}
	digest := seal.NewDigest()
	body := io.MultiReader(io.TeeReader(sealed, digest), &gate{ready})
	o, err := a.store.Put(ctx, key, body, store.PutOptions{IfAbsent: true, Estimate: int64(len(data))})
	return kept{o.Size, seal.FormatDigest(digest)}, err
}

// gate is an empty reader that ends when it may.
type gate struct{ ready func() error }

func (g *gate) Read([]byte) (int, error) {
	if g.ready != nil {
		if err := g.ready(); err != nil {
			return 0, err
		}
	}
	return 0, io.EOF
}

// compare reports whether an object holds the data.
func (a *Archive) compare(ctx context.Context, key string, l label, data []byte) (kept, error) {
	digest, count := seal.NewDigest(), &counter{}
	sameName := l
	sameName.to = -1
	o, err := a.open(ctx, key, sameName, io.MultiWriter(digest, count))
	if fault.Is(err, fault.Denied) {
		return kept{}, errUncomparable
	} else if err != nil {
		return kept{}, err
	}
	defer o.Close()
	different := func(at int64) error {
		return fault.New(fault.Conflict, "%s is on the store already, with other contents from offset %X on: two servers write the WAL of %s, or one was set back",
			path.Base(key), at, a.surface)
	}
	if o.label.span != l.span {
		return kept{}, different(l.from)
	}
	rest := data
	piece := make([]byte, packPiece)
	for {
		n, err := o.Read(piece)
		if n > len(rest) || !bytes.Equal(piece[:n], rest[:n]) {
			return kept{}, different(l.from + int64(len(data)-len(rest)))
		}
		rest = rest[n:]
		if err == io.EOF {
			return kept{count.n, seal.FormatDigest(digest)}, nil
		} else if err != nil {
			return kept{}, err
		}
	}
}

// counter counts what is written to it.
type counter struct{ n int64 }

func (c *counter) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return len(b), nil
}
