package store

import (
	"context"
	"io"
	"net/http"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Taken makes a fault.Conflict of a Put's error where the service hung up on a
// write that was to succeed only if the key was free, and the key is taken: the
// answer said so perhaps, and is lost with every attempt. As with any answer
// that gets lost, what took the key may be an earlier attempt. Other errors are
// returned as they are.
func Taken(ctx context.Context, s Store, key string, opts PutOptions, err error) error {
	if !opts.IfAbsent || !transport.Cut(err) || !fault.Is(err, fault.Unavailable) {
		return err
	}
	if _, missing := s.Stat(ctx, key); missing != nil {
		return err
	}
	return fault.Wrap(fault.Conflict, err, "the object exists already")
}

// Empty is what reading no bytes gives, or reading from an offset on that the
// service has refused: an empty reader if the object exists and has the offset.
func Empty(ctx context.Context, s Store, key string, offset int64, doing string) (io.ReadCloser, error) {
	o, err := s.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	if offset < 0 || offset > o.Size {
		return nil, fault.New(fault.Invalid, "%s: there is no byte %d in %d", doing, offset, o.Size)
	}
	return http.NoBody, nil
}
