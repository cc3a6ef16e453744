package basebackup

import (
	"errors"
	"io"
)

// outlet turns a function that wants to be given its bytes by a callback into
// a writer: what is written goes straight to the callback's own writer, while
// the callback waits.
type outlet struct {
	w io.Writer
	// ending carries what the callback returns; it has room for it.
	ending chan error
	ended  bool
	done   chan struct{}
	// err is what the function returned, once done is closed.
	err error
}

var errNotProduced = errors.New("the part was stored without its contents")

// open starts run and returns when it has asked for its bytes. When it
// returned before, that error is open's.
func open(run func(produce func(io.Writer) error) error) (*outlet, error) {
	o := &outlet{ending: make(chan error, 1), done: make(chan struct{})}
	asked := make(chan io.Writer, 1)
	go func() {
		defer close(o.done)
		o.err = run(func(w io.Writer) error {
			asked <- w
			return <-o.ending
		})
	}()
	select {
	case o.w = <-asked:
		return o, nil
	case <-o.done:
		if o.err == nil {
			o.err = errNotProduced
		}
		return nil, o.err
	}
}

// end lets the callback return err. Only the first call counts.
func (o *outlet) end(err error) {
	if !o.ended {
		o.ended = true
		o.ending <- err
	}
}

// wait returns what the function did.
func (o *outlet) wait() error {
	<-o.done
	return o.err
}
