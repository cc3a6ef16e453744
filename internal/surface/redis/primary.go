package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

const (
	// greetWithin bounds the handshake with a server that connects.
	greetWithin = 10 * time.Second
	// ackWithin is how long a replica may be silent once it was sent
	// everything. While it loads, it gives a sign of life every second.
	ackWithin = 3 * time.Second
	// maxWord bounds a word of a replica's commands.
	maxWord = 4 << 10
)

// primary is the side of the replication protocol that hands out the data. It
// listens on 127.0.0.1 and serves one RDB to one replica, which must know the
// password: other users of the host could connect, too.
type primary struct {
	listener net.Listener
	password string
}

func newPrimary(ctx context.Context) (*primary, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "listen for the server to fill")
	}
	return &primary{listener: l, password: seal.RandomID(40)}, nil
}

func (p *primary) port() string {
	_, port, _ := net.SplitHostPort(p.listener.Addr().String())
	return port
}

// serve waits for the replica, sends it the RDB and returns its connection once
// it has acknowledged that all is loaded. The caller closes the connection.
func (p *primary) serve(ctx context.Context, rdb io.Reader) (net.Conn, error) {
	defer context.AfterFunc(ctx, func() { _ = p.listener.Close() })()
	for {
		conn, err := p.listener.Accept()
		if err != nil {
			return nil, errors.Join(ctx.Err(), fmt.Errorf("wait for the server to connect: %w", err))
		}
		c := &follower{conn: conn, r: bufio.NewReader(conn)}
		if err := c.greet(p.password); err != nil {
			// Whoever that was, it was not the server that has the password.
			_ = conn.Close()
			continue
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
		if err := c.feed(rdb); err != nil {
			stop()
			_ = conn.Close()
			return nil, errors.Join(ctx.Err(), err)
		}
		stop()
		return conn, nil
	}
}

// follower is the connection of a server that we play the primary of.
type follower struct {
	conn net.Conn
	r    *bufio.Reader
}

// greet answers the handshake up to and including PSYNC.
func (f *follower) greet(password string) error {
	if err := f.conn.SetDeadline(time.Now().Add(greetWithin)); err != nil {
		return err
	}
	known := false
	for {
		words, err := f.command()
		if err != nil {
			return err
		}
		reply := "+OK"
		switch name := strings.ToUpper(words[0]); {
		case name == "AUTH":
			// 200 random bits that are good for one connection: how long the
			// comparison of a guess takes gives nothing away.
			if words[len(words)-1] != password {
				return errors.New("wrong password")
			}
			known = true
		case !known:
			reply = "-NOAUTH Authentication required."
		case name == "PING":
			reply = "+PONG"
		case name == "PSYNC":
			return f.conn.SetDeadline(time.Time{})
		case name != "REPLCONF":
			reply = "-ERR unknown command"
		}
		if _, err := io.WriteString(f.conn, reply+"\r\n"); err != nil {
			return err
		}
	}
}

// feed answers PSYNC with the RDB and waits for the replica's acknowledgement.
func (f *follower) feed(rdb io.Reader) error {
	mark := seal.RandomID(markSize)
	out := bufio.NewWriterSize(f.conn, chunk)
	// The writer keeps its first error for the flush.
	_, _ = fmt.Fprintf(out, "+FULLRESYNC %s 0\r\n$EOF:%s\r\n", seal.RandomID(40), mark)
	in := &input{r: rdb}
	_, _ = io.CopyBuffer(struct{ io.Writer }{out}, in, make([]byte, chunk))
	if in.err != nil {
		return in.err
	}
	_, _ = out.WriteString(mark)
	if out.Flush() != nil {
		return errRefused
	}
	return f.awaitLoaded()
}

// awaitLoaded waits for the acknowledgement that a replica sends when it has
// loaded everything. One that waits for more, because the data is cut off in
// the middle, says nothing at all: the end of the stream tells it.
func (f *follower) awaitLoaded() error {
	f.r.Reset(&impatient{f.conn})
	for {
		words, err := f.command()
		if err != nil {
			return errRefused
		}
		if len(words) >= 2 && strings.EqualFold(words[0], "REPLCONF") && strings.EqualFold(words[1], "ACK") {
			return nil
		}
	}
}

// impatient is a connection whose sending side is closed when nothing has come for some time.
type impatient struct{ net.Conn }

func (i *impatient) Read(p []byte) (int, error) {
	if err := i.SetReadDeadline(time.Now().Add(ackWithin)); err != nil {
		return 0, err
	}
	n, err := i.Conn.Read(p)
	if n > 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		return n, err
	}
	if tcp, ok := i.Conn.(*net.TCPConn); ok {
		if err := tcp.CloseWrite(); err != nil {
			return 0, err
		}
	}
	if err := i.SetReadDeadline(time.Time{}); err != nil {
		return 0, err
	}
	return i.Conn.Read(p)
}

// errRefused: the server hung up before it had loaded everything. Its log knows why.
var errRefused = errors.New("the server did not load the data")

// input remembers that it was the reading that failed.
type input struct {
	r   io.Reader
	err error
}

func (i *input) Read(p []byte) (int, error) {
	n, err := i.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		i.err = err
	}
	return n, err
}

// command reads an array of bulk strings. Empty lines before it are a
// replica's sign of life while it loads.
func (f *follower) command() ([]string, error) {
	for {
		next, err := f.r.Peek(1)
		if err != nil {
			return nil, err
		}
		if next[0] != '\n' {
			break
		}
		_, _ = f.r.Discard(1)
	}
	count, err := f.number('*', 64)
	if err != nil || count == 0 {
		return nil, errors.Join(err, io.ErrUnexpectedEOF)
	}
	words := make([]string, count)
	for n := range words {
		size, err := f.number('$', maxWord)
		if err != nil {
			return nil, err
		}
		word := make([]byte, size+len("\r\n"))
		if _, err := io.ReadFull(f.r, word); err != nil {
			return nil, err
		}
		words[n] = string(word[:size])
	}
	return words, nil
}

// number reads a line of a sign and a number that is not above most.
func (f *follower) number(sign byte, most int) (int, error) {
	line, err := f.r.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	text := strings.TrimRight(string(line), "\r\n")
	if text == "" || text[0] != sign {
		return 0, fmt.Errorf("expected %c, got %q", sign, short(text))
	}
	n, err := strconv.Atoi(text[1:])
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("bad number %q", short(text))
	}
	return n, nil
}
