package postgres

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// The message types of protocol 3.0 that a COPY exchanges (PostgreSQL manual,
// section "Message Formats").
const (
	msgQuery           = 'Q'
	msgCopyData        = 'd'
	msgCopyDone        = 'c'
	msgCopyFail        = 'f'
	msgCopyOutResponse = 'H'
	msgCopyInResponse  = 'G'
	msgCommandComplete = 'C'
	msgReadyForQuery   = 'Z'
	msgErrorResponse   = 'E'

	frameHeader = 5
)

// wire speaks the COPY sub-protocol on the socket of an idle connection by
// itself: one buffer, no copy and no allocation for a row.
type wire struct {
	conn net.Conn
	buf  []byte
	// buf[r:w] has been read from the socket and not been used.
	r, w int
	bulk bulk
}

// wireBuffer is how much is read from the socket, and sent, at once.
const wireBuffer = 256 << 10

func newWire(conn *pgconn.PgConn) *wire {
	return &wire{conn: conn.Conn(), buf: make([]byte, wireBuffer)}
}

// take takes the socket of an idle connection. The connection may be used
// again when the exchange has ended with a ReadyForQuery. When ctx ends, the
// socket is unblocked, for good; release stops watching ctx.
func (w *wire) take(ctx context.Context, conn *pgconn.PgConn) (release func(), err error) {
	if err := conn.SyncConn(ctx); err != nil {
		return nil, classify(err, "use the connection")
	}
	w.r, w.w = 0, 0
	w.bulk = bulk{ctx: ctx}
	stop := context.AfterFunc(ctx, func() { _ = w.conn.SetDeadline(time.Unix(1, 0)) })
	return func() {
		if stop() {
			w.endBulk()
		}
	}, nil
}

func (w *wire) query(sql string) error {
	msg := make([]byte, 0, frameHeader+len(sql)+1)
	msg = append(msg, msgQuery)
	msg = binary.BigEndian.AppendUint32(msg, uint32(4+len(sql)+1))
	msg = append(msg, sql...)
	msg = append(msg, 0)
	_, err := w.conn.Write(msg)
	return err
}

// frame reads the next message. Its body is valid until the next call. Of a
// CopyData message that is larger than the buffer, a huge row, only a first
// piece is returned, and how many bytes of it are left for more to read.
func (w *wire) frame() (kind byte, body []byte, left int, err error) {
	if w.w-w.r < frameHeader {
		if err := w.fill(frameHeader); err != nil {
			return 0, nil, 0, err
		}
	}
	kind = w.buf[w.r]
	size := int(binary.BigEndian.Uint32(w.buf[w.r+1:])) + 1
	if size < frameHeader || size > maxFrame {
		return 0, nil, 0, fault.New(fault.Unavailable, "the server sent a message of %d bytes: the connection is out of step", size)
	}
	if kind == msgCopyData && size > len(w.buf) {
		left, size = size-len(w.buf), len(w.buf)
	}
	if w.w-w.r < size {
		if err := w.fill(size); err != nil {
			return 0, nil, 0, err
		}
	}
	body = w.buf[w.r+frameHeader : w.r+size]
	w.r += size
	return kind, body, left, nil
}

// more reads a further piece of a message, of which left bytes are to come.
func (w *wire) more(left int) ([]byte, error) {
	if w.r == w.w {
		if err := w.fill(1); err != nil {
			return nil, err
		}
	}
	piece := w.buf[w.r:min(w.w, w.r+left)]
	w.r += len(piece)
	return piece, nil
}

// maxFrame is the most a message can have: a row of a little over a gigabyte.
const maxFrame = 1<<30 + 1<<20

// fill reads until size unused bytes are in the buffer.
func (w *wire) fill(size int) error {
	if size > len(w.buf) {
		grown := make([]byte, max(size, 2*len(w.buf)))
		w.w = copy(grown, w.buf[w.r:w.w])
		w.buf, w.r = grown, 0
	} else {
		w.w = copy(w.buf, w.buf[w.r:w.w])
		w.r = 0
	}
	for w.w-w.r < size {
		n, err := w.read(w.buf[w.w:])
		w.w += n
		if err != nil && w.w-w.r < size {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

func serverError(body []byte) error {
	var msg pgproto3.ErrorResponse
	if err := msg.Decode(body); err != nil {
		return fault.Wrap(fault.Unavailable, err, "read the server's error message")
	}
	return pgconn.ErrorResponseToPgError(&msg)
}
