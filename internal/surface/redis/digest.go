package redis

import (
	"encoding/binary"
	"math"
	"math/bits"

	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// digestPrefix says how an entry's digest was made: by adding the XXH3-128 of
// each key. What is hashed is framed: every string follows its length as eight
// bytes, little endian; numbers are eight bytes, little endian.
//
//	a key     XXH3-128 of frame(name) frame(type) number(expiry in ms since 1970, or -1)
//	          number(elements), and the digest of its elements in 16 bytes, high half first
//	string    XXH3-128 of the bytes
//	list      XXH3-128 of frame(element)… in order
//	zset      XXH3-128 of frame(member) number(IEEE 754 bits of the score)… in ZRANGE's order
//	set       the sum mod 2^128 of XXH3-128 of frame(member)
//	hash      the sum of XXH3-128 of frame(field) frame(value) [number(the field's expiry)]
//	stream    XXH3-128 of frame(last ID), of each entry frame(ID) number(words) frame(word)…,
//	          and of each group in order of name what streams.go says
//	others    XXH3-128 of DUMP's payload without its last ten bytes
const digestPrefix = "xxh3sum"

// noExpiry is the expiry of a key that stays.
const noExpiry = -1

// total is a sum mod 2^128.
type total struct{ hi, lo uint64 }

func (t *total) add(x xxh3.Uint128) {
	var carry uint64
	t.lo, carry = bits.Add64(t.lo, x.Lo, 0)
	t.hi, _ = bits.Add64(t.hi, x.Hi, carry)
}

func (t *total) String() string { return surface.FormatSum(digestPrefix, t.hi, t.lo) }

// hasher hashes framed values.
type hasher struct{ h xxh3.Hasher128 }

func (h *hasher) frame(s string) {
	h.number(int64(len(s)))
	h.raw(s)
}

func (h *hasher) number(n int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	// A hash takes everything.
	_, _ = h.h.Write(b[:])
}

func (h *hasher) raw(s string) { _, _ = h.h.WriteString(s) }

func (h *hasher) sum() xxh3.Uint128 { return h.h.Sum128() }

// value digests one key's elements, all at once or in pieces.
type value struct {
	hasher
	// ordered is set where the order of elements belongs to the value.
	ordered bool
	sum     total
	count   int64
	// until is the earliest expiry of an element, or noExpiry.
	until int64
}

func newValue(kind string) *value {
	v := &value{ordered: kind != "set" && kind != "hash", until: noExpiry}
	v.h = *xxh3.New128()
	return v
}

func (v *value) begin() {
	v.count++
	if !v.ordered {
		v.h.Reset()
	}
}

func (v *value) end() {
	if !v.ordered {
		v.sum.add(v.hasher.sum())
	}
}

func (v *value) element(words ...string) {
	v.begin()
	for _, word := range words {
		v.frame(word)
	}
	v.end()
}

func (v *value) scored(member string, score float64) {
	v.begin()
	v.frame(member)
	v.number(int64(math.Float64bits(score)))
	v.end()
}

func (v *value) expiring(field, text string, expiry int64) {
	v.begin()
	v.frame(field)
	v.frame(text)
	v.number(expiry)
	v.end()
	if v.until == noExpiry || expiry < v.until {
		v.until = expiry
	}
}

func (v *value) digest() xxh3.Uint128 {
	if v.ordered {
		return v.hasher.sum()
	}
	return xxh3.Uint128{Hi: v.sum.hi, Lo: v.sum.lo}
}

// keyDigest is the digest of a key with everything that belongs to it.
func keyDigest(k key, v *value) xxh3.Uint128 {
	h := hasher{*xxh3.New128()}
	h.frame(k.name)
	h.frame(k.kind)
	h.number(k.expiry)
	h.number(v.count)
	d := v.digest().Bytes()
	h.raw(string(d[:]))
	return h.sum()
}
