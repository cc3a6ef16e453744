package drill

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// formula says how measure computes.
const formula = "RTO is the time from the declared failure until the restored system was started, checked and reconciled. " +
	"RPO is the time from the moment that the restored data show to the declared failure, of the surface where it is longest; " +
	"a moment after the declaration counts as 0. The restore alone is told apart and is no RTO."

// measure computes the objectives. What was not recovered has no RTO, however
// long it took; the RPO is measured when every surface was restored to a moment
// that is known.
func measure(r Record, recovered bool) Objectives {
	o := Objectives{
		RTOTarget: r.Plan.Targets.RTO.Of().Seconds(), RPOTarget: r.Plan.Targets.RPO.Of().Seconds(),
		RestoreSeconds: restoreSeconds(r), Formula: formula, Trend: r.Objectives.Trend,
	}
	declared, reconciled := r.Timeline.Declared, r.Timeline.Reconciled
	if recovered && !declared.IsZero() && !reconciled.Before(declared) {
		o.RTOMeasured, o.RTOSeconds = true, reconciled.Sub(declared).Seconds()
	}
	if of, lost, measured := dataLost(r); measured {
		o.RPOMeasured, o.RPOOf, o.RPOSeconds = true, of, lost.Seconds()
	}
	o.RTOMet = met(o.RTOTarget, o.RTOSeconds, o.RTOMeasured)
	o.RPOMet = met(o.RPOTarget, o.RPOSeconds, o.RPOMeasured)
	return o
}

// met is nil unless there is a target and a measurement.
func met(target, seconds float64, measured bool) *bool {
	if target == 0 || !measured {
		return nil
	}
	ok := seconds <= target
	return &ok
}

// dataLost finds the surface that lost most.
func dataLost(r Record) (of string, lost time.Duration, measured bool) {
	reached := map[string]time.Time{}
	for _, s := range r.Surfaces {
		if s.Result != Pass || s.Reached.IsZero() {
			return "", 0, false
		}
		reached[s.Surface] = s.Reached
		// Of equal ones, the first by name.
		here := max(0, r.Timeline.Declared.Sub(s.Reached))
		if of == "" || here > lost || here == lost && s.Surface < of {
			of, lost = s.Surface, here
		}
	}
	for _, name := range r.Plan.Surfaces {
		if _, there := reached[name]; !there {
			return "", 0, false
		}
	}
	return of, lost, of != "" && !r.Timeline.Declared.IsZero()
}

// restoreSeconds is how long the phase took, or the slowest of its restores,
// which run side by side.
func restoreSeconds(r Record) float64 {
	var phase float64
	for _, p := range r.Timeline.Phases {
		if p.Name == PhaseRestore && p.Surface == "" {
			phase += p.Seconds
		}
	}
	if phase > 0 {
		return phase
	}
	var slowest float64
	for _, s := range r.Surfaces {
		var sum float64
		for _, step := range s.Steps {
			sum += step.Seconds
		}
		slowest = max(slowest, sum)
	}
	return slowest
}

// objectives judges the targets.
func (j *judgement) objectives() {
	o := j.record.Objectives
	stopped := j.stopped()
	switch {
	case o.RTOMet == nil && o.RTOTarget > 0 && !stopped:
		j.find(codeRTONotMeasured, SeverityMajor, "", "an RTO is the plan's target and none was measured: the record lacks the moment of the declaration or of the reconciled system")
	case o.RTOMet == nil:
	case *o.RTOMet:
		j.clear("", codeRTOMissed, codeRTONotMeasured)
	default:
		j.clear("", codeRTONotMeasured)
		j.find(codeRTOMissed, SeverityMajor, "", fmt.Sprintf("the recovery took %s, and the target is %s%s",
			inWords(o.RTOSeconds), inWords(o.RTOTarget), slowestPhase(*j.record)))
	}
	switch {
	case o.RPOMet == nil && o.RPOTarget > 0 && !stopped:
		j.find(codeRPONotMeasured, SeverityMajor, "", "an RPO is the plan's target and none was measured: the moment that "+unreached(*j.record)+" show is not known")
	case o.RPOMet == nil:
	case *o.RPOMet:
		j.clear("", codeRPOMissed, codeRPONotMeasured)
	default:
		j.clear("", codeRPONotMeasured)
		j.find(codeRPOMissed, SeverityMajor, "", fmt.Sprintf("%s was restored to %s before the failure, and the target is %s%s",
			o.RPOOf, inWords(o.RPOSeconds), inWords(o.RPOTarget), chosen(*j.record, o.RPOOf)))
	}
}

// slowestPhase names where most of the time went.
func slowestPhase(r Record) string {
	var slowest Phase
	for _, p := range r.Timeline.Phases {
		if p.Surface == "" && (p.Seconds > slowest.Seconds || p.Seconds == slowest.Seconds && p.Name < slowest.Name) {
			slowest = p
		}
	}
	if slowest.Name == "" {
		return ""
	}
	return fmt.Sprintf("; the longest part was %s with %s", slowest.Name, inWords(slowest.Seconds))
}

// chosen says when a surface was not restored to the newest state by choice.
func chosen(r Record, surface string) string {
	for _, s := range r.Surfaces {
		if s.Surface == surface && older(s.Selection) {
			return "; its point was chosen (" + s.Selection + "), so this is how old the choice was: set no RPO target where the newest state is not restored"
		}
	}
	return ""
}

// older reports whether a way to choose may take another point than the newest.
// What follows its first word says more of it: "random: one of 5 snapshots".
func older(selection string) bool {
	word, _, _ := strings.Cut(selection, ":")
	switch word {
	case SelectRandom, SelectPoint, SelectMoment:
		return true
	default:
		return false
	}
}

// unreached names the surfaces of which the moment reached is not known.
func unreached(r Record) string {
	var names []string
	for _, s := range r.Surfaces {
		if s.Reached.IsZero() {
			names = append(names, s.Surface)
		}
	}
	if len(names) == 0 {
		return "the restored data"
	}
	return "the data of " + list(names)
}

// inWords writes seconds as a person reads them: 0.4 s, 12.3 s, 5m2s, 3h4m, 12d5h.
func inWords(seconds float64) string {
	switch d := time.Duration(math.Round(seconds)) * time.Second; {
	case seconds < 59.95:
		return strconv.FormatFloat(math.Round(seconds*10)/10, 'f', -1, 64) + " s"
	case d < time.Hour:
		return d.String()
	case d < 2*day:
		return strings.TrimSuffix(d.Round(time.Minute).String(), "0s")
	default:
		d = d.Round(time.Hour)
		return fmt.Sprintf("%dd%dh", d/day, d%day/time.Hour)
	}
}

// count is "1 drill", "2 drills".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}
