// Package secret holds the one type for values that must never be printed.
package secret

import (
	"encoding/json"
	"log/slog"
)

// Redacted is what every rendering of a non-empty secret shows.
const Redacted = "**redacted**"

// String is a password, key or URL with credentials. Whatever prints, logs or
// marshals it sees Redacted; only Reveal gives the value.
type String string

// Reveal returns the value. Call it where the value is used, and nowhere else.
func (s String) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (s String) String() string {
	if s == "" {
		return ""
	}
	return Redacted
}

// GoString implements fmt.GoStringer, for %#v.
func (s String) GoString() string { return s.String() }

// LogValue implements slog.LogValuer.
func (s String) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON implements json.Marshaler.
func (s String) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// MarshalText implements encoding.TextMarshaler.
func (s String) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalYAML keeps a secret out of a printed configuration.
func (s String) MarshalYAML() (any, error) { return s.String(), nil }
