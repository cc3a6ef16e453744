package transport

import (
	"context"
	"errors"
	"io"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// Taken makes a fault.Conflict of a Put's error where the service hung up on a
// write that was to succeed only if the key was free, and the key is taken: the
// answer said so perhaps, and is lost with every attempt. As with any answer
// that gets lost, what took the key may be an earlier attempt. Other errors are
// returned as they are.
func Taken(ctx context.Context, s store.Store, key string, opts store.PutOptions, err error) error {
	cut := hungUp(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
	if !opts.IfAbsent || !cut || !fault.Is(err, fault.Unavailable) {
		return err
	}
	if _, missing := s.Stat(ctx, key); missing != nil {
		return err
	}
	return fault.Wrap(fault.Conflict, err, "the object exists already")
}
