package objects

import (
	"encoding/binary"
	"math/bits"
	"strings"

	"github.com/zeebo/xxh3"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

const (
	// entryKind is the kind of this surface's entries.
	entryKind = "objects"
	// everything names the one entry of a bucket with too many folders.
	everything = "*"
	// noFolder names the entry of keys without a slash.
	noFolder = "."
	// mostEntries is how many folders have entries of their own.
	mostEntries = 1000
	// digestPrefix begins the way of every digest; FORMAT.md says what is added.
	digestPrefix = "xxh3sum-"
	// bySize is the way where a copy's digests may be other than its source's.
	bySize = "size"
)

// sum counts objects and adds up their digests mod 2^128.
type sum struct {
	count  int64
	hi, lo uint64
}

func (s *sum) add(x xxh3.Uint128) {
	var carry uint64
	s.count++
	s.lo, carry = bits.Add64(s.lo, x.Lo, 0)
	s.hi, _ = bits.Add64(s.hi, x.Hi, carry)
}

// tally takes a fingerprint.
type tally struct {
	way     string
	all     sum
	folders map[string]*sum
	hasher  *xxh3.Hasher128
}

func newTally(traits bucket.Traits) *tally {
	t := &tally{way: traits.Digest, folders: map[string]*sum{}, hasher: xxh3.New128()}
	if t.way == "" {
		t.way = bySize
	}
	return t
}

// add counts an object by its key below the prefix. Only what a right copy has
// as well is digested: key, size, and a digest of the service that it takes over.
func (t *tally) add(key string, size int64, digest string) {
	if !strings.HasPrefix(digest, t.way+":") {
		digest = ""
	}
	t.hasher.Reset()
	t.frame(key)
	t.number(size)
	t.frame(digest)
	d := t.hasher.Sum128()
	t.all.add(d)
	if t.folders == nil {
		return
	}
	folder, _, inFolder := strings.Cut(key, "/")
	if folder += "/"; !inFolder {
		folder = noFolder
	}
	own := t.folders[folder]
	if own == nil {
		if len(t.folders) == mostEntries {
			t.folders = nil
			return
		}
		own = new(sum)
		// The key's memory would keep all of its listing's page.
		t.folders[strings.Clone(folder)] = own
	}
	own.add(d)
}

func (t *tally) frame(s string) {
	t.number(int64(len(s)))
	// A hash takes everything.
	_, _ = t.hasher.WriteString(s)
}

func (t *tally) number(n int64) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	_, _ = t.hasher.Write(b[:])
}

func (t *tally) fingerprint() surface.Fingerprint {
	entry := func(name string, s sum) surface.Entry {
		return surface.Entry{Kind: entryKind, Name: name, Count: s.count, Digest: surface.FormatSum(digestPrefix+t.way, s.hi, s.lo)}
	}
	if t.folders == nil {
		return surface.Fingerprint{entry(everything, t.all)}
	}
	var out surface.Fingerprint
	for name, s := range t.folders {
		out = append(out, entry(name, *s))
	}
	out.Sort()
	return out
}
