package evidence

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// FormatVersion is the version of the objects that this package writes, and the
// highest that it reads.
const FormatVersion = 1

// The limits of a record, in bytes.
const (
	// MaxBody is for the body as JSON; what is larger belongs into an attachment.
	MaxBody = 64 << 10
	// MaxAttachment is for one attachment.
	MaxAttachment = 64 << 20

	maxText = 512
	// maxAttachments counts the README of the first entry, too.
	maxAttachments = 64
)

// timeFormat is RFC 3339 with milliseconds, in UTC.
const timeFormat = "2006-01-02T15:04:05.000Z"

// Record is one entry of a ledger. Its JSON is the leaf of the tree, byte for
// byte: what is marshalled of a record that was unmarshalled is the same again.
type Record struct {
	// Seq counts from 0.
	Seq int64
	// Time is when the entry was appended, by the writer's clock, in whole
	// milliseconds; it is never before that of the entry before it.
	Time time.Time
	// Clock is what the writer's clock said when that was before Time, else zero.
	Clock time.Time
	// ID is the entry's unique name.
	ID string
	// Kind is what sort of event it was, Actor who did it, Subject to what.
	Kind, Actor, Subject string
	// Previous is sha256:HEX of the whole object of the entry before; empty for the first.
	Previous string
	// Attachments are the objects that belong to the entry.
	Attachments []Attached
	// Body is any JSON, of up to MaxBody bytes.
	Body json.RawMessage
	// Warnings say what went wrong after Append had appended the entry: a
	// checkpoint that could not be written, a copy that could not be reached.
	// They are no part of the record.
	Warnings []string
}

// Attached names an object that belongs to an entry.
type Attached struct {
	// Key is relative to evidence/.
	Key string `json:"key"`
	// SHA256 is of the object, in hexadecimal digits.
	SHA256 string `json:"sha256"`
	// Bytes is its size.
	Bytes int64 `json:"bytes"`
}

// recordJSON has the members of a record in their order.
type recordJSON struct {
	Format      int             `json:"format"`
	Seq         int64           `json:"seq"`
	Time        string          `json:"time"`
	Clock       string          `json:"clock,omitempty"`
	ID          string          `json:"id"`
	Kind        string          `json:"kind"`
	Actor       string          `json:"actor"`
	Subject     string          `json:"subject"`
	Previous    string          `json:"previous"`
	Attachments []Attached      `json:"attachments"`
	Body        json.RawMessage `json:"body"`
}

// MarshalJSON writes the record as the ledger has it.
func (r Record) MarshalJSON() ([]byte, error) {
	out := recordJSON{
		FormatVersion, r.Seq, r.Time.UTC().Format(timeFormat), "", r.ID, r.Kind, r.Actor, r.Subject, r.Previous, r.Attachments, r.Body,
	}
	if !r.Clock.IsZero() {
		out.Clock = r.Clock.UTC().Format(timeFormat)
	}
	if out.Attachments == nil {
		out.Attachments = []Attached{}
	}
	return json.Marshal(out)
}

// UnmarshalJSON reads what MarshalJSON wrote, also when it was indented since.
func (r *Record) UnmarshalJSON(data []byte) error {
	var in recordJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return malformed(err)
	}
	switch {
	case in.Format > FormatVersion:
		return fault.New(fault.Unsupported, "written by a newer Lifeboat (format %d); this one reads up to %d", in.Format, FormatVersion)
	case in.Format < 1:
		return fault.New(fault.Corrupt, "the record has no format version")
	}
	at, err := time.Parse(timeFormat, in.Time)
	if err != nil {
		return fault.New(fault.Corrupt, "the record's time is malformed")
	}
	*r = Record{
		Seq: in.Seq, Time: at, ID: in.ID, Kind: in.Kind, Actor: in.Actor, Subject: in.Subject,
		Previous: in.Previous, Attachments: in.Attachments, Body: in.Body,
	}
	if in.Clock != "" {
		if r.Clock, err = time.Parse(timeFormat, in.Clock); err != nil {
			return fault.New(fault.Corrupt, "the record's clock is malformed")
		}
	}
	if len(r.Attachments) == 0 {
		r.Attachments = nil
	}
	return nil
}

