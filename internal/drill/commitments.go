package drill

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// PlanState is a plan with what is in force and what was shown.
type PlanState struct {
	Plan Plan
	// Parts are the fingerprints of what a proof of the plan depends on, as they
	// are in force, by the names that Identity.Parts has.
	Parts map[string]string
	// Last are the plan's drills, in any order.
	Last []Summary
	// NextDue is when the schedule has the next one; zero without a schedule.
	NextDue time.Time
	// Overdue is set when a drill was due and was not done.
	Overdue bool
	// Open are the plan's findings that are not closed.
	Open []Finding
}

// The states of a commitment.
const (
	Proven   = "proven"
	Unproven = "unproven"
)

// Commitment says what may be promised of a plan's surfaces today. What may be
// promised is a target, never a figure that was measured: that one drill was
// faster is no promise.
type Commitment struct {
	Plan     string   `json:"plan"`
	Kind     string   `json:"kind"`
	Surfaces []string `json:"surfaces"`
	// State is Proven or Unproven, Reason says why.
	State  string `json:"state"`
	Reason string `json:"reason"`
	// RTOSeconds and RPOSeconds may be promised; 0 means that nothing may.
	RTOSeconds float64 `json:"rtoSeconds,omitempty"`
	RPOSeconds float64 `json:"rpoSeconds,omitempty"`
	// RTOTarget and RPOTarget are what the plan aims at, proven or not.
	RTOTarget float64 `json:"rtoTargetSeconds,omitempty"`
	RPOTarget float64 `json:"rpoTargetSeconds,omitempty"`
	// MeasuredRTO and MeasuredRPO are what Drill measured.
	MeasuredRTO *float64 `json:"measuredRtoSeconds,omitempty"`
	MeasuredRPO *float64 `json:"measuredRpoSeconds,omitempty"`
	// Drill is the newest one that passed as planned and was signed; without one, the newest.
	Drill    string    `json:"drill,omitempty"`
	SignedBy string    `json:"signedBy,omitempty"`
	ProvenAt time.Time `json:"provenAt,omitzero"`
	// ValidUntil is when the signature is too old.
	ValidUntil time.Time `json:"validUntil,omitzero"`
	NextDue    time.Time `json:"nextDue,omitzero"`
	Overdue    bool      `json:"overdue"`
	// Changed names the parts that are not as they were in Drill.
	Changed []string `json:"changed,omitempty"`
	// OpenFindings are the IDs of findings that are not closed.
	OpenFindings []string `json:"openFindings,omitempty"`
}

// ValidFor is for how long a signed pass lets the plan's targets be promised.
func (p Plan) ValidFor() time.Duration {
	if p.SignOff.Validity > 0 {
		return p.SignOff.Validity.Of()
	}
	switch p.Kind {
	case AnnualFull:
		return 400 * day
	case RestoreTest:
		return 8 * day
	default:
		return 100 * day
	}
}

// Commit says of every plan, in order of name, what may be promised today: of a
// tabletop nothing, but it falls due as all others do.
func Commit(plans map[string]PlanState, now time.Time) []Commitment {
	commitments := []Commitment{}
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		commitments = append(commitments, commit(name, plans[name], now))
	}
	return commitments
}

func commit(name string, state PlanState, now time.Time) Commitment {
	c := Commitment{
		Plan: name, Kind: kindOf(Record{Plan: state.Plan}), Surfaces: state.Plan.Surfaces, State: Unproven,
		RTOTarget: state.Plan.Targets.RTO.Of().Seconds(), RPOTarget: state.Plan.Targets.RPO.Of().Seconds(),
		NextDue: state.NextDue, Overdue: state.Overdue,
	}
	for _, f := range state.Open {
		if f.Status != FindingClosed {
			c.OpenFindings = append(c.OpenFindings, f.ID)
		}
	}
	slices.Sort(c.OpenFindings)
	drills := latest(name, state.Last)
	if c.Kind == Tabletop {
		return c.ofPeople(drills)
	}
	at := slices.IndexFunc(drills, Summary.proves)
	if at < 0 {
		c.Reason = notShown(state.Plan, drills)
		if len(drills) > 0 {
			c.measured(drills[0])
		}
		return c.aimless()
	}
	proof := drills[at]
	c.measured(proof)
	c.SignedBy, c.ProvenAt = proof.SignOff.Signer, proof.SignOff.At
	c.ValidUntil = c.ProvenAt.Add(state.Plan.ValidFor())
	c.Changed = changed(proof, state)
	if why := slices.Concat(lapsed(c, state, now), contradicted(drills, at), unmet(proof, state.Plan)); len(why) > 0 {
		c.Reason = strings.Join(why, "; ")
		return c.aimless()
	}
	c.State, c.RTOSeconds, c.RPOSeconds = Proven, c.RTOTarget, c.RPOTarget
	c.Reason = fmt.Sprintf("drill %s passed and was signed by %s on %s", proof.ID, c.SignedBy, c.ProvenAt.UTC().Format(time.DateOnly))
	switch {
	case c.RPOTarget == 0:
		c.Reason += "; no RPO target is set, so none is promised"
	case c.RTOTarget == 0:
		c.Reason += "; no RTO target is set, so none is promised"
	}
	return c.aimless()
}

// ofPeople is the commitment of a tabletop: it restores nothing, so that nothing
// is measured or promised by it.
func (c Commitment) ofPeople(drills []Summary) Commitment {
	c.Surfaces, c.RTOTarget, c.RPOTarget = []string{}, 0, 0
	c.Reason = "a tabletop promises nothing"
	if len(drills) > 0 {
		c.Drill = drills[0].ID
	}
	return c
}

