package config

import (
	"fmt"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// reach is for how many days at least some point is kept; 0 where that can't be
// told: for all points, or by their number.
func (k Keep) reach() int { return max(k.Days, k.Daily, 7*k.Weekly, 31*k.Monthly, 366*k.Yearly) }

// keptWarnings tell of policies that keep points for longer than others keep what
// those points are made of.
func (c *Config) keptWarnings() []string {
	var out []string
	for _, name := range sorted(c.Policies) {
		p := c.Policies[name]
		lasts, who := c.Surfaces[p.Surface].lasts()
		if reach := p.Keep.reach(); lasts > 0 && time.Duration(reach)*24*time.Hour > lasts {
			out = append(out, fmt.Sprintf("policies.%s keeps points of %s for %d days, and %s after %s: older points can't be restored", name, p.Surface, reach, who, drill.Duration(lasts)))
		}
	}
	return out
}

// lasts is for how long somebody else keeps what a point needs, and who; 0 where
// that is not known or not promised.
func (s Surface) lasts() (how time.Duration, who string) {
	switch {
	case s.Kind == surface.KindObjects && s.Bucket != nil:
		return time.Duration(s.Bucket.Promised()) * 24 * time.Hour, "its bucket (noncurrentDays) removes old versions"
	case s.Kind != surface.KindVelero || s.Velero == nil:
		return 0, ""
	case s.Velero.Run != surface.VeleroRunAdopt:
		return s.Velero.Backup.Retention(), "Velero removes its Backups"
	}
	schedule, known := s.Velero.Schedules[s.Velero.Schedule]
	if !known {
		return 0, ""
	}
	return schedule.Retention(), "Velero removes its Backups"
}
