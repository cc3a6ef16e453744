package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time as the file writes it: 5s, 30m, 1h30m.
type Duration time.Duration

// Of is the duration as the rest of the program takes it.
func (d Duration) Of() time.Duration { return time.Duration(d) }

func (d Duration) String() string { return time.Duration(d).String() }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New("must be a duration such as 5s, 30m or 1h30m")
	}
	*d = Duration(parsed)
	return nil
}

// Bytes is a number of bytes as the file writes it: 500MB, 2GiB, or a plain number.
type Bytes int64

// byteUnits are the suffixes of Bytes; the longer ones come first.
var byteUnits = []struct {
	suffix string
	factor int64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1}, {"", 1},
}

// UnmarshalText reads a whole number with one of the units, or without.
func (b *Bytes) UnmarshalText(text []byte) error {
	for _, unit := range byteUnits {
		digits, found := strings.CutSuffix(string(text), unit.suffix)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/unit.factor {
			break
		}
		*b = Bytes(n * unit.factor)
		return nil
	}
	return errors.New("must be a number of bytes such as 500MB or 2GiB")
}
