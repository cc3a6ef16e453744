package drill

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const day = 24 * time.Hour

// UnmarshalText reads a duration as time.ParseDuration does, or a number of days such as 14d.
func (d *Duration) UnmarshalText(text []byte) error {
	if digits, days := strings.CutSuffix(string(text), "d"); days {
		n, err := strconv.Atoi(digits)
		if err != nil || n < 0 || n > 36_500 {
			return errors.New("must be a duration such as 30m, 1h30m or 14d")
		}
		*d = Duration(time.Duration(n) * day)
		return nil
	}
	parsed, err := time.ParseDuration(string(text))
	if err != nil || parsed < 0 {
		return errors.New("must be a duration such as 30m, 1h30m or 14d")
	}
	*d = Duration(parsed)
	return nil
}

// MarshalText writes what UnmarshalText reads, whole days as days.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (d Duration) String() string {
	if t := time.Duration(d); t >= day && t%day == 0 {
		return fmt.Sprintf("%dd", t/day)
	}
	return time.Duration(d).String()
}
