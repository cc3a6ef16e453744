package reconcile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"slices"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	// mostNested is how deep an answer of Redis may be nested.
	mostNested = 16
	// mostCells is how many values one row may have.
	mostCells = 10_000
)

// reply is an error that Redis answered with.
type reply string

func (r reply) Error() string { return string(r) }

// respReader reads answers in RESP3 (https://redis.io/docs/latest/develop/reference/protocol-spec/).
type respReader struct{ in *bufio.Reader }

// header is the first line of a value.
type header struct {
	kind byte
	text []byte
	// size is of a bulk string in bytes, or of an aggregate in values; -1 for null.
	size int
}

// header reads the first line of a value, after attributes, which say nothing
// about the data. An error reply is an error of type reply.
func (r respReader) header(depth int) (header, error) {
	line, err := r.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return header{}, malformed("a line that does not end")
	}
	if err != nil {
		return header{}, err
	}
	if len(line) < 3 || line[len(line)-2] != '\r' {
		return header{}, malformed("a line that does not end")
	}
	h := header{kind: line[0], text: line[1 : len(line)-2]}
	switch h.kind {
	case '-':
		return header{}, reply(h.text)
	case '+', ':', ',', '#', '(', '_':
		return h, nil
	case '$', '=', '!', '*', '~', '>', '%', '|':
	default:
		return header{}, malformed("a value of an unknown type")
	}
	if h.size, err = strconv.Atoi(string(h.text)); err != nil || h.size < -1 {
		return header{}, malformed("a length that is no number")
	}
	switch h.kind {
	case '%', '|':
		h.size *= 2
	case '!':
		text, err := r.bulk(h.size)
		if err != nil {
			return header{}, err
		}
		return header{}, reply(text)
	}
	if h.kind != '|' {
		return h, nil
	}
	if depth >= mostNested {
		return header{}, malformed("too many levels")
	}
	for range h.size {
		if _, err := r.flatten(nil, depth+1); err != nil {
			return header{}, err
		}
	}
	return r.header(depth + 1)
}

func (r respReader) bulk(size int) ([]byte, error) {
	if size < 0 {
		return nil, nil
	}
	if size > mostBytes {
		return nil, fault.New(fault.Unsupported, "a value in Redis has more than %d MiB", mostBytes>>20)
	}
	text := make([]byte, size+2)
	if _, err := io.ReadFull(r.in, text); err != nil {
		return nil, err
	}
	if string(text[size:]) != "\r\n" {
		return nil, malformed("a value that does not end")
	}
	return text[:size:size], nil
}

// flatten reads one value and appends the values that are in it, in order,
// however they are nested. What is null is nil; what is true is t, as
// PostgreSQL has it.
func (r respReader) flatten(cells [][]byte, depth int) ([][]byte, error) {
	h, err := r.header(depth)
	if err != nil {
		return nil, err
	}
	return r.unfold(h, cells, depth)
}

// unfold reads what follows a header.
func (r respReader) unfold(h header, cells [][]byte, depth int) (_ [][]byte, err error) {
	if len(cells) == mostCells {
		return nil, fault.New(fault.Unsupported, "a row of Redis's answer has more than %d values", mostCells)
	}
	switch h.kind {
	case '_':
		return append(cells, nil), nil
	case '$':
		text, err := r.bulk(h.size)
		return append(cells, text), err
	case '=':
		text, err := r.bulk(h.size)
		if len(text) >= len("txt:") {
			text = text[len("txt:"):]
		}
		return append(cells, text), err
	case '*', '~', '>', '%':
	default:
		return append(cells, bytes.Clone(h.text)), nil
	}
	if h.size < 0 {
		return append(cells, nil), nil
	}
	if depth >= mostNested {
		return nil, malformed("too many levels")
	}
	for range h.size {
		if cells, err = r.flatten(cells, depth+1); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

func malformed(what string) error {
	return fault.New(fault.Corrupt, "the answer is not RESP: it has %s", what)
}

// respRows are the rows of one answer.
type respRows struct {
	reader respReader
	// left is how many rows are still to be read, each of so many values.
	left, values int
	// ready are rows that were read already.
	ready [][][]byte
}

// rows begins to read an answer. The values of an array, and of an answer that
// is one value, are rows in their order; arrays in it are the rows' columns.
// Entries of a map are rows of two columns. Maps and sets have no order: they
// are sorted by the bytes of their columns.
func (r respReader) rows() (*respRows, error) {
	h, err := r.header(0)
	if err != nil {
		return nil, err
	}
	all := &respRows{reader: r, left: h.size, values: 1}
	switch h.kind {
	case '*', '>':
		if h.size >= 0 {
			return all, nil
		}
	case '%':
		all.left, all.values = h.size/2, 2
		fallthrough
	case '~':
		err := all.sort()
		return all, err
	}
	row, err := r.unfold(h, nil, 0)
	all.left, all.ready = 0, [][][]byte{row}
	return all, err
}

func (r *respRows) sort() error {
	bytesHeld := 0
	for r.left > 0 {
		row, err := r.read()
		if err != nil {
			return err
		}
		for _, cell := range row {
			bytesHeld += len(cell) + 24
		}
		if bytesHeld > mostBytes {
			return fault.New(fault.Unsupported, "the answer is a map or a set of more than %d MiB, which has no order to compare it in: ask for a sorted one", mostBytes>>20)
		}
		r.ready = append(r.ready, row)
	}
	slices.SortFunc(r.ready, func(a, b [][]byte) int { return slices.CompareFunc(a, b, bytes.Compare) })
	return nil
}

func (r *respRows) read() (row [][]byte, err error) {
	r.left--
	for range r.values {
		if row, err = r.reader.flatten(row, 1); err != nil {
			return nil, err
		}
	}
	return row, nil
}

func (r *respRows) next() ([][]byte, error) {
	switch {
	case len(r.ready) > 0:
		row := r.ready[0]
		r.ready = r.ready[1:]
		return row, nil
	case r.left > 0:
		return r.read()
	default:
		return nil, errEnd
	}
}
