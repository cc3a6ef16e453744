package velero

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// adopted is a Backup that somebody's Schedule has made.
type adopted struct {
	backup
	// behind says what keeps it from being as new as the Schedule promises.
	behind []string
	notes  []string
}

// adopt returns the newest Backup of a schedule that is fit to be a point.
func (s *Surface) adopt(ctx context.Context, v server) (adopted, error) {
	name := s.config.Schedule
	if _, own := s.config.Schedules[name]; own {
		name = s.scheduleName(name)
	}
	all, err := list[backupSpec, backupStatus](ctx, v, backups, labelSchedule+"="+labelValue(name))
	if err != nil {
		return adopted{}, err
	}
	of, err := get[scheduleSpec, scheduleStatus](ctx, v, schedules, name)
	known := err == nil
	if err != nil && (!fault.Is(err, fault.Missing) || len(all) == 0) {
		return adopted{}, err
	}
	fit, found := s.fittest(all)
	if !found {
		if last, found := newest(all); found && ended(last.Status.Phase) {
			return adopted{backup: last}, fault.While(s.accept(ctx, v, last), "no Backup of Schedule %s is Completed", name)
		}
		return adopted{}, fault.New(fault.Missing, "Schedule %s has completed no Backup yet: wait for its first", name)
	}
	out := adopted{backup: fit, behind: failedSince(all, fit), notes: []string{
		fmt.Sprintf("the point holds what was there when Velero began Backup %s, at %s: nothing that has changed since, so that it is no safety point before a restore",
			fit.Name, fit.Status.StartTimestamp.UTC().Format(time.RFC3339)),
	}}
	if !known {
		out.notes = append(out.notes, "Schedule "+name+" is not on this cluster: it is not known how new its newest Backup should be")
	} else if line := overdue(of.Spec.Schedule, fit, time.Now()); line != "" {
		out.behind = append(out.behind, line)
	}
	return out, nil
}

// fittest is the newest Backup that can be a point.
func (s *Surface) fittest(all []backup) (backup, bool) {
	over := slices.DeleteFunc(slices.Clone(all), func(b backup) bool {
		return b.Status.StartTimestamp == nil || b.DeletionTimestamp != nil ||
			(b.Status.Phase != phaseCompleted && (b.Status.Phase != phasePartiallyFailed || !s.config.AllowPartial))
	})
	if len(over) == 0 {
		return backup{}, false
	}
	return slices.MaxFunc(over, func(a, b backup) int {
		// Moments are whole seconds; names end in them, or in a number.
		return cmp.Or(a.Status.StartTimestamp.Compare(b.Status.StartTimestamp.Time), compareNames(a.Name, b.Name))
	}), true
}

// failedSince names the Backups of a schedule that were begun after one, and
// have failed. One that was refused has no moment but that when it was made.
func failedSince(all []backup, since backup) []string {
	began := func(b backup) time.Time {
		if b.Status.StartTimestamp != nil {
			return b.Status.StartTimestamp.Time
		}
		return b.CreationTimestamp.Time
	}
	failed := slices.DeleteFunc(slices.Clone(all), func(b backup) bool {
		newer := cmp.Or(began(b).Compare(began(since)), compareNames(b.Name, since.Name)) > 0
		return !newer || (b.Status.Phase != phaseFailed && b.Status.Phase != phasePartiallyFailed && b.Status.Phase != phaseFailedValidation)
	})
	slices.SortFunc(failed, func(a, b backup) int { return began(b).Compare(began(a)) })
	var out []string
	for _, b := range failed[:min(maxLines, len(failed))] {
		out = append(out, fmt.Sprintf("Backup %s, which is newer than %s, is %s: what has changed since %s is not in the point",
			b.Name, since.Name, b.Status.Phase, began(since).UTC().Format(time.RFC3339)))
	}
	if more := len(failed) - len(out); more > 0 {
		out = append(out, fmt.Sprintf("%d more Backups that are newer than %s have failed", more, since.Name))
	}
	return out
}

// overdue says that two runs of a schedule have gone by since a Backup; nothing
// where that is not so, or where only Velero can read the expression.
func overdue(expression string, of backup, now time.Time) string {
	parsed, err := cron.ParseStandard(expression)
	if err != nil {
		return ""
	}
	began := of.Status.StartTimestamp.UTC()
	second := parsed.Next(parsed.Next(began))
	if second.IsZero() || !now.After(second) {
		return ""
	}
	return fmt.Sprintf("Backup %s of %s is the newest that is complete, although its Schedule (%s) should have made two since: is it paused, or does Velero not run?",
		of.Name, began.Format(time.RFC3339), expression)
}
