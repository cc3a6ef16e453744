package postgres

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
)

// copyIn runs COPY … FROM STDIN on one connection, table after table, sending
// large messages.
type copyIn struct {
	conn *pgconn.PgConn
	wire *wire
	// out has room for the header of a message before its data.
	out []byte
}

func newCopyIn(conn *pgconn.PgConn) *copyIn {
	return &copyIn{conn: conn, wire: newWire(conn), out: make([]byte, frameHeader+wireBuffer)}
}

// copy runs one statement with the data that r yields up to io.EOF. When r
// fails, the statement is made to fail too and r's error is returned. After an
// error that is neither r's nor the server's the connection can only be closed.
func (c *copyIn) copy(ctx context.Context, sql string, r io.Reader) error {
	release, err := c.wire.take(ctx, c.conn)
	if err != nil {
		return err
	}
	defer release()
	if err := c.wire.query(sql); err != nil {
		return err
	}
	started, err := c.awaitStart()
	if err != nil || !started {
		return err
	}
	// The server reports a bad row at once, and then ignores data. Watching
	// for that saves sending what may be gigabytes.
	ended := make(chan error, 1)
	go func() { ended <- c.awaitEnd() }()
	sendErr := c.send(r, ended)
	if errors.Is(sendErr, errEndedEarly) {
		return <-ended
	}
	if sendErr != nil {
		// Whether this succeeds or the connection is broken, the other side of
		// the exchange ends now, with the server's own reason where it gave one.
		_ = c.fail()
	}
	err = <-ended
	var broken net.Error
	if sendErr != nil && (err == nil || !errors.As(sendErr, &broken)) {
		return sendErr
	}
	return err
}

// awaitStart reads up to the server's readiness for data. Without an error it
// reports false where the statement was no COPY FROM STDIN.
func (c *copyIn) awaitStart() (bool, error) {
	var failed error
	for {
		kind, body, _, err := c.wire.frame()
		switch {
		case err != nil:
			return false, err
		case kind == msgCopyInResponse:
			return true, nil
		case kind == msgErrorResponse:
			failed = serverError(body)
		case kind == msgReadyForQuery:
			return false, failed
		}
	}
}

func (c *copyIn) awaitEnd() error {
	var failed error
	for {
		kind, body, _, err := c.wire.frame()
		switch {
		case err != nil:
			return err
		case kind == msgErrorResponse:
			failed = serverError(body)
		case kind == msgReadyForQuery:
			return failed
		}
	}
}

// errEndedEarly tells that the server has answered before the end of the data.
var errEndedEarly = errors.New("the server answered before the end of the data")

func (c *copyIn) send(r io.Reader, ended chan error) error {
	for {
		n, err := fillFrom(r, c.out[frameHeader:])
		if n > 0 {
			c.out[0] = msgCopyData
			binary.BigEndian.PutUint32(c.out[1:], uint32(4+n))
			if len(ended) > 0 {
				return errEndedEarly
			}
			if _, err := c.wire.conn.Write(c.out[:frameHeader+n]); err != nil {
				return err
			}
		}
		if err == io.EOF {
			_, err := c.wire.conn.Write([]byte{msgCopyDone, 0, 0, 0, 4})
			return err
		}
		if err != nil {
			return err
		}
	}
}

// fillFrom fills p. Only io.EOF itself is an end: a reader may report a
// truncated part as io.ErrUnexpectedEOF.
func fillFrom(r io.Reader, p []byte) (n int, err error) {
	for n < len(p) && err == nil {
		var m int
		m, err = r.Read(p[n:])
		n += m
	}
	return n, err
}

func (c *copyIn) fail() error {
	const reason = "the data ended with an error\x00"
	msg := []byte{msgCopyFail, 0, 0, 0, 0}
	binary.BigEndian.PutUint32(msg[1:], uint32(4+len(reason)))
	_, err := c.wire.conn.Write(append(msg, reason...))
	return err
}
