package redis

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	// silence is how long a server may send nothing at all. While it prepares
	// a snapshot it sends an empty line every few seconds (repl-ping-replica-period).
	silence = 3 * time.Minute
	// maxLine bounds a line of the handshake.
	maxLine = 64 << 10
)

// replicate asks the server for a full synchronisation, as a replica does, and
// writes the RDB to w. The protocol is that of Redis's replication.c: PSYNC
// answered by +FULLRESYNC, then the RDB as $LENGTH or as $EOF:MARK, with empty
// lines in between to keep the connection alive.
func (a address) replicate(ctx context.Context, w io.Writer) error {
	conn, err := a.dial(ctx)
	if err != nil {
		return a.failure(err, "connect")
	}
	defer conn.Close()
	// Closing is what ends a read that waits.
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	l := &link{conn: conn, r: bufio.NewReaderSize(patient{conn}, chunk)}
	if err := l.handshake(a.options.Username, a.options.Password); err != nil {
		return errors.Join(ctx.Err(), a.failure(err, "ask for a synchronisation"))
	}
	out := &output{w: w}
	err = l.receive(out)
	if out.err != nil {
		return out.err
	}
	if err != nil {
		return errors.Join(ctx.Err(), a.failure(err, "receive the snapshot"))
	}
	return nil
}

// patient is a connection whose every read may take as long as silence.
type patient struct{ net.Conn }

func (p patient) Read(b []byte) (int, error) {
	if err := p.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return 0, err
	}
	return p.Conn.Read(b)
}

// link is a connection to a server whose replica we are.
type link struct {
	conn net.Conn
	r    *bufio.Reader
}

func (l *link) handshake(user, password string) error {
	if password != "" {
		auth := []string{"AUTH", password}
		if user != "" {
			auth = []string{"AUTH", user, password}
		}
		if _, err := l.ask(auth...); err != nil {
			return err
		}
	}
	if _, err := l.ask("PING"); err != nil {
		return err
	}
	if _, err := l.ask("REPLCONF", "capa", "eof"); err != nil {
		return err
	}
	// Asked for the RDB alone, the server keeps no stream of changes for us.
	// One that is too old to know this is left by closing the connection.
	if _, err := l.ask("REPLCONF", "rdb-only", "1"); err != nil && !strings.HasPrefix(err.Error(), "ERR") {
		return err
	}
	reply, err := l.ask("PSYNC", "?", "-1")
	if err != nil {
		return err
	}
	if !strings.HasPrefix(reply, "FULLRESYNC ") {
		return fault.New(fault.Unsupported, "the server answered PSYNC with %q", short(reply))
	}
	return nil
}

// ask sends a command and returns its one-line answer.
func (l *link) ask(command ...string) (string, error) {
	if _, err := l.conn.Write(encodeCommand(command)); err != nil {
		return "", err
	}
	line, err := l.line()
	switch {
	case err != nil:
		return "", err
	case strings.HasPrefix(line, "+"):
		return line[1:], nil
	case strings.HasPrefix(line, "-"):
		return "", answer(line[1:])
	default:
		return "", fault.New(fault.Unsupported, "this is no Redis server: it answered %s with %q", command[0], short(line))
	}
}

// line reads a line that is not empty.
func (l *link) line() (string, error) {
	var line []byte
	for {
		piece, err := l.r.ReadSlice('\n')
		line = append(line, piece...)
		if len(line) > maxLine {
			return "", fault.New(fault.Unsupported, "this is no Redis server: it sent a line of over %d bytes", maxLine)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return "", truncated(err)
		}
		if text := strings.TrimRight(string(line), "\r\n"); text != "" {
			return text, nil
		}
		line = line[:0]
	}
}
