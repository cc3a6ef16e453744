package redis

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	// markSize is the length of the random mark that ends a stream of unknown length.
	markSize = 40
	// chunk is how much is read and written at once.
	chunk = 128 << 10
)

// output remembers that it was the writing that failed.
type output struct {
	w   io.Writer
	err error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if err != nil {
		o.err = err
	}
	return n, err
}

// receive copies the RDB that follows FULLRESYNC, exactly.
func (l *link) receive(w io.Writer) error {
	head, err := l.line()
	if err != nil {
		return err
	}
	if strings.HasPrefix(head, "-") {
		return answer(head[1:])
	}
	announced, ok := strings.CutPrefix(head, "$")
	if !ok {
		return fault.New(fault.Unsupported, "the server announced the snapshot with %q", short(head))
	}
	magic, err := l.r.Peek(len("VALKEY"))
	if err != nil {
		return truncated(err)
	}
	if !bytes.HasPrefix(magic, []byte("REDIS")) && !bytes.HasPrefix(magic, []byte("VALKEY")) {
		return fault.New(fault.Corrupt, "what the server sent does not begin as an RDB file: %q", magic)
	}
	if mark, ok := strings.CutPrefix(announced, "EOF:"); ok {
		if len(mark) != markSize {
			return fault.New(fault.Corrupt, "the server announced an end mark of %d bytes, not %d", len(mark), markSize)
		}
		return l.untilMark(w, []byte(mark))
	}
	size, err := strconv.ParseInt(announced, 10, 64)
	if err != nil || size < 0 {
		return fault.New(fault.Corrupt, "the server announced the snapshot's size as %q", short(announced))
	}
	return l.exactly(w, size)
}

func (l *link) exactly(w io.Writer, size int64) error {
	buffer := make([]byte, chunk)
	for size > 0 {
		n, err := l.r.Read(buffer[:min(size, chunk)])
		if _, err := w.Write(buffer[:n]); err != nil {
			return err
		}
		if size -= int64(n); err != nil && size > 0 {
			return truncated(err)
		}
	}
	return nil
}

// untilMark copies what comes before the mark. The mark may lie across two
// reads, so what could be its beginning is held back.
func (l *link) untilMark(w io.Writer, mark []byte) error {
	buffer := make([]byte, chunk+markSize)
	held := 0
	for {
		n, readErr := l.r.Read(buffer[held:])
		have := held + n
		if end := bytes.Index(buffer[:have], mark); end >= 0 {
			_, err := w.Write(buffer[:end])
			return err
		}
		ready := max(0, have-markSize+1)
		if _, err := w.Write(buffer[:ready]); err != nil {
			return err
		}
		if readErr != nil {
			return truncated(readErr)
		}
		held = copy(buffer, buffer[ready:have])
	}
}

// truncated says what the early end of a connection means.
func truncated(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fault.New(fault.Unavailable, "the server ended the connection too early: its log says why (memory for a fork, client-output-buffer-limit, a restart)")
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fault.New(fault.Unavailable, "the server has sent nothing for %v", silence)
	case errors.Is(err, net.ErrClosed):
		return fault.New(fault.Unavailable, "the connection was closed")
	}
	return err
}

// encodeCommand writes a command in RESP: an array of bulk strings.
func encodeCommand(words []string) []byte {
	out := []byte("*" + strconv.Itoa(len(words)) + "\r\n")
	for _, word := range words {
		out = append(out, "$"+strconv.Itoa(len(word))+"\r\n"+word+"\r\n"...)
	}
	return out
}

// short is what an error message shows of something that was not expected.
func short(text string) string { return text[:min(len(text), 80)] }