// measured notes which drill a commitment goes by.
func (c *Commitment) measured(s Summary) {
	c.Drill = s.ID
	if s.Objectives.RTOMeasured {
		c.MeasuredRTO = &s.Objectives.RTOSeconds
	}
	if s.Objectives.RPOMeasured {
		c.MeasuredRPO = &s.Objectives.RPOSeconds
	}
}

// aimless takes back what has no target: then nothing can be promised.
func (c Commitment) aimless() Commitment {
	if c.RTOTarget == 0 && c.RPOTarget == 0 {
		c.State, c.Reason = Unproven, "no target is set, so nothing is promised"
	}
	return c
}

// notShown says why no drill of a plan shows anything; they are the newest first.
func notShown(p Plan, drills []Summary) string {
	if len(drills) == 0 {
		return "never drilled"
	}
	at := slices.IndexFunc(drills, func(s Summary) bool { return s.Verdict != VerdictAborted })
	if at < 0 {
		return "never drilled to the end: the last drill, " + drills[0].ID + ", was cancelled"
	}
	switch last := drills[at]; {
	case last.Verdict == VerdictPartial:
		return and("the last drill, "+last.ID+", passed in part", last.reason())
	case last.Verdict != VerdictPass:
		return and("the last drill, "+last.ID+", failed", last.reason())
	case last.SignOff != nil && last.SignOff.Decision == DecisionRefused:
		return refused(last)
	case last.beside() != "":
		return "the last drill, " + last.ID + ", proves nothing of the plan: " + last.beside()
	case last.SignOff != nil && last.SignOff.Decision == DecisionExpired:
		return "passed but not signed: nobody signed drill " + last.ID + " in time"
	case !p.NeedsSignOff():
		return "passed but not signed: the plan asks for no sign-off, and what nobody signs is not promised"
	default:
		return "passed but not signed: drill " + last.ID + " waits for its sign-off"
	}
}

func refused(s Summary) string {
	return and("drill "+s.ID+" was not signed: "+cmp.Or(s.SignOff.Signer, "an approver")+" refused", clip(oneLine(s.SignOff.Statement)))
}

// lapsed says what time and changes did to a proof.
func lapsed(c Commitment, state PlanState, now time.Time) []string {
	var why []string
	if len(c.Changed) > 0 {
		names := make([]string, len(c.Changed))
		for i, name := range c.Changed {
			names[i] = strings.Replace(name, ":", " ", 1)
		}
		why = append(why, "changed since drill "+c.Drill+": "+strings.Join(names, ", "))
	}
	if !now.Before(c.ValidUntil) {
		why = append(why, fmt.Sprintf("signature older than %s: drill %s was signed on %s",
			Duration(state.Plan.ValidFor()), c.Drill, c.ProvenAt.UTC().Format(time.DateOnly)))
	}
	return why
}

// contradicted says which of the other drills, the newest first, took a proof
// back: one that was declared after it, or that began before and failed, or was
// refused, while the proof was made or since.
func contradicted(drills []Summary, proof int) []string {
	p := drills[proof]
	for i, s := range drills {
		later := i < proof
		switch {
		case i == proof:
		case s.SignOff != nil && s.SignOff.Decision == DecisionRefused && (later || s.SignOff.At.After(p.SignOff.At)):
			return []string{refused(s)}
		case s.Verdict == VerdictFail && later:
			return []string{and("a later drill, "+s.ID+", failed", s.reason())}
		case s.Verdict == VerdictFail && s.failedAt().After(p.Declared):
			return []string{and("drill "+s.ID+" failed since "+p.ID+" began", s.reason())}
		}
	}
	return nil
}

// failedAt is when a drill failed: that may be after it was judged first.
func (s Summary) failedAt() time.Time {
	if s.FailedAt.After(s.at()) {
		return s.FailedAt
	}
	return s.at()
}

// unmet says which target of a plan a proof did not show.
func unmet(s Summary, p Plan) []string {
	var why []string
	for _, target := range []struct {
		name     string
		limit    float64
		seconds  float64
		measured bool
	}{
		{"RTO", p.Targets.RTO.Of().Seconds(), s.Objectives.RTOSeconds, s.Objectives.RTOMeasured},
		{"RPO", p.Targets.RPO.Of().Seconds(), s.Objectives.RPOSeconds, s.Objectives.RPOMeasured},
	} {
		switch {
		case target.limit == 0:
		case !target.measured:
			why = append(why, "drill "+s.ID+" measured no "+target.name)
		case target.seconds > target.limit:
			why = append(why, fmt.Sprintf("drill %s measured an %s of %s, and the target is %s", s.ID, target.name, inWords(target.seconds), inWords(target.limit)))
		}
	}
	return why
}

// changed are the parts that are not as a proof had them: altered, new or gone.
func changed(proof Summary, state PlanState) []string {
	names := map[string]bool{}
	for name, now := range state.Parts {
		if then, known := proof.Parts[name]; !known || then != now {
			names[name] = true
		}
	}
	for name := range proof.Parts {
		if _, still := state.Parts[name]; !still {
			names[name] = true
		}
	}
	// A proof that kept no fingerprints is none of what is in force.
	if len(proof.Parts) == 0 {
		names["everything, for it kept no fingerprints"] = true
	}
	targets := state.Plan.Targets
	if proof.Objectives.RTOTarget != targets.RTO.Of().Seconds() || proof.Objectives.RPOTarget != targets.RPO.Of().Seconds() {
		names["targets"] = true
	}
	return keys(names)
}
