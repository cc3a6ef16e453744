package activities

import (
	"fmt"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
)

// warnAt is the share of its bound that a slot may hold back before somebody is told.
const warnAt = 0.5

// windowAlarms are what is wrong with what is held, whatever the server does.
func windowAlarms(w pitr.Window) []string {
	var out []string
	switch {
	case w.Bases == 0:
		out = append(out, "there is no base backup: nothing can be recovered yet")
	case w.UsableBases == 0:
		out = append(out, "no base backup can be made consistent with the WAL that is held: take a new one")
	}
	for _, g := range w.Gaps {
		out = append(out, gapAlarm(g))
	}
	return out
}

// gapAlarm says what a gap means: nothing after it can be had before there is a
// base backup behind it, and nothing within it ever.
func gapAlarm(g pitr.Gap) string {
	missing := fmt.Sprintf("WAL from %s to %s of timeline %d is missing (%s to %s)", g.From, g.To, g.Timeline, g.FirstSegment, g.LastSegment)
	if g.Before.IsZero() {
		return missing + ": take a base backup now"
	}
	after := "the base backup before it"
	if !g.After.IsZero() {
		after = g.After.UTC().Format(timeLayout)
	}
	return missing + ": no moment between " + after + " and the base backup of " + g.Before.UTC().Format(timeLayout) + " can be had"
}

// slotAlarms are what is wrong with the slot that a stream needs.
func slotAlarms(p config.Policy, s replication.SlotState) []string {
	switch {
	case !s.Exists:
		return []string{"the replication slot " + p.Slot + " does not exist: is a worker running?"}
	case s.WALStatus == "lost":
		return []string{"the server has thrown away WAL that the slot " + p.Slot + " still needed: raise max_slot_wal_keep_size and take a base backup"}
	case float64(s.HeldBytes) > warnAt*float64(p.HoldBack):
		// In steps, so that the alarm does not change with every look.
		return []string{fmt.Sprintf("the slot %s holds back more than %d%% of the %.1f GB of WAL that it may", p.Slot,
			s.HeldBytes*10/int64(p.HoldBack)*10, float64(p.HoldBack)/1e9)}
	case s.SafeBytes != nil && *s.SafeBytes < s.HeldBytes:
		return []string{fmt.Sprintf("the server will throw away WAL of the slot %s after another %.1f GB: raise max_slot_wal_keep_size", p.Slot,
			float64(*s.SafeBytes)/1e9)}
	case !s.Active:
		return []string{"nobody streams from the slot " + p.Slot + ": is a worker running?"}
	}
	return nil
}
