package pitr

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

const (
	// firstXID is the first ID that transactions are given; those below have a meaning of their own.
	firstXID = 3
	// maxName is the longest name of a restore point in bytes (MAXFNAMELEN less its end).
	maxName = 63
)

var (
	looksLikeTime = regexp.MustCompile(`^\d{4}-\d\d?-\d\d?|^\d\d?:\d\d`)
	looksLikeLSN  = regexp.MustCompile(`^[0-9A-Fa-f]*/[0-9A-Fa-f]*$`)
)

// ParseTarget reads a target: a time as in RFC 3339, with any fraction and with
// a space for the T if need be; a WAL position such as 16/B374D848; digits,
// which are a transaction's ID (with its epoch or without); latest; immediate;
// or else the name of a restore point. The error is fault.Invalid.
func ParseTarget(text string) (Target, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == string(AtLatest):
		return Target{Kind: AtLatest}, nil
	case text == string(AtImmediate):
		return Target{Kind: AtImmediate}, nil
	case looksLikeTime.MatchString(text):
		return parseTime(text)
	case looksLikeLSN.MatchString(text):
		at, err := wal.ParseLSN(text)
		if err != nil {
			return Target{}, err
		}
		return Target{Kind: AtLSN, LSN: at}.normal()
	case text != "" && strings.Trim(text, "0123456789") == "":
		// pg_current_xact_id() puts an epoch in front, which no WAL record has.
		xid, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return Target{}, fault.New(fault.Invalid, "%s is too large for a transaction's ID", text)
		}
		return Target{Kind: AtXID, XID: uint32(xid)}.normal()
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return Target{}, fault.New(fault.Invalid, "the name of a restore point has no control characters")
	default:
		return Target{Kind: AtName, Name: text}.normal()
	}
}

// parseTime reads a time that names its zone.
func parseTime(text string) (Target, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999Z07"} {
		if at, err := time.Parse(layout, text); err == nil {
			return Target{Kind: AtTime, Time: at.UTC()}, nil
		}
	}
	return Target{}, fault.New(fault.Invalid, "%q is no time with its zone: write it as 2026-01-31T12:00:00Z or 2026-01-31T13:00:00.5+01:00", text)
}

// String writes the target as ParseTarget reads it.
func (t Target) String() string {
	switch t.Kind {
	case AtTime:
		return showTime(t.Time)
	case AtLSN:
		return t.LSN.String()
	case AtXID:
		return strconv.FormatUint(uint64(t.XID), 10)
	case AtName:
		return t.Name
	default:
		return string(t.Kind)
	}
}
