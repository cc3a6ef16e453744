package drills

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// FindingDecision is what a person decided on a finding.
type FindingDecision struct {
	Finding string `json:"finding"`
	// Owner and Due, where they are given, replace those of the finding.
	Owner string    `json:"owner,omitempty"`
	Due   time.Time `json:"due,omitzero"`
	// Accepted takes the risk.
	Accepted *drill.Acceptance `json:"accepted,omitempty"`
	// CommandLine is what else is known of who decided at the command line.
	drill.CommandLine
}

// decisionLength is of the random part of a decision's name.
const decisionLength = 20

// DecideFinding files a decision on a finding of a drill's plan that is not
// closed, and is Missing where there is no such finding. Of several decisions
// the newest counts. A risk is not accepted by whoever started the drill that had
// the finding last: that is Denied, as the signature would be.
func (a *Archive) DecideFinding(ctx context.Context, r Ref, decision FindingDecision) error {
	known, err := a.Findings(ctx, r.Plan)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(known, func(f drill.Finding) bool { return f.ID == decision.Finding })
	if at < 0 {
		return fault.New(fault.Missing, "plan %s has no finding %q that is not closed: see lifeboat drill show %s, and later drills of the plan",
			r.Plan, decision.Finding, r.ID)
	}
	if decision.Accepted != nil {
		had, err := a.Find(ctx, cmp.Or(known[at].Seen, known[at].Found))
		if err != nil {
			return err
		}
		who := drill.Actor{Name: r.Actor, CommandLine: decision.CommandLine}
		if who.MayNotSign(drill.Actor{Name: had.Declaration.StartedBy, CommandLine: had.Declaration.CommandLine}) {
			return fault.New(fault.Denied, "%s started drill %s, which had the finding: another person has to accept its risk", who, had.ID)
		}
	}
	// Two people may decide at the same moment: both decisions are filed.
	return a.Note(ctx, r, KindFinding, "finding-"+seal.RandomID(decisionLength), decision)
}

// Findings are those of a plan that are not closed, of all of its drills in the
// order of the ledger, with what people decided on them. A drill closes what was
// last seen before it was declared, and nothing that a drill beside it found.
func (a *Archive) Findings(ctx context.Context, plan string) ([]drill.Finding, error) {
	h, done, err := a.historyOf(ctx, plan)
	if err != nil {
		return nil, err
	}
	defer done()
	return h.open(), nil
}

// Standing is how the findings of a drill's record stand at a moment: with what
// people decided on them since, and closed where a later drill or its signature
// did that. What the drill itself said of them, and their order, is as recorded.
func (a *Archive) Standing(ctx context.Context, rec drill.Record, now time.Time) ([]drill.Finding, error) {
	h, done, err := a.historyOf(ctx, rec.PlanName)
	if err != nil {
		return nil, err
	}
	defer done()
	open, closed := h.open(), h.closings()
	standing := slices.Clone(rec.Findings)
	for i := range standing {
		f := &standing[i]
		at := slices.IndexFunc(open, func(o drill.Finding) bool { return o.ID == f.ID })
		switch {
		case f.Status == drill.FindingClosed:
		case at < 0:
			f.Status, f.Retest = drill.FindingClosed, closed[f.ID].by
		default:
			is := open[at]
			f.Owner, f.Due, f.Status, f.Accepted = is.Owner, is.Due, is.Status, is.Accepted
			if f.Accepted != nil && !f.Accepted.Until.After(now) {
				f.Status = drill.FindingOpen
			}
		}
	}
	return standing, nil
}

// historyOf lends out what the ledger has of a plan, with the findings of all of
// its drills; give it back with the function.
func (a *Archive) historyOf(ctx context.Context, plan string) (*history, func(), error) {
	f, done, err := a.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	h := f.plans[plan]
	if h == nil {
		return &history{}, done, nil
	}
	for _, d := range h.drills {
		if !d.Abridged || d.whole != nil {
			continue
		}
		rec, _, err := a.Record(ctx, d.Drill)
		if err != nil {
			done()
			return nil, nil, fault.While(err, "the findings of drill %s", d.ID)
		}
		d.whole = append([]drill.Finding{}, rec.Findings...)
	}
	return h, done, nil
}

// seen are the findings that a drill had itself.
func (r *run) seen() []drill.Finding {
	all := r.Findings
	if r.whole != nil {
		all = r.whole
	}
	var own []drill.Finding
	for _, f := range all {
		if f.Seen == r.ID && f.Status != drill.FindingClosed {
			own = append(own, f)
		}
	}
	return own
}

// mended are the IDs of the findings that a drill closed. That an approver
// refused one is mended by the signature of a drill that did better, and not by
// a verdict that nobody has looked at.
func (r *run) mended() []string {
	var ids []string
	better := r.Verdict == drill.VerdictPass || r.Verdict == drill.VerdictPartial
	if better && r.State == drill.StateSigned && len(r.Overridden) == 0 {
		ids = append(ids, drill.RefusedFinding(r.Plan))
	}
	if r.whole == nil {
		return append(ids, r.Closed...)
	}
	for _, f := range r.whole {
		if f.Status == drill.FindingClosed && f.Retest == r.ID {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// closing is the newest drill that closed a finding, and when that was declared.
type closing struct {
	by string
	at time.Time
}

// closings are the newest ones, by the IDs of findings.
func (h *history) closings() map[string]closing {
	closed := map[string]closing{}
	for _, d := range h.drills {
		if d.Sequence == nil {
			continue
		}
		for _, id := range d.mended() {
			if d.Declared.After(closed[id].at) {
				closed[id] = closing{d.ID, d.Declared}
			}
		}
	}
	return closed
}

// open are the findings that are not closed, the one that was found first first.
func (h *history) open() []drill.Finding {
	var runs []*run
	for _, d := range h.drills {
		if d.Sequence != nil {
			runs = append(runs, d)
		}
	}
	closed := h.closings()
	slices.SortFunc(runs, func(a, b *run) int { return cmp.Compare(a.first, b.first) })
	var open []drill.Finding
	for _, d := range runs {
		for _, f := range d.seen() {
			if f.LastSeen().Before(closed[f.ID].at) {
				continue
			}
			at := slices.IndexFunc(open, func(o drill.Finding) bool { return o.ID == f.ID })
			if at < 0 {
				open = append(open, f)
				continue
			}
			open[at] = joined(open[at], f)
		}
	}
	for _, made := range h.decisions {
		for i := range open {
			if open[i].ID == made.Finding && made.seq > h.foundBy(open[i]) {
				made.apply(&open[i])
			}
		}
	}
	return open
}

// joined is what is known of a finding that two drills had, b not judged before a.
func joined(a, b drill.Finding) drill.Finding {
	last, other := b, a
	if a.LastSeen().After(b.LastSeen()) {
		last, other = a, b
	}
	if other.FoundAt.Before(last.FoundAt) {
		last.Found, last.FoundAt, last.Due = other.Found, other.FoundAt, other.Due
	}
	return last
}

// foundBy is the entry that judged the drill that had a finding first: a
// decision before it was on one that was closed since.
func (h *history) foundBy(f drill.Finding) int64 {
	if d := h.drills[f.Found]; d != nil {
		return d.first
	}
	return -1
}

func (d FindingDecision) apply(f *drill.Finding) {
	if d.Owner != "" {
		f.Owner = d.Owner
	}
	if !d.Due.IsZero() {
		f.Due = d.Due
	}
	if d.Accepted != nil {
		f.Accepted, f.Status = d.Accepted, drill.FindingAccepted
	}
}
