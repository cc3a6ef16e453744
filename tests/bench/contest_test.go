//go:build bench

package bench

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// contender is one side of a comparison.
type contender struct {
	name string
	run  func(round int) usage
}

// goal is what Lifeboat's share of a contender's time shall be at most; 0 means none is set.
type goal struct{ wall, cpu float64 }

// contest runs every contender once a round, in turns that change from round to round.
func contest(b *testing.B, contenders ...contender) map[string][]usage {
	b.Helper()
	results := map[string][]usage{}
	for round := range rounds {
		order := slices.Clone(contenders)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, c := range order {
			got := c.run(round)
			results[c.name] = append(results[c.name], got)
			fmt.Fprintf(os.Stdout, "  round %d: %-58s %7.1f s wall %7.1f s CPU\n", round+1, c.name, got.wall.Seconds(), got.cpu.Seconds())
		}
	}
	return results
}

// compare prints medians, and the ratio of the first to the second.
func compare(b *testing.B, title string, ours, theirs []usage, against string, g goal) {
	b.Helper()
	we, they := medians(ours), medians(theirs)
	wall, cpu := we.wall.Seconds()/they.wall.Seconds(), we.cpu.Seconds()/they.cpu.Seconds()
	fmt.Fprintf(os.Stdout, "%s, medians of %d\n", title, len(ours))
	fmt.Fprintf(os.Stdout, "  %-58s %7s %7s\n", "", "wall s", "CPU s")
	fmt.Fprintf(os.Stdout, "  %-58s %7.1f %7.1f\n", "lifeboat", we.wall.Seconds(), we.cpu.Seconds())
	fmt.Fprintf(os.Stdout, "  %-58s %7.1f %7.1f\n", against, they.wall.Seconds(), they.cpu.Seconds())
	fmt.Fprintf(os.Stdout, "  %-58s %7.2f %7.2f  %s\n", "ratio", wall, cpu, g.judge(wall, cpu))
	b.ReportMetric(wall, "wall-ratio")
	b.ReportMetric(cpu, "cpu-ratio")
	b.ReportMetric(0, "ns/op")
}

func (g goal) judge(wall, cpu float64) string {
	text := ""
	for _, one := range []struct {
		name      string
		got, want float64
	}{{"wall", wall, g.wall}, {"CPU", cpu, g.cpu}} {
		switch {
		case one.want == 0:
		case one.got <= one.want:
			text += fmt.Sprintf("[%s: at most %.2f, reached] ", one.name, one.want)
		default:
			text += fmt.Sprintf("[%s: at most %.2f, MISSED] ", one.name, one.want)
		}
	}
	return text
}

func medians(all []usage) usage {
	return usage{
		wall: median(all, func(u usage) time.Duration { return u.wall }),
		cpu:  median(all, func(u usage) time.Duration { return u.cpu }),
	}
}

func median(all []usage, of func(usage) time.Duration) time.Duration {
	var values []time.Duration
	for _, u := range all {
		values = append(values, of(u))
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
