package alert

import (
	"fmt"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// walRules are about the shipping of write-ahead log.
func walRules() []Rule {
	return []Rule{
		{
			Name: "LifeboatWALStalled", Severity: status.Critical, Labels: []string{"surface"},
			Expr: `(max by (surface) (lifeboat_wal_lag_seconds) > 60) ` +
				`or ((time() - (max by (surface) (lifeboat_wal_window_end_timestamp_seconds) ` +
				`and on (surface) max by (surface) (lifeboat_wal_streaming) == 0) > 60) ` +
				`unless on (surface) max by (surface) (lifeboat_wal_lag_seconds))`,
			Condition: "WAL was not stored for a minute, or nobody streams and nobody knows of newer WAL",
			Summary:   "No WAL of {surface} was stored for a minute",
			Description: "Everything written since then would be lost with the server. `lifeboat pitr status {surface}` says " +
				"where it stands, `lifeboat check` whether server and store can be reached.",
			holds: walStalled,
		},
		{
			Name: "LifeboatWALGap", Severity: status.Critical, Labels: []string{"surface"},
			Expr:      `max by (surface) (lifeboat_wal_gaps) > 0`,
			Condition: "WAL is missing in between",
			Summary:   "WAL of {surface} is missing: there are moments that no recovery can reach",
			Description: "Take a base backup now: `lifeboat snapshot create {surface} --kind base --wait`. From it on every " +
				"moment can be reached again; `lifeboat pitr status {surface}` shows what stays lost.",
			holds: walGap,
		},
		{
			Name: "LifeboatSlotHoldsBack", Severity: status.Warning, Labels: []string{"surface"},
			Expr: `max by (surface) (lifeboat_wal_slot_held_back_bytes) ` +
				`> 0.8 * (max by (surface) (lifeboat_wal_slot_limit_bytes) > 0)`,
			Condition: "a replication slot holds back over 80% of what it may",
			Summary:   "The replication slot of {surface} holds back more than 80% of the WAL that it may",
			Description: "Beyond the limit the slot is dropped, and there is a gap. Make the stream store again, or raise " +
				"holdBack of the policy while the server's disk has room.",
			holds: slotHoldsBack,
		},
	}
}

func walStalled(r status.Report, now time.Time) []found {
	return shipping(r, func(w *status.WAL) (string, bool) {
		detail := strings.Join(w.Alarms, "; ")
		if w.LagSeconds == nil {
			return detail, !w.Active && seconds(now)-seconds(w.Latest) > walPatience.Seconds()
		}
		if detail == "" {
			detail = "the store is " + inWords(*w.LagSeconds) + " behind"
		}
		return detail, *w.LagSeconds > walPatience.Seconds()
	})
}

func walGap(r status.Report, _ time.Time) []found {
	return shipping(r, func(w *status.WAL) (string, bool) {
		if len(w.Gaps) == 0 {
			return "", false
		}
		newest := w.Gaps[len(w.Gaps)-1]
		detail := "after " + newest.From.UTC().Format(time.RFC3339)
		if !newest.To.IsZero() {
			detail = "between " + newest.From.UTC().Format(time.RFC3339) + " and " + newest.To.UTC().Format(time.RFC3339)
		}
		return detail, true
	})
}

func slotHoldsBack(r status.Report, _ time.Time) []found {
	return shipping(r, func(w *status.WAL) (string, bool) {
		if w.HeldBack == nil || w.HoldBackLimit <= 0 {
			return "", false
		}
		held, limit := float64(*w.HeldBack), float64(w.HoldBackLimit)
		return fmt.Sprintf("%.1f of %.1f GB", held/1e9, limit/1e9), held > heldBackShare*limit
	})
}

// shipping are the surfaces whose WAL is shipped and for which a condition holds.
func shipping(r status.Report, holds func(*status.WAL) (detail string, does bool)) []found {
	var out []found
	for _, s := range r.Surfaces {
		if s.WAL == nil {
			continue
		}
		if detail, does := holds(s.WAL); does {
			out = append(out, found{labels: labelled("surface", s.Name), detail: detail})
		}
	}
	return out
}
