package replication

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// StreamOptions say what to stream.
type StreamOptions struct {
	// Slot is the physical slot to stream through; empty means none, and then the
	// server keeps no WAL for us.
	Slot string
	// Timeline is the one to follow, up to its end.
	Timeline uint32
	// From is where to begin: a segment's start, normally.
	From wal.LSN
	// StatusEvery is how often the server is told what is durable; a second when it is zero.
	StatusEvery time.Duration
	// Silence is how long the server may say nothing, though asked, before it
	// counts as gone; a minute when it is zero.
	Silence time.Duration
}

// Sink receives a timeline's WAL. An error of its methods ends the stream and is returned by it.
type Sink interface {
	// WAL receives the bytes at a position, which is where the last ones ended.
	// They are valid until it returns. While it blocks, the server is still told
	// what is durable, and so goes on waiting.
	WAL(at wal.LSN, data []byte) error
	// Idle says that nothing more has arrived for now, and how far the server has
	// come, by its own clock. An idle server is asked at every StatusEvery.
	Idle(serverAt wal.LSN, serverTime time.Time) error
	// Flushed is up to where everything is durable, zero where nothing is. The
	// server may throw away what is before it. A server that is being shut down
	// waits until all it has sent is flushed. It is called from another goroutine,
	// while the other methods run too, and must not wait for them.
	Flushed() wal.LSN
}

// Switched is where a timeline ended, and the one that follows it there. The
// zero Switched means that the timeline has not ended. A standby may have sent a
// little more of the old timeline than it ended up with, the beginning of a
// record whose rest never came: what lies after At is then part of no history.
type Switched struct {
	Timeline uint32
	At       wal.LSN
}

// Stream streams WAL into sink until the timeline ends, ctx is cancelled, or
// something fails. A cancelled ctx ends the stream in order, so that the slot is
// free when Stream returns ctx's cause, and the connection can be used again.
//
// The error is Conflict when the slot is in use, Missing when there is none,
// Lost when the server has removed WAL from From on, Mismatch when its history
// is not the one that led to From, Unavailable when it is behind From, is shut
// down, or can't be reached.
func (c *Conn) Stream(ctx context.Context, o StreamOptions, sink Sink) (Switched, error) {
	command := fmt.Sprintf("START_REPLICATION PHYSICAL %s TIMELINE %d", o.From, o.Timeline)
	if o.Slot != "" {
		if err := checkSlot(o.Slot); err != nil {
			return Switched{}, err
		}
		command = fmt.Sprintf("START_REPLICATION SLOT %q PHYSICAL %s TIMELINE %d", o.Slot, o.From, o.Timeline)
	}
	if o.StatusEvery <= 0 {
		o.StatusEvery = time.Second
	}
	if o.Silence <= 0 {
		o.Silence = time.Minute
	}
	w, release, err := c.take(ctx, command)
	if err != nil {
		return Switched{}, err
	}
	defer release()
	w.patience = o.Silence
	s := &stream{wire: w, sink: sink, from: o.From, at: o.From}
	next, err := s.run(min(o.StatusEvery, o.Silence/3))
	switch {
	case err == nil:
		return next, nil
	case s.copying && (s.sinkErr != nil || ctx.Err() != nil):
		// The server is in the middle of its sentence, and is asked to end it.
		if !s.hangUp() {
			c.Close()
		}
	case state(err) == "":
		c.Close()
	}
	if ctx.Err() != nil {
		return Switched{}, context.Cause(ctx)
	}
	if s.sinkErr != nil {
		return Switched{}, s.sinkErr
	}
	release()
	return Switched{}, c.streamFailed(ctx, err, o)
}

// stream is one START_REPLICATION.
type stream struct {
	*wire
	sink     Sink
	from, at wal.LSN
	reporter *reporter
	// copying says that the server is sending WAL; sinkErr is why the sink wants no more.
	copying bool
	sinkErr error
}

func (s *stream) run(every time.Duration) (Switched, error) {
	kind, body, err := s.next()
	if err != nil {
		return Switched{}, err
	}
	switch kind {
	case msgErrorResponse:
		return Switched{}, s.failed(body)
	case msgCopyBoth:
		s.copying = true
		s.reporter = newReporter(s.conn, s.sink, s.from, s.patience)
		stop := s.reporter.start(every)
		err := s.receive()
		stop()
		if broken := s.reporter.broken(); broken != nil && err != nil && s.sinkErr == nil {
			err = broken
		}
		if err != nil {
			return Switched{}, err
		}
		if _, err := s.conn.Write(frame(msgCopyDone, nil)); err != nil {
			return Switched{}, err
		}
	case msgRowDescription, msgCommandComplete:
		// There was nothing to stream: the timeline ends where it was asked for.
	default:
		return Switched{}, unexpected(kind, "the start of streaming")
	}
	return s.successor()
}

