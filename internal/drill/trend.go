package drill

import "slices"

// TrendOf compares a drill with the earlier ones of its plan. The spreads are
// of all that were measured, passed or not, this one included; Change is
// against the median RTO of those that passed before it, and 0 where there is
// none. It is nil when nothing was measured.
func TrendOf(current Record, earlier []Summary) *Trend {
	var rto, rpo, passed []float64
	runs := 0
	note := func(s Summary) {
		if s.Objectives.RTOMeasured {
			rto = append(rto, s.Objectives.RTOSeconds)
		}
		if s.Objectives.RPOMeasured {
			rpo = append(rpo, s.Objectives.RPOSeconds)
		}
		if s.Objectives.RTOMeasured || s.Objectives.RPOMeasured {
			runs++
		}
	}
	this := Summary{ID: current.ID, Objectives: current.Objectives}
	note(this)
	for _, s := range latest(current.PlanName, earlier) {
		if s.ID >= this.ID {
			// Another revision of this drill, or a later one.
			continue
		}
		note(s)
		if s.Objectives.RTOMeasured && s.Verdict == VerdictPass {
			passed = append(passed, s.Objectives.RTOSeconds)
		}
	}
	if runs == 0 {
		return nil
	}
	t := &Trend{Runs: runs, RTO: spread(rto), RPO: spread(rpo)}
	if before := spread(passed).Median; this.Objectives.RTOMeasured && before > 0 {
		t.Change = this.Objectives.RTOSeconds/before - 1
	}
	return t
}

// spread is all zero for nothing.
func spread(values []float64) Spread {
	n := len(values)
	if n == 0 {
		return Spread{}
	}
	values = slices.Sorted(slices.Values(values))
	return Spread{Min: values[0], Median: (values[(n-1)/2] + values[n/2]) / 2, Max: values[n-1]}
}
