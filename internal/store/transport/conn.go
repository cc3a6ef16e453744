package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// stride is the most that one write to the network takes before its deadline is renewed.
const stride = 64 << 10

// receiveBuffer is how much is read from the network at once.
const receiveBuffer = 128 << 10

// watched is a connection that fails when it makes no progress. Only the time
// inside a Read or a Write counts: a consumer may pause for as long as it likes.
type watched struct {
	net.Conn
	idle time.Duration
	// buffered spares most system calls: TLS asks for one record at a time.
	buffered *bufio.Reader
}

// dialer connects within ten seconds and watches what it connected.
func dialer(idle time.Duration) func(context.Context, string, string) (net.Conn, error) {
	dial := &net.Dialer{Timeout: min(idle, 10*time.Second), KeepAlive: 30 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		w := &watched{Conn: conn, idle: idle}
		w.buffered = bufio.NewReaderSize(readerFunc(w.receive), receiveBuffer)
		return w, nil
	}
}

func (w *watched) Read(p []byte) (int, error) { return w.buffered.Read(p) }

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func (w *watched) receive(p []byte) (int, error) {
	if err := w.SetReadDeadline(time.Now().Add(w.idle)); err != nil {
		return 0, err
	}
	n, err := w.Conn.Read(p)
	return n, w.explain(err)
}

// Write renews the deadline of a pending Read too: a server that takes in a
// request has no reason to answer yet. That of the Read comes later, so that of
// the two the Write says what happened.
func (w *watched) Write(p []byte) (int, error) {
	written := 0
	for {
		now := time.Now()
		err := errors.Join(w.SetWriteDeadline(now.Add(w.idle)), w.SetReadDeadline(now.Add(w.idle+w.idle/4)))
		if err != nil {
			return written, err
		}
		n, err := w.Conn.Write(p[written:min(written+stride, len(p))])
		written += n
		if err != nil || written == len(p) {
			return written, w.explain(err)
		}
	}
}

func (w *watched) explain(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
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
