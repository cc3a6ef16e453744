package postgres

import (
	"context"
	"errors"
	"os"
	"time"
)

// bulk is what a wire knows of the exchange under way in order to be woken
// seldom. A server sends 8 KiB at a time; being woken for each of them costs
// more than all that is then done with them.
type bulk struct {
	// ctx ends the exchange.
	ctx context.Context
	// received counts the bytes since the exchange began or last paused.
	received int
	// on is set while the kernel waits for bulkWake bytes before it wakes us.
	on bool
}

const (
	// bulkAfter is how much must have come before more is waited for, so that
	// small tables never wait.
	bulkAfter = 1 << 20
	// bulkWake is how much is waited for, and bulkPause for how long: the end
	// of an exchange, and a slow server's rows, come later by that.
	bulkWake  = 128 << 10
	bulkPause = 10 * time.Millisecond
)

// read reads from the socket: what is there, or in the middle of a long
// exchange a large piece. It may return 0 bytes without an error.
func (w *wire) read(p []byte) (int, error) {
	b := &w.bulk
	if !b.on && b.received >= bulkAfter {
		b.on = wakeAt(w.conn, bulkWake)
		b.received = 0
	}
	if !b.on {
		n, err := w.conn.Read(p)
		b.received += n
		return n, err
	}
	if err := w.deadline(time.Now().Add(bulkPause)); err != nil {
		return 0, err
	}
	n, err := w.conn.Read(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		w.endBulk()
		err = b.ctx.Err()
	}
	return n, err
}

// endBulk takes back what read has told the kernel.
func (w *wire) endBulk() {
	if w.bulk.on {
		wakeAt(w.conn, 1)
		w.bulk.on, w.bulk.received = false, 0
		_ = w.conn.SetReadDeadline(time.Time{})
	}
}

// deadline sets one for reading. It may replace the one that is set when the
// context ends, so that is looked at afterwards.
func (w *wire) deadline(at time.Time) error {
	if err := w.conn.SetReadDeadline(at); err != nil {
		return err
	}
	return w.bulk.ctx.Err()
}