// receive hands on WAL until the server has sent all of the timeline.
func (s *stream) receive() error {
	for {
		kind, body, err := s.next()
		if err != nil {
			return err
		}
		switch kind {
		case msgCopyData:
			if err := s.data(body); err != nil {
				return err
			}
		case msgCopyDone:
			s.copying = false
			return nil
		case msgErrorResponse:
			s.copying = false
			return s.failed(body)
		case msgCommandComplete:
			return fault.New(fault.Unavailable, "the server is being shut down, and has sent all its WAL up to %s", s.at)
		default:
			return unexpected(kind, "streaming")
		}
	}
}

// The messages within the COPY (PostgreSQL manual, START_REPLICATION).
const (
	walData   = 'w'
	keepalive = 'k'
	// walHeader is the type, where the data begins, how far the server is, and its clock.
	walHeader    = 1 + 8 + 8 + 8
	keepaliveLen = 1 + 8 + 8 + 1
)

func (s *stream) data(body []byte) error {
	switch {
	case len(body) >= walHeader && body[0] == walData:
		at, data := wal.LSN(binary.BigEndian.Uint64(body[1:])), body[walHeader:]
		if at != s.at {
			return fault.New(fault.Corrupt, "the server sent WAL from %s on, where it should have gone on at %s", at, s.at)
		}
		serverAt, clock := binary.BigEndian.Uint64(body[9:]), serverTime(body[17:])
		s.sinkErr = s.sink.WAL(at, data)
		s.at += wal.LSN(len(data))
		if s.sinkErr == nil && !s.waiting() {
			s.sinkErr = s.sink.Idle(wal.LSN(serverAt), clock)
		}
		s.reporter.heard()
		return s.sinkErr
	case len(body) >= keepaliveLen && body[0] == keepalive:
		s.reporter.heard()
		s.sinkErr = s.sink.Idle(wal.LSN(binary.BigEndian.Uint64(body[1:])), serverTime(body[9:]))
		if s.sinkErr == nil && body[17] != 0 {
			return s.reporter.report(false)
		}
		return s.sinkErr
	default:
		return fault.New(fault.Unsupported, "the server sent a replication message that no PostgreSQL sends")
	}
}

// successor reads which timeline follows, up to where the next command can be sent.
func (s *stream) successor() (next Switched, err error) {
	for {
		kind, body, err := s.next()
		if err != nil {
			return Switched{}, err
		}
		switch kind {
		case msgDataRow:
			values, err := row(body, 2)
			if err != nil {
				return Switched{}, err
			}
			if next.At, next.Timeline, err = position(values[1], values[0]); err != nil {
				return Switched{}, err
			}
		case msgErrorResponse:
			return Switched{}, s.failed(body)
		case msgReadyForQuery:
			if next.Timeline == 0 {
				return Switched{}, fault.New(fault.Unavailable, "the server ended the stream at %s and names no timeline that follows", s.at)
			}
			if next.At > s.at {
				return Switched{}, fault.New(fault.Corrupt, "the server ended the timeline at %s, though it has sent its WAL up to %s only", next.At, s.at)
			}
			return next, nil
		}
	}
}

// hangUp ends the COPY from this side, and skips what is still under way. It
// reports whether the connection can be used again.
func (s *stream) hangUp() bool {
	s.unwatch()
	until := time.Now().Add(goodbyeWithin)
	s.patience, s.ended = goodbyeWithin, func() error {
		if time.Now().After(until) {
			return os.ErrDeadlineExceeded
		}
		return nil
	}
	if s.reporter.report(false) != nil || s.conn.SetDeadline(time.Now().Add(goodbyeWithin)) != nil {
		return false
	}
	if _, err := s.conn.Write(frame(msgCopyDone, nil)); err != nil {
		return false
	}
	return s.finish() == nil
}

// streamFailed says what an error of the server means for who wants its WAL.
func (c *Conn) streamFailed(ctx context.Context, err error, o StreamOptions) error {
	doing := fmt.Sprintf("stream WAL of timeline %d from %s on", o.Timeline, o.From)
	if o.Slot != "" {
		doing += " through the slot " + o.Slot
	}
	const again = "; a new base backup is needed, and the WAL from its start on"
	switch state(err) {
	case undefinedFile:
		return fault.Wrap(fault.Lost, err, "%s: the server has removed WAL that is still wanted%s", doing, again)
	case notInPrerequisite:
		return fault.Wrap(fault.Lost, err, "%s: the slot can't be used%s", doing, again)
	case internalError:
		// No code tells which of the server's many reasons it is; what it is does.
		system, failed := c.Identify(ctx)
		switch {
		case failed != nil:
			return fault.Wrap(fault.Unavailable, errors.Join(err, failed), "%s", doing)
		case system.Timeline != o.Timeline:
			return fault.Wrap(fault.Mismatch, err, "%s: the server is on timeline %d, which did not come from there%s", doing, system.Timeline, again)
		case system.At < o.From:
			return fault.Wrap(fault.Unavailable, err, "%s: the server has come to %s only; it lags, or has lost WAL that was shipped", doing, system.At)
		}
	}
	return c.classify(err, doing)
}
