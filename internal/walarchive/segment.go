package walarchive

import (
	"sync"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// segment is one that a Writer fills. Bytes of data before filled don't change
// any more, so that they are read without the Writer's lock.
type segment struct {
	wal.Segment
	name  string
	start wal.LSN
	data  []byte

	// Guarded by the Writer's lock: how much has come, how much of it is in
	// chunks, and which these are.
	filled, stored int64
	chunks         []tieredChunk
	// known says that only this Writer can have stored chunks.
	known bool

	// flushing waits for the chunk that is being stored.
	flushing sync.WaitGroup
	// durable is closed when the whole segment is.
	durable chan struct{}
}

// tieredChunk is a chunk of the open segment. What stays open for long, on a
// server that writes little, would have thousands of chunks: so whenever there
// are chunksPerTier of a tier, the next flush joins them to one of the tier
// above. A byte is stored once for each tier, of which there are few.
type tieredChunk struct {
	span
	tier int
}

// chunksPerTier bounds the chunks of a segment to so many times the logarithm,
// to this base, of the number of flushes.
const chunksPerTier = 8

// next says what the next chunk is, and which ones it takes the place of.
func (s *segment) next() (c tieredChunk, joins []tieredChunk) {
	c = tieredChunk{span: span{s.stored, s.filled}}
	rest := s.chunks
	for len(rest) >= chunksPerTier-1 && rest[len(rest)-chunksPerTier+1].tier == c.tier {
		rest = rest[:len(rest)-chunksPerTier+1]
		c.tier++
	}
	joins = s.chunks[len(rest):]
	if len(joins) > 0 {
		c.from = joins[0].from
	}
	return c, joins
}

// add notes that a chunk is durable.
func (s *segment) add(c tieredChunk, joined int) {
	s.chunks = append(s.chunks[:len(s.chunks)-joined:len(s.chunks)-joined], c)
	s.stored = c.to
}
