package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// bulkPeer returns a wire in the middle of a long exchange, and its other end.
func bulkPeer(ctx context.Context, t *testing.T) (*wire, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	peer, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { peer.Close() })
	w := &wire{conn: conn, buf: make([]byte, wireBuffer), bulk: bulk{ctx: ctx}}
	const long = 2 * bulkAfter
	go func() { _, _ = peer.Write(make([]byte, long)) }()
	p := make([]byte, 64<<10)
	for total := 0; total < long; {
		n, err := w.read(p)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return w, peer
}

func TestLastBytesOfALongExchangeArrive(t *testing.T) {
	t.Parallel()
	w, peer := bulkPeer(t.Context(), t)
	if _, err := peer.Write([]byte("end")); err != nil {
		t.Fatal(err)
	}
	if err := w.fill(3); err != nil || string(w.buf[w.r:w.w]) != "end" {
		t.Errorf("after much came %q: %v", w.buf[w.r:w.w], err)
	}
	peer.Close()
	if err := w.fill(4); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the end of the connection was %v", err)
	}
}

func TestWaitingForMuchEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	w, _ := bulkPeer(ctx, t)
	ended := make(chan error, 1)
	go func() { ended <- w.fill(1) }()
	cancel()
	// As take does it when the context ends.
	_ = w.conn.SetDeadline(time.Unix(1, 0))
	select {
	case err := <-ended:
		if err == nil {
			t.Error("reading went on")
		}
	case <-time.After(time.Minute):
		t.Error("reading did not end")
	}
}
