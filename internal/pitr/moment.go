package pitr

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Moment is the time of a target for a provider of recovery, which knows times
// alone; zero is the latest that can be had. Other targets are fault.Unsupported.
func (t Target) Moment() (time.Time, error) {
	switch {
	case t.Timeline != 0:
		return time.Time{}, fault.New(fault.Unsupported, "a database that its provider restores follows no timeline that is named, as in %s", t)
	case t.Kind == AtTime:
		return t.Time, nil
	case t.Kind == AtLatest:
		return time.Time{}, nil
	default:
		return time.Time{}, fault.New(fault.Unsupported, "a database that its provider restores can be put back to a time or to latest alone, not to %s", t)
	}
}
