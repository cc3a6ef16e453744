// Package wal reads PostgreSQL's write-ahead log from its bytes alone: where
// records end, which transactions ended when, and whether a segment is what its
// name says. It knows neither a server nor a store.
//
// The layouts are those of PostgreSQL 13 to 18 (access/xlog_internal.h,
// access/xlogrecord.h, access/xact.h), of little-endian machines with 8 KiB WAL
// pages, which is how every supported build writes them.
package wal

import (
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// LSN is a position in the WAL, in bytes since its beginning. It is the same
// number on every timeline. The zero LSN is no position.
type LSN uint64

// ParseLSN reads a position as PostgreSQL writes it: two hexadecimal numbers of
// at most eight digits each, as in 16/B374D848. The error is fault.Invalid.
func ParseLSN(text string) (LSN, error) {
	high, low, ok := strings.Cut(text, "/")
	h, okHigh := hexWord(high)
	l, okLow := hexWord(low)
	if !ok || !okHigh || !okLow {
		return 0, fault.New(fault.Invalid, "%q is no WAL position: expected two hexadecimal numbers as in 16/B374D848", text)
	}
	return LSN(h)<<32 | LSN(l), nil
}

// hexWord reads one to eight hexadecimal digits, and nothing else.
func hexWord(text string) (uint32, bool) {
	if len(text) == 0 || len(text) > 8 || strings.ContainsAny(text, "+-_") {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 16, 32)
	return uint32(n), err == nil
}

// String writes the position as PostgreSQL does, without leading zeros.
func (l LSN) String() string {
	return strings.ToUpper(strconv.FormatUint(uint64(l>>32), 16) + "/" + strconv.FormatUint(uint64(l)&0xFFFFFFFF, 16))
}

// MarshalText makes JSON and YAML hold the position as String writes it.
func (l LSN) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (l *LSN) UnmarshalText(text []byte) error {
	at, err := ParseLSN(string(text))
	if err != nil {
		return err
	}
	*l = at
	return nil
}
