package replication

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// The message types of protocol 3.0 that a replication command exchanges
// (PostgreSQL manual, section "Message Formats").
const (
	msgQuery           = 'Q'
	msgCopyData        = 'd'
	msgCopyDone        = 'c'
	msgCopyFail        = 'f'
	msgCopyInResponse  = 'G'
	msgCopyOutResponse = 'H'
	msgCopyBoth        = 'W'
	msgRowDescription  = 'T'
	msgDataRow         = 'D'
	msgCommandComplete = 'C'
	msgReadyForQuery   = 'Z'
	msgErrorResponse   = 'E'
	msgNoticeResponse  = 'N'
	msgNotification    = 'A'
	msgParameterStatus = 'S'

	frameHeader = 5
	// wireBuffer is how much is read from the socket at once.
	wireBuffer = 256 << 10
	// maxFrame is more than any message of a WAL sender has: those of WAL and of
	// archives end at 128 KiB, a timeline's history grows slowly.
	maxFrame = 64 << 20
)

// wire speaks on the socket of an idle connection by itself: one buffer, and
// what arrives is handed on from there without a copy.
type wire struct {
	conn net.Conn
	buf  []byte
	// buf[r:w] has been read from the socket and not been used.
	r, w int
	// ended says whether the exchange is to end; patience is how long the server
	// may be silent, for ever when it is zero.
	ended    func() error
	patience time.Duration
	// gatherer sets how much must have come before the socket wakes us; nil where
	// that can't be set.
	gatherer syscall.RawConn
	// unwatch lets go of the context that ends reading.
	unwatch func()
	// notice is told what the server remarks in between.
	notice func(*pgconn.PgError)
}

// take takes the socket for an exchange that begins with a command. When ctx
// ends, reading ends. release stops watching ctx; the connection may be used
// again where the exchange came to its ReadyForQuery.
func (c *Conn) take(ctx context.Context, command string) (w *wire, release func(), err error) {
	if err := c.conn.SyncConn(ctx); err != nil {
		return nil, nil, c.classify(err, "use the replication connection")
	}
	if c.wire == nil {
		c.wire = &wire{conn: c.conn.Conn(), buf: make([]byte, wireBuffer)}
		c.wire.gatherer = gatherer(c.conn.Conn())
	}
	w = c.wire
	w.r, w.w, w.patience, w.ended = 0, 0, 0, ctx.Err
	w.notice = func(*pgconn.PgError) {}
	w.gather(gatherBytes)
	w.watch(ctx)
	release = sync.OnceFunc(func() {
		w.unwatch()
		w.gather(1)
		_ = w.conn.SetDeadline(time.Time{})
	})
	if _, err := w.conn.Write(frame(msgQuery, append([]byte(command), 0))); err != nil {
		release()
		c.Close()
		return nil, nil, c.classify(err, "send a replication command")
	}
	return w, release, nil
}

// watch makes the end of ctx end reading, until unwatch has returned.
func (w *wire) watch(ctx context.Context) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = w.conn.SetReadDeadline(time.Unix(1, 0))
	})
	w.unwatch = sync.OnceFunc(func() {
		if !stop() {
			<-done
		}
	})
}

// frame is one message.
func frame(kind byte, body []byte) []byte {
	msg := make([]byte, 0, frameHeader+len(body))
	msg = append(msg, kind)
	msg = binary.BigEndian.AppendUint32(msg, uint32(4+len(body)))
	return append(msg, body...)
}

// next reads the next message that belongs to the exchange. Its body is valid
// until the next call.
func (w *wire) next() (kind byte, body []byte, err error) {
	for {
		if kind, body, err = w.read(); err != nil {
			return 0, nil, err
		}
		switch kind {
		case msgNoticeResponse:
			w.notice(serverError(body))
		case msgNotification, msgParameterStatus:
		default:
			return kind, body, nil
		}
	}
}

func (w *wire) read() (kind byte, body []byte, err error) {
	if err := w.fill(frameHeader); err != nil {
		return 0, nil, err
	}
	kind = w.buf[w.r]
	size := int(binary.BigEndian.Uint32(w.buf[w.r+1:])) + 1
	if size < frameHeader || size > maxFrame {
		return 0, nil, fault.New(fault.Unavailable, "the server sent a message of %d bytes: the connection is out of step", size)
	}
	if err := w.fill(size); err != nil {
		return 0, nil, err
	}
	body = w.buf[w.r+frameHeader : w.r+size]
	w.r += size
	return kind, body, nil
}

// waiting reports whether a whole message is in the buffer already.
func (w *wire) waiting() bool {
	if w.w-w.r < frameHeader {
		return false
	}
	return w.w-w.r > int(binary.BigEndian.Uint32(w.buf[w.r+1:]))
}

// fill reads until size unused bytes are in the buffer. What has been read when
// it fails is kept, so that reading can go on.
func (w *wire) fill(size int) error {
	if w.w-w.r >= size {
		return nil
	}
	switch {
	case size > len(w.buf):
		grown := make([]byte, max(size, 2*len(w.buf)))
		w.w = copy(grown, w.buf[w.r:w.w])
		w.buf, w.r = grown, 0
	case w.r+size > len(w.buf) || w.r == w.w:
		w.w = copy(w.buf, w.buf[w.r:w.w])
		w.r = 0
	}
	for w.w-w.r < size {
		n, err := w.receive()
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

// failed reads the error that a message is, and goes on to where the next
// command can be sent, unless the server has ended the session.
func (w *wire) failed(body []byte) error {
	err := serverError(body)
	if err.SeverityUnlocalized == "FATAL" || err.SeverityUnlocalized == "PANIC" {
		return err
	}
	if lost := w.finish(); lost != nil {
		return lost
	}
	return err
}

// finish skips what there is until the next command can be sent.
func (w *wire) finish() error {
	for {
		kind, body, err := w.next()
		switch {
		case err != nil:
			return err
		case kind == msgErrorResponse:
			return w.failed(body)
		case kind == msgReadyForQuery:
			return nil
		}
	}
}

func serverError(body []byte) *pgconn.PgError {
	var msg pgproto3.ErrorResponse
	if err := msg.Decode(body); err != nil {
		return &pgconn.PgError{Code: "08P01", Message: "an error message that can't be read"}
	}
	return pgconn.ErrorResponseToPgError(&msg)
}

// row reads a DataRow. A NULL is nil; a value is valid until the next message.
func row(body []byte, columns int) ([][]byte, error) {
	var msg pgproto3.DataRow
	if err := msg.Decode(body); err != nil || len(msg.Values) < columns {
		return nil, fault.New(fault.Unsupported, "the server answered a replication command with a row that can't be read")
	}
	return msg.Values, nil
}

func unexpected(kind byte, during string) error {
	return fault.New(fault.Unavailable, "the server sent message %q during %s: the connection is out of step", kind, during)
}
