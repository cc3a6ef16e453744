package replication

import (
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// A server sends in pieces of 8 KiB, and to be woken for each costs both sides
// as much as moving it. So the socket wakes us when gatherBytes are there, or
// when less has come for gatherWithin.
const (
	gatherBytes  = 96 << 10
	gatherWithin = 10 * time.Millisecond
)

// gatherer is the socket itself, where it is one of TCP and not encrypted: what
// TLS needs next is not for us to know.
func gatherer(conn net.Conn) syscall.RawConn {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	return raw
}

// gather sets how much must have come before the socket counts as readable.
// Where the system refuses, every piece wakes us, as ever.
func (w *wire) gather(size int) {
	if w.gatherer == nil {
		return
	}
	_ = w.gatherer.Control(func(fd uintptr) {
		_ = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, size)
	})
}

// receive reads what there is, or waits for it.
func (w *wire) receive() (int, error) {
	if w.gatherer == nil {
		return w.readWithin(w.patience)
	}
	n, err := w.readWithin(gatherWithin)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	w.gather(1)
	defer w.gather(gatherBytes)
	return w.readWithin(w.patience)
}

// readWithin reads with a deadline; zero is none.
func (w *wire) readWithin(patience time.Duration) (int, error) {
	deadline := time.Time{}
	if patience > 0 {
		deadline = time.Now().Add(patience)
	}
	if patience > 0 || w.gatherer != nil {
		if err := w.conn.SetReadDeadline(deadline); err != nil {
			return 0, err
		}
	}
	// The deadline above may have replaced the one that ended the exchange.
	if err := w.ended(); err != nil {
		return 0, err
	}
	return w.conn.Read(w.buf[w.w:])
}
