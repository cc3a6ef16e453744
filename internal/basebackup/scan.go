package basebackup

import (
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// scanner walks through a tar archive as it is written to it, in pieces of any
// size, and hands on slices of what it was given.
type scanner struct {
	to handler

	// header has the first bytes of a header that came in pieces.
	header []byte
	// left is what is to come of the member's data, padding what follows it.
	left, padding int64
	// inside is set from a member's header to its end.
	inside bool
	// ended is set by the first block of zeros, after which only zeros may come.
	ended bool
}

// handler is told what an archive holds.
type handler interface {
	// member begins a member; header is its block as it came.
	member(m member, header []byte) error
	// data is the next piece of a member's contents, pad of what fills its last block.
	data(b []byte) error
	pad(b []byte) error
	// memberEnd follows the last piece.
	memberEnd() error
}

// Write implements io.Writer.
func (s *scanner) Write(b []byte) (int, error) {
	total := len(b)
	for len(b) > 0 || s.inside && s.left+s.padding == 0 {
		n, err := s.step(b)
		if err != nil {
			return total - len(b), err
		}
		b = b[n:]
	}
	return total, nil
}

// step deals with as much of b as belongs to one thing.
func (s *scanner) step(b []byte) (int, error) {
	switch {
	case s.left > 0:
		n := int(min(s.left, int64(len(b))))
		s.left -= int64(n)
		return n, s.to.data(b[:n])
	case s.padding > 0:
		n := int(min(s.padding, int64(len(b))))
		s.padding -= int64(n)
		return n, s.to.pad(b[:n])
	case s.inside:
		s.inside = false
		return 0, s.to.memberEnd()
	}
	if len(s.header) == 0 && len(b) >= blockSize {
		return blockSize, s.block(b[:blockSize])
	}
	n := min(blockSize-len(s.header), len(b))
	s.header = append(s.header, b[:n]...)
	if len(s.header) < blockSize {
		return n, nil
	}
	err := s.block(s.header)
	s.header = s.header[:0]
	return n, err
}

// block takes a header, or a block of the zeros at the end.
func (s *scanner) block(b []byte) error {
	if zeros(b) {
		s.ended = true
		return nil
	}
	if s.ended {
		return fault.New(fault.Corrupt, "not a tar archive of PostgreSQL: data after its end")
	}
	m, err := parseMember(b)
	if err != nil {
		return err
	}
	s.left, s.padding, s.inside = m.size, m.padded()-m.size, true
	return s.to.member(m, b)
}

// end is called after the last Write. Servers before PostgreSQL 15 send no zeros at the end.
func (s *scanner) end() error {
	if s.inside || len(s.header) > 0 {
		return fault.New(fault.Corrupt, "the tar archive was cut off")
	}
	return nil
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
