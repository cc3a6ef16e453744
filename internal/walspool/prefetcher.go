package walspool

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// Prefetcher fills a spool. At most Ahead segments, those that are being fetched
// included, are in the spool at a time, and for a moment Parallel+1 more when the
// server jumps; Fetch is called up to Parallel times at once, once more for what
// the server waits for, and what it keeps in memory is all that is kept there.
type Prefetcher struct {
	// Dir is the spool. What is put there belongs to the folder's owner.
	Dir string
	// Fetch writes a whole WAL file. fault.Missing says that the archive does
	// not have it; any other error is for Run's caller to try again.
	Fetch func(ctx context.Context, name string, w io.Writer) error
	// SegmentSize is the cluster's; 0 means the default.
	SegmentSize int64
	// Ahead is how many segments are kept ready, 8 by default.
	Ahead int
	// Parallel is how many are fetched at a time, 2 by default.
	Parallel int
	// History is the ancestry of the last segment's timeline. It says which
	// segment belongs to which timeline when the first one is on an ancestor.
	History wal.History
}

// Run keeps the spool filled, in order, with the segments from first to last
// (the zero last: as far as the archive goes), and with whatever is asked for
// beside them, such as histories or what a server that was started again wants
// once more, until ctx ends, when it returns nil. It goes on with a spool that
// an earlier one has filled. A segment that can't be fetched ahead of need
// fails nothing until the server wants it; then its error is Run's.
func (p Prefetcher) Run(ctx context.Context, first, last wal.Segment) error {
	if p.SegmentSize == 0 {
		p.SegmentSize = wal.DefaultSegmentSize
	}
	if p.Ahead <= 0 {
		p.Ahead = 8
	}
	if p.Parallel <= 0 {
		p.Parallel = 2
	}
	if last.Timeline == 0 {
		last = wal.Segment{Timeline: first.Timeline, Number: 1<<64 - 1}
	}
	if !wal.ValidSegmentSize(p.SegmentSize) || first.Timeline == 0 || last.Number < first.Number {
		return fault.New(fault.Invalid, "no WAL can be replayed from %s to %s", first.Name(p.SegmentSize), last.Name(p.SegmentSize))
	}
	s := &spool{Prefetcher: p, last: last, next: first.Number, limit: last.Number, ready: map[uint64]bool{}, flying: map[string]bool{}, done: make(chan arrival)}
	if err := s.adopt(); err != nil {
		return err
	}
	inner, cancel := context.WithCancel(ctx)
	err := s.serve(inner)
	cancel()
	for len(s.flying) > 0 {
		delete(s.flying, (<-s.done).name)
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// spool is the folder while a prefetcher works on it.
type spool struct {
	Prefetcher
	last wal.Segment
	// next is the segment that the server will want next, as far as is known.
	// Those from it on, Ahead of them, are to be in the spool.
	next uint64
	// limit is the last segment that is worth trying to fetch ahead.
	limit uint64
	// ready are the segments in the spool, flying the files that are being fetched.
	ready  map[uint64]bool
	flying map[string]bool
	done   chan arrival
}

// arrival is the end of a fetch.
type arrival struct {
	name string
	err  error
}

// segment is the one of a number, on the timeline that the server looks for it first.
func (s *spool) segment(number uint64) wal.Segment {
	timeline := s.last.Timeline
	for _, left := range slices.Backward(s.History) {
		if number >= wal.SegmentAt(left.Timeline, left.End, s.SegmentSize).Number {
			break
		}
		timeline = left.Timeline
	}
	return wal.Segment{Timeline: timeline, Number: number}
}

func (s *spool) name(number uint64) string { return s.segment(number).Name(s.SegmentSize) }

// inTurn is the number of a segment that belongs to the sequence.
func (s *spool) inTurn(name string) (uint64, bool) {
	segment, err := wal.ParseSegment(name, s.SegmentSize)
	return segment.Number, err == nil && s.segment(segment.Number) == segment
}

func (s *spool) path(name string) string { return filepath.Join(s.Dir, name) }

// adopt takes over what an earlier prefetcher has left.
func (s *spool) adopt() error {
	names, err := s.list()
	if err != nil {
		return err
	}
	begun := false
	for _, name := range names {
		if strings.HasPrefix(name, ".") && name != aliveName {
			if err := removeIfThere(s.path(name)); err != nil {
				return err
			}
		}
		if number, ok := s.inTurn(name); ok {
			s.ready[number] = true
			// The server may be far beyond the first segment.
			if !begun || number < s.next {
				s.next, begun = number, true
			}
		}
	}
	return nil
}

func (s *spool) list() ([]string, error) {
	dir, err := os.Open(s.Dir)
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(err), err, "look into the spool")
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	return names, fault.Wrap(fault.KindOf(err), err, "look into the spool")
}

func (s *spool) serve(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var beat time.Time
	for {
		if time.Since(beat) > time.Second {
			beat = time.Now()
			if err := s.touch(); err != nil {
				return err
			}
		}
		if err := s.look(ctx); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case a := <-s.done:
			if err := s.land(a); err != nil {
				return err
			}
		}
	}
}

