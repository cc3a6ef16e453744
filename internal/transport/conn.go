package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// stride is the most that one write to the network takes before its deadline is renewed.
const stride = 64 << 10

// receiveBuffer is how much is read from the network at once.
const receiveBuffer = 128 << 10

// hearing is how long a Write that has failed waits for what is there to be read.
const hearing = time.Second

// watched is a connection that fails when it makes no progress. Only the time
// inside a Read or a Write counts: a consumer may pause for as long as it likes.
type watched struct {
	net.Conn
	idle time.Duration
	// buffered spares most system calls: TLS asks for one record at a time.
	buffered *bufio.Reader
	// broken is how the connection came to its end, as who saw it first has it:
	// all later ones hear only that it is closed.
	broken atomic.Pointer[error]
	// over is closed when nothing more can be read.
	over chan struct{}
	end  func()
}

// dialer connects within ten seconds and watches what it connected.
func dialer(idle time.Duration) func(context.Context, string, string) (net.Conn, error) {
	dial := &net.Dialer{Timeout: min(idle, 10*time.Second), KeepAlive: 30 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		w := &watched{Conn: conn, idle: idle, over: make(chan struct{})}
		w.end = sync.OnceFunc(func() { close(w.over) })
		w.buffered = bufio.NewReaderSize(readerFunc(w.receive), receiveBuffer)
		return w, nil
	}
}

func (w *watched) Read(p []byte) (int, error) { return w.buffered.Read(p) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func (w *watched) receive(p []byte) (int, error) {
	if err := w.SetReadDeadline(time.Now().Add(w.idle)); err != nil {
		return 0, w.explain(err)
	}
	n, err := w.Conn.Read(p)
	if err == nil {
		return n, nil
	}
	defer w.end()
	err = w.explain(err)
	w.note(err)
	return n, err
}

// Close ends the connection, and a Write that waits.
func (w *watched) Close() error {
	w.end()
	return w.Conn.Close()
}

// Write renews the deadline of a pending Read too: a server that takes in a
// request has no reason to answer yet. That of the Read comes later, so that of
// the two the Write says what happened.
func (w *watched) Write(p []byte) (int, error) {
	if broken := w.broken.Load(); broken != nil {
		return 0, *broken
	}
	written := 0
	for {
		now := time.Now()
		if err := w.SetWriteDeadline(now.Add(w.idle)); err != nil {
			return written, w.explain(err)
		}
		if err := w.SetReadDeadline(now.Add(w.idle + w.idle/4)); err != nil {
			return written, w.explain(err)
		}
		n, err := w.Conn.Write(p[written:min(written+stride, len(p))])
		written += n
		if hungUp(err) {
			w.note(err)
			w.hearOut()
		}
		if err != nil || written == len(p) {
			return written, w.explain(err)
		}
	}
}

// hearOut waits until somebody else has read all that the other side has said.
// A service that refuses a request may answer and hang up while it is being
// sent; an HTTP client whose Write fails looks for the answer no more. Where
// nobody reads, in a handshake and at the end, it does not wait for long.
func (w *watched) hearOut() {
	select {
	case <-w.over:
	case <-time.After(min(w.idle, hearing)):
	}
}

// hungUp reports whether the other side takes nothing more.
func hungUp(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// note keeps the first reason.
func (w *watched) note(err error) {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	w.broken.CompareAndSwap(nil, &err)
}

func (w *watched) explain(err error) error {
	broken := w.broken.Load()
	switch {
	case broken != nil && (errors.Is(err, io.EOF) || errors.Is(err, net.ErrClosed)):
		return *broken
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &stalledError{w.RemoteAddr(), w.idle}
	}
	return err
}

// stalledError is a net.Error that counts as a timeout.
type stalledError struct {
	remote net.Addr
	idle   time.Duration
}

func (e *stalledError) Error() string {
	return fmt.Sprintf("the connection to %v stalled: nothing moved for %v", e.remote, e.idle)
}

// Timeout implements net.Error.
func (e *stalledError) Timeout() bool { return true }

// Temporary implements net.Error.
func (e *stalledError) Temporary() bool { return true }
