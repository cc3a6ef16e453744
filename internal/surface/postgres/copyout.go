package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// copyOut runs COPY … TO STDOUT on one connection, table after table. Every
// row goes into a sum, and the stream to out in large pieces, without the
// messages around it.
type copyOut struct {
	conn    *pgconn.PgConn
	wire    *wire
	out     io.Writer
	pending []byte

	// What follows is of the one table under way. In binary, header is written
	// in the place of the server's own.
	header   []byte
	sum      *rowSum
	begun    bool
	trailing bool
}

func newCopyOut(conn *pgconn.PgConn, out io.Writer) *copyOut {
	return &copyOut{conn: conn, wire: newWire(conn), out: out, pending: make([]byte, 0, wireBuffer)}
}

// copy runs one statement, in FORMAT binary where header is not nil. After an
// error that is not the server's the connection can only be closed.
func (c *copyOut) copy(ctx context.Context, sql string, header []byte) (*rowSum, error) {
	c.header, c.sum, c.begun, c.trailing = header, &rowSum{}, false, false
	release, err := c.wire.take(ctx, c.conn)
	if err != nil {
		return nil, err
	}
	defer release()
	if err := c.wire.query(sql); err != nil {
		return nil, err
	}
	return c.sum, c.run()
}

// text writes what is no row: the statements of a script.
func (c *copyOut) text(script string) error { return c.write([]byte(script)) }

// binarySignature begins a binary COPY (PostgreSQL manual, COPY, "File
// Formats"). A field of flags and the length of an extension area follow, 4
// bytes each.
var binarySignature = []byte("PGCOPY\n\xff\r\n\x00")

const binaryFixedHeader = 11 + 4 + 4

// binaryTrailer stands where the number of columns of a further row would.
var binaryTrailer = []byte{0xff, 0xff}

// binaryHeader is a header whose extension area holds text.
func binaryHeader(text string) []byte {
	h := append([]byte{}, binarySignature...)
	h = binary.BigEndian.AppendUint32(h, 0)
	h = binary.BigEndian.AppendUint32(h, uint32(len(text)))
	return append(h, text...)
}

// run reads to the ReadyForQuery that ends the exchange, unless w fails.
func (c *copyOut) run() error {
	var failed error
	for {
		kind, body, left, err := c.wire.frame()
		if err != nil {
			return err
		}
		switch kind {
		case msgCopyData:
			if left > 0 {
				err = c.hugeRow(body, left)
			} else {
				err = c.data(body)
			}
			if err != nil {
				return err
			}
		case msgCopyDone:
			if err := c.done(); err != nil {
				return err
			}
		case msgErrorResponse:
			failed = serverError(body)
		case msgReadyForQuery:
			return failed
		}
	}
}

func (c *copyOut) data(body []byte) error {
	if c.header != nil {
		row, err := c.binaryRow(body)
		if row == nil {
			return err
		}
		body = row
	} else if len(body) == 0 || body[len(body)-1] != '\n' {
		return errRowMessages
	}
	c.sum.add(body)
	return c.write(body)
}

// errRowMessages would mean that a server packs rows into messages in another
// way than all known versions. Digests of rows could not be taken.
var errRowMessages = fault.New(fault.Unsupported, "the server does not send one row of a COPY in one message")

// hugeRow passes a row on that is larger than the buffer, piece by piece.
func (c *copyOut) hugeRow(piece []byte, left int) error {
	if c.header != nil {
		rest, err := c.begin(piece)
		if err != nil {
			return err
		}
		piece = rest
	}
	hash := xxh3.New()
	for {
		if _, err := hash.Write(piece); err != nil {
			return err
		}
		if err := c.write(piece); err != nil {
			return err
		}
		if left == 0 {
			break
		}
		var err error
		if piece, err = c.wire.more(left); err != nil {
			return err
		}
		left -= len(piece)
	}
	if c.header == nil && piece[len(piece)-1] != '\n' {
		return errRowMessages
	}
	c.sum.addHash(hash.Sum128())
	return nil
}

// begin takes the server's header off the first message of a binary COPY, and
// writes ours.
func (c *copyOut) begin(body []byte) ([]byte, error) {
	if c.begun {
		return body, nil
	}
	c.begun = true
	if len(body) < binaryFixedHeader || !bytes.HasPrefix(body, binarySignature) ||
		!bytes.Equal(body[len(binarySignature):binaryFixedHeader], make([]byte, 8)) {
		return nil, fault.New(fault.Unsupported, "the server's binary COPY begins with an unknown header")
	}
	return body[binaryFixedHeader:], c.write(c.header)
}

// binaryRow takes the server's header and trailer off. It returns nil where no row is left.
func (c *copyOut) binaryRow(body []byte) ([]byte, error) {
	body, err := c.begin(body)
	if err != nil || len(body) == 0 {
		return nil, err
	}
	if bytes.Equal(body, binaryTrailer) {
		c.trailing = true
		return nil, nil
	}
	if c.trailing || c.sum.count < rowsChecked && !wholeBinaryRow(body) {
		return nil, errRowMessages
	}
	return body, nil
}

// rowsChecked is of how many rows of a table the form is checked: a server that
// packs them in another way would show it with the first ones.
const rowsChecked = 1000

// wholeBinaryRow reports whether a message is exactly one row.
func wholeBinaryRow(row []byte) bool {
	if len(row) < 2 {
		return false
	}
	columns := int(binary.BigEndian.Uint16(row))
	at := 2
	for range columns {
		if len(row)-at < 4 {
			return false
		}
		size := int32(binary.BigEndian.Uint32(row[at:]))
		at += 4
		if size > 0 {
			at += int(size)
		}
		if at > len(row) {
			return false
		}
	}
	return at == len(row)
}

func (c *copyOut) write(p []byte) error {
	if len(c.pending)+len(p) > cap(c.pending) {
		if err := c.flush(); err != nil {
			return err
		}
		if len(p) > cap(c.pending) {
			_, err := c.out.Write(p)
			return err
		}
	}
	c.pending = append(c.pending, p...)
	return nil
}

func (c *copyOut) flush() error {
	if len(c.pending) == 0 {
		return nil
	}
	_, err := c.out.Write(c.pending)
	c.pending = c.pending[:0]
	return err
}

func (c *copyOut) done() error {
	if c.header != nil {
		if !c.trailing {
			return fault.New(fault.Unavailable, "the server's binary COPY ended without its trailer")
		}
		if err := c.write(binaryTrailer); err != nil {
			return err
		}
	}
	return c.flush()
}
