package transport

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// patience is how often in a row a body is opened again without one more byte of it.
const patience = 3

// Resume reads the body of an answer, and goes on behind what was read when the
// connection breaks: reopen opens the same version of the object without its
// first skip bytes. Errors are classified and say what was being done.
func Resume(body io.ReadCloser, doing string, reopen func(skip int64) (io.ReadCloser, error)) io.ReadCloser {
	return &resuming{body: body, doing: doing, reopen: reopen}
}

type resuming struct {
	body   io.ReadCloser
	doing  string
	reopen func(skip int64) (io.ReadCloser, error)
	read   int64
	broken int
}

func (r *resuming) Read(p []byte) (int, error) {
	for {
		n, err := r.body.Read(p)
		if n > 0 {
			r.read += int64(n)
			r.broken = 0
		}
		switch {
		case err == nil || errors.Is(err, io.EOF):
			return n, err
		case !Passing(err) || r.broken == patience:
			return n, Fault(err, r.doing)
		case n > 0:
			// The error comes again with the next Read.
			return n, nil
		}
		r.broken++
		next, err := r.reopen(r.read)
		if err != nil {
			return 0, Fault(err, r.doing)
		}
		// What the broken connection still says about its end is of no use.
		_ = r.body.Close()
		r.body = next
	}
}

func (r *resuming) Close() error { return r.body.Close() }

// Range is a range of bytes as RFC 9110 spells it; a length below zero means up to the end.
func Range(offset, length int64) string {
	if length < 0 || offset > math.MaxInt64-length {
		return fmt.Sprintf("bytes=%d-", offset)
	}
	return fmt.Sprintf("bytes=%d-%d", offset, offset+length-1)
}
