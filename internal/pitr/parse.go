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
	onTimeline    = regexp.MustCompile(`^(.+)@([0-9]+)$`)
)

// ParseTarget reads a target: a time as in RFC 3339, with any fraction and with
// a space for the T if need be; a WAL position such as 16/B374D848; digits,
// which are a transaction's ID (with its epoch or without); latest; immediate;
// or else the name of a restore point. All but immediate and a name may end in
// "@" and the timeline to follow, such as latest@2: a name may have that in
// itself. The error is fault.Invalid.
func ParseTarget(text string) (Target, error) {
	text = strings.TrimSpace(text)
	parts := onTimeline.FindStringSubmatch(text)
	if parts == nil {
		return parseTarget(text)
	}
	t, err := parseTarget(parts[1])
	switch {
	case err == nil && (t.Kind == AtName || t.Kind == AtImmediate):
		return parseTarget(text)
	case err != nil:
		return t, err
	}
	timeline, err := strconv.ParseUint(parts[2], 10, 32)
	if err != nil || timeline == 0 {
		return Target{}, fault.New(fault.Invalid, "%s is no timeline: they are numbered from 1, as pitr status shows", parts[2])
	}
	t.Timeline = uint32(timeline)
	return t, nil
}

// parseTarget reads a target without a timeline.
func parseTarget(text string) (Target, error) {
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

// String writes the target as ParseTarget reads it, where that can be written.
func (t Target) String() string {
	timeline := ""
	if t.Timeline != 0 {
		timeline = "@" + strconv.FormatUint(uint64(t.Timeline), 10)
	}
	switch t.Kind {
	case AtTime:
		return showTime(t.Time) + timeline
	case AtLSN:
		return t.LSN.String() + timeline
	case AtXID:
		return strconv.FormatUint(uint64(t.XID), 10) + timeline
	case AtName:
		return t.Name
	case AtLatest:
		return string(t.Kind) + timeline
	default:
		return string(t.Kind)
	}
}