func (s *spool) touch() error {
	now := time.Now()
	err := os.Chtimes(s.path(aliveName), now, now)
	if os.IsNotExist(err) {
		err = os.WriteFile(s.path(aliveName), nil, 0o644)
	}
	return fault.Wrap(fault.KindOf(err), err, "work on the spool")
}

// look compares the spool with what it should hold.
func (s *spool) look(ctx context.Context) error {
	names, err := s.list()
	if err != nil {
		return err
	}
	there := make(map[string]bool, len(names))
	for _, name := range names {
		there[name] = true
	}
	for number := range s.ready {
		if !there[s.name(number)] {
			delete(s.ready, number)
			s.next = max(s.next, number+1)
		}
	}
	for name := range there {
		wanted, ok := strings.CutSuffix(name, wantedSuffix)
		if ok && namePattern.MatchString(wanted) && !there[wanted] && !s.flying[wanted] {
			s.answer(ctx, wanted)
		}
	}
	if err := s.trim(); err != nil {
		return err
	}
	for number := s.next; len(s.flying) < s.Parallel && number <= s.limit && number-s.next < uint64(s.Ahead); number++ {
		if name := s.name(number); !s.ready[number] && !s.flying[name] {
			s.start(ctx, name)
		}
	}
	return nil
}

// answer fetches what the server waits for, at once. A segment of the sequence
// shows where the server is.
func (s *spool) answer(ctx context.Context, name string) {
	if number, ok := s.inTurn(name); ok && number <= s.last.Number {
		s.next, s.limit = number, s.last.Number
	}
	s.start(ctx, name)
}

// trim removes segments that the server has gone past, or is far from again.
func (s *spool) trim() error {
	for number := range s.ready {
		if number < s.next || number-s.next >= uint64(s.Ahead) {
			delete(s.ready, number)
			if err := removeIfThere(s.path(s.name(number))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *spool) start(ctx context.Context, name string) {
	s.flying[name] = true
	go func() { s.done <- arrival{name, s.fetch(ctx, name)} }()
}

// land takes in the end of a fetch.
func (s *spool) land(a arrival) error {
	delete(s.flying, a.name)
	wanted := exists(s.path(a.name + wantedSuffix))
	number, inTurn := s.inTurn(a.name)
	switch {
	case a.err == nil:
		if inTurn {
			s.ready[number] = true
		}
		return removeIfThere(s.path(a.name + wantedSuffix))
	case !wanted:
		// The server will ask for it if it needs it, and it is tried again then.
		if inTurn && number > 0 {
			s.limit = min(s.limit, number-1)
		}
		return nil
	case fault.Is(a.err, fault.Missing):
		if err := os.WriteFile(s.path(a.name+missingSuffix), nil, 0o644); err != nil {
			return fault.Wrap(fault.KindOf(err), err, "write into the spool")
		}
		if inTurn && number > 0 {
			s.limit = min(s.limit, number-1)
		}
		return removeIfThere(s.path(a.name + wantedSuffix))
	default:
		return fault.While(a.err, "fetch %s", a.name)
	}
}
