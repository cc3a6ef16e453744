// Package basebackup cuts PostgreSQL's base backups into parts, puts parts
// into a data directory, and checks a data directory against the manifest that
// PostgreSQL sends with a backup.
package basebackup

import (
	"bytes"
	"encoding/binary"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// blockSize is what tar rounds everything up to.
const blockSize = 512

// Kinds of members that PostgreSQL sends (src/port/tar.c): nothing else is accepted.
const (
	kindFile      = '0'
	kindLink      = '2'
	kindDirectory = '5'
)

// member is one entry of a tar archive. Its name is relative, clean and stays
// below its folder.
type member struct {
	name string
	kind byte
	mode uint32
	size int64
	link string
}

// padded is how many bytes follow the header.
func (m member) padded() int64 { return (m.size + blockSize - 1) / blockSize * blockSize }

// parseMember reads a ustar header as PostgreSQL writes it: names of up to 99
// bytes without a prefix, sizes in octal or, from 8 GiB on, in base 256.
func parseMember(h []byte) (member, error) {
	bad := func(what string) (member, error) {
		return member{}, fault.New(fault.Corrupt, "not a tar archive of PostgreSQL: %s of member %.120q", what, text(h[:100]))
	}
	sum, ok := number(h[148:156])
	if !ok || sum != headerSum(h) {
		return bad("wrong checksum")
	}
	if !bytes.Equal(h[257:262], []byte("ustar")) || h[345] != 0 {
		return bad("unknown format")
	}
	// PostgreSQL begins the name of pg_wal/archive_status with ./.
	name := strings.TrimPrefix(strings.TrimSuffix(text(h[:100]), "/"), "./")
	m := member{name: name, kind: h[156], link: text(h[157:257])}
	if m.kind == 0 {
		m.kind = kindFile
	}
	mode, okMode := number(h[100:108])
	m.size, ok = number(h[124:136])
	switch {
	case !ok || !okMode || m.size < 0 || m.size > 1<<62:
		return bad("impossible size or mode")
	case m.kind != kindFile && m.kind != kindDirectory && m.kind != kindLink:
		return bad("unknown type " + strconv.QuoteRune(rune(m.kind)))
	case m.kind != kindFile && m.size != 0:
		return bad("contents")
	case !safeName(m.name):
		return bad("forbidden name")
	}
	m.mode = uint32(mode & 0o7777)
	return m, nil
}

// safeName reports whether a name stays below its folder and is written in one way only.
func safeName(name string) bool {
	return name != "." && filepath.IsLocal(name) && path.Clean(name) == name && !strings.ContainsRune(name, 0)
}

// text is a field up to its first NUL.
func text(field []byte) string {
	before, _, _ := bytes.Cut(field, []byte{0})
	return string(before)
}

func number(field []byte) (int64, bool) {
	if field[0] == 0x80 {
		// Base 256; PostgreSQL never needs more than the last eight bytes.
		for _, b := range field[1 : len(field)-8] {
			if b != 0 {
				return 0, false
			}
		}
		n := binary.BigEndian.Uint64(field[len(field)-8:])
		return int64(n), n < 1<<63
	}
	digits := strings.Trim(text(field), " ")
	n, err := strconv.ParseUint(digits, 8, 62)
	return int64(n), err == nil
}

// headerSum is the sum of a header's bytes with the checksum itself as spaces.
func headerSum(h []byte) int64 {
	sum := int64(8 * ' ')
	for i, b := range h[:blockSize] {
		if i < 148 || i >= 156 {
			sum += int64(b)
		}
	}
	return sum
}
