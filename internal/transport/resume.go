package transport

import (
	"errors"
	"fmt"
	"io"
	"math"
)

// patience is how often in a row a body is opened again without one more byte of it.
const patience = 3

// Resume reads the body of an answer, which has length bytes of an object from
// an offset on, a length below zero meaning up to its end. When the connection
// breaks it goes on behind what was read: reopen opens the rest of the same
// version of the object. Errors are classified and say what was being done.
func Resume(body io.ReadCloser, doing string, offset, length int64, reopen func(offset, length int64) (io.ReadCloser, error)) io.ReadCloser {
	return &resuming{body: body, doing: doing, offset: offset, length: length, reopen: reopen}
}

type resuming struct {
	body  io.ReadCloser
	doing string
	// offset and length are those of what is still to come.
	offset, length int64
	reopen         func(offset, length int64) (io.ReadCloser, error)
	broken         int
}

func (r *resuming) Read(p []byte) (int, error) {
	for {
		n, err := r.body.Read(p)
		if n > 0 {
			r.offset += int64(n)
			r.broken = 0
			if r.length > 0 {
				r.length -= int64(n)
			}
		}
		switch {
		case err == nil || errors.Is(err, io.EOF):
			return n, err
		case !Passing(err) || r.broken == patience:
			return n, Fault(err, r.doing)
		case n > 0:
			// The error comes again with the next Read.
			return n, nil
		case r.length == 0:
			// It broke behind the last byte, and a service has no range of none.
			return 0, io.EOF
		}
		r.broken++
		next, err := r.reopen(r.offset, r.length)
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