// malformed keeps an error about hostile JSON short and on one line.
func malformed(err error) error {
	return fault.New(fault.Corrupt, "the record is malformed: %s", strings.Trim(quoted(err.Error()), `"`))
}

// parseRecord reads a leaf. Only the very bytes that encode gives are accepted,
// so that no two texts say the same.
func parseRecord(line []byte) (Record, error) {
	var r Record
	if err := r.UnmarshalJSON(line); err != nil {
		return Record{}, err
	}
	again, err := r.encode()
	if err != nil {
		return Record{}, fault.Wrap(fault.Corrupt, err, "the record is not valid")
	}
	if !bytes.Equal(again, line) {
		return Record{}, fault.New(fault.Corrupt, "the record is not written in its one exact form")
	}
	return r, nil
}

// encode is the record as a leaf: one line of JSON. What breaks a rule is fault.Invalid.
func (r Record) encode() ([]byte, error) {
	if err := r.valid(); err != nil {
		return nil, err
	}
	line, err := r.MarshalJSON()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the entry's body is not JSON")
	}
	if !utf8.Valid(line) {
		return nil, fault.New(fault.Invalid, "the entry's body is not UTF-8")
	}
	return line, nil
}

func (r Record) valid() error {
	if r.Seq < 0 || r.Seq > maxSeq {
		return fault.New(fault.Invalid, "there is no entry %d", r.Seq)
	}
	if (r.Seq == 0) != (r.Previous == "") || r.Seq > 0 && !validDigest(r.Previous) {
		return fault.New(fault.Invalid, "previous is not the digest of an entry before")
	}
	if y := r.Time.Year(); y < 1970 || y > 9999 || !r.Clock.IsZero() && (!r.Clock.Before(r.Time) || r.Clock.Year() < 1970) {
		return fault.New(fault.Invalid, "the entry's time is out of range")
	}
	for _, field := range [...]struct{ name, text string }{{"id", r.ID}, {"kind", r.Kind}, {"actor", r.Actor}, {"subject", r.Subject}} {
		if err := validText(field.name, field.text); err != nil {
			return err
		}
	}
	if r.ID == "" || r.Kind == "" {
		return fault.New(fault.Invalid, "an entry needs an id and a kind")
	}
	if len(r.Body) > MaxBody {
		return fault.New(fault.Invalid, "the entry's body has %d bytes of JSON, %d are possible: attach what is large", len(r.Body), MaxBody)
	}
	return validAttachments(r.Attachments)
}

func validText(name, text string) error {
	switch {
	case len(text) > maxText:
		return fault.New(fault.Invalid, "the entry's %s has %d bytes, %d are possible", name, len(text), maxText)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl):
		return fault.New(fault.Invalid, "the entry's %s is not UTF-8, or has a control character", name)
	}
	return nil
}

func validAttachments(all []Attached) error {
	if len(all) > maxAttachments {
		return fault.New(fault.Invalid, "the entry has %d attachments, %d are possible", len(all), maxAttachments)
	}
	for i, a := range all {
		if err := validKey(a.Key); err != nil {
			return err
		}
		twice := slices.ContainsFunc(all[:i], func(b Attached) bool { return a.Key == b.Key })
		if twice || !validDigest("sha256:"+a.SHA256) || a.Bytes < 0 || a.Bytes > MaxAttachment {
			return fault.New(fault.Invalid, "attachment %q is named twice, has no SHA-256, or a size out of range", a.Key)
		}
	}
	return nil
}

// validKey refuses keys of attachments that are no keys, or are the ledger's own.
func validKey(key string) error {
	if err := store.ValidKey(folder + key); err != nil {
		return err
	}
	if !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) ||
		folder+key == checkpointKey || key == "entries" || strings.HasPrefix(key, "entries/") || strings.HasPrefix(key, "checkpoint/") {
		return fault.New(fault.Invalid, "an attachment can't have the key %q: it is not UTF-8, has a control character, or is the ledger's own", key)
	}
	return nil
}

// validDigest reports whether s is sha256: and 64 hexadecimal digits in lower case.
func validDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(digits) == 64 && strings.Trim(digits, "0123456789abcdef") == ""
}
