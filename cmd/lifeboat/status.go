package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use: "status", Short: "Show how everything that is protected stands", Args: noArgs,
		Long: "Shows, for each surface, how old the newest recovery point and the newest proven one are, what a disaster now would lose\n" +
			"against the target, how long the last drill took against its target, when the next one is due, and what fires. It is what a\n" +
			"worker saw within the last half minute; when none watches, that is the first alert.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.joined(cmd.Context())
			if err != nil {
				return err
			}
			defer s.close()
			report, err := s.launcher.Status(cmd.Context())
			if err != nil {
				return err
			}
			now := time.Now()
			report = apiserver.Watched(report, now)
			return a.show(report, func() error { return a.standing(report, now) })
		},
	}
}

// standing prints a report for people.
func (a *app) standing(r status.Report, now time.Time) error {
	if r.Stale() {
		fmt.Fprintf(a.out, "this is how it stood %s ago, and may be otherwise by now\n", roughly(now.Sub(r.At).Seconds()))
	}
	// What is wrong stands first.
	surfaces := slices.SortedStableFunc(slices.Values(r.Surfaces), func(a, b status.Surface) int {
		return status.Worse(r.Concerning(a.Name), r.Concerning(b.Name))
	})
	var rows [][]string
	for _, f := range surfaces {
		rto, next := drilled(r.Plans, f.Name)
		rows = append(rows, []string{
			f.Name, f.Kind, pointAge(f.LastPoint, now), pointAge(f.LastProven, now), against(f.RPOSeconds, f.RPOTarget), rto, next,
			alerted(r, f.Name),
		})
	}
	headings := []string{"SURFACE", "KIND", "LAST GOOD", "LAST PROVEN", "RPO NOW/TARGET", "RTO LAST/TARGET", "NEXT DRILL", "ALERTS"}
	if err := a.table(headings, rows); err != nil {
		return err
	}
	for _, alert := range r.Alerts {
		if alert.State == status.Firing {
			fmt.Fprintf(a.out, "%s: %s (%s, since %s)\n", alert.Severity, alert.Summary, alert.Rule, when(alert.Since))
		}
	}
	for _, line := range r.Blind {
		fmt.Fprintf(a.out, "not known: %s\n", line)
	}
	fmt.Fprintf(a.out, "as of %s, seen by %s\n", when(r.At), r.Host)
	return nil
}

// drilled are the RTO of the plan of a surface that is measured best, the one
// with the strictest target, and the first moment at which a drill of it is due.
func drilled(plans []status.Plan, surfaceName string) (rto, next string) {
	rto = "-"
	strictest := math.Inf(1)
	var due time.Time
	for _, p := range plans {
		if !slices.Contains(p.Surfaces, surfaceName) {
			continue
		}
		if target := p.RTOTarget; target > 0 && target < strictest {
			strictest = target
			rto = against(p.MeasuredRTO, target)
		}
		if !p.NextDue.IsZero() && (due.IsZero() || p.NextDue.Before(due)) {
			due = p.NextDue
		}
	}
	if due.IsZero() {
		return rto, "-"
	}
	return rto, due.UTC().Format(time.DateOnly)
}

// alerted is how many alerts fire for a surface, marked where it was seen so
// long ago that there may be others by now.
func alerted(r status.Report, surfaceName string) string {
	text := strconv.Itoa(len(r.Concerning(surfaceName)))
	if r.Stale() {
		text += " (old)"
	}
	return text
}

func pointAge(p *status.Point, now time.Time) string {
	if p == nil {
		return "never"
	}
	return roughly(now.Sub(p.At).Seconds()) + " ago"
}

// against writes what is beside what should be.
func against(have *float64, target float64) string {
	now, aim := "-", "-"
	if have != nil {
		now = roughly(*have)
	}
	if target > 0 {
		aim = roughly(target)
	}
	return now + " / " + aim
}

// roughly writes a number of seconds in the one or two units that matter.
func roughly(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%dd", d/day)
	case d >= time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	case d >= time.Minute:
		return fmt.Sprintf("%dm%02ds", d/time.Minute, d%time.Minute/time.Second)
	default:
		return fmt.Sprintf("%ds", d/time.Second)
	}
}
