package postgres

import (
	"math/bits"

	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// rowSum is the digest of a set of rows, whatever their order: the sum mod
// 2^128 of XXH3-128 over the bytes of each row as COPY sends it (one CopyData
// message; in text with the newline at its end, in binary without the header
// and trailer of the stream).
type rowSum struct {
	count  int64
	hi, lo uint64
}

func (s *rowSum) add(row []byte) { s.addHash(xxh3.Hash128(row)) }

func (s *rowSum) addHash(h xxh3.Uint128) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, h.Lo, 0)
	s.hi, _ = bits.Add64(s.hi, h.Hi, carry)
	s.count++
}

// Prefixes of digests: only like is compared with like.
const (
	textSum   = "t:xxh3sum"
	binarySum = "b:xxh3sum"
	linesSum  = "xxh3sum"
)

// entry is the sum as an entry of a fingerprint.
func (s *rowSum) entry(kind, name, prefix string) surface.Entry {
	return surface.Entry{Kind: kind, Name: name, Count: s.count, Digest: surface.FormatSum(prefix, s.hi, s.lo)}
}
