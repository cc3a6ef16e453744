package report

import (
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// findings are those of this drill, how earlier ones stand, and what became of
// all of them since.
func findings(r drill.Record, standing []drill.Finding) []block {
	var ours, earlier []drill.Finding
	for _, f := range r.Findings {
		if f.Seen == r.ID {
			ours = append(ours, f)
		} else {
			earlier = append(earlier, f)
		}
	}
	var blocks []block
	if len(ours) == 0 {
		blocks = append(blocks, text("This drill found no deficiency."))
		if r.Verdict == drill.VerdictAborted || r.Verdict == "" {
			blocks[0].Text = "The record has no finding of this drill, which was not carried through."
		}
	} else {
		blocks = append(blocks, block{Table: findingTable("Findings of this drill", r, ours)})
	}
	if len(earlier) == 0 {
		said := "No action of an earlier drill was open."
		if slices.ContainsFunc(ours, func(f drill.Finding) bool { return f.Found != r.ID }) {
			said = "Beside those above, no action of an earlier drill was open."
		}
		blocks = append(blocks, text(said))
	} else {
		blocks = append(blocks, block{Table: findingTable("Actions of earlier drills", r, earlier)})
	}
	if len(r.Findings) > 0 {
		blocks = append(blocks, note("As it stood when the drill was judged; what was decided since is in the ledger. "+
			"Critical and major findings fail a drill. A finding is closed by a drill that looked for it again and did not find it."))
	}
	if t := changedSince(r, standing); t != nil {
		blocks = append(blocks, block{Table: t}, note("What people decided, and later drills closed, until this report was written. It is no part of the record that is signed."))
	}
	return blocks
}

// changedSince has the findings that stand otherwise than when the drill was judged; nil for none.
func changedSince(r drill.Record, standing []drill.Finding) *table {
	t := &table{Caption: "How findings stand now", Head: []column{{"Finding", 40}, {"Owner and due date", 30}, {"Status", 30}}}
	for _, f := range standing {
		at := slices.IndexFunc(r.Findings, func(was drill.Finding) bool { return was.ID == f.ID })
		if at >= 0 && sameState(r.Findings[at], f) {
			continue
		}
		t.Rows = append(t.Rows, []cell{
			cell{severity(f.Severity)}.code(f.ID),
			one(or(f.Owner, "no owner")).add(classPlain, "due").time(f.Due, "never: no date is set"),
			status(f),
		})
	}
	if len(t.Rows) == 0 {
		return nil
	}
	return t
}

// sameState reports whether nothing was decided of a finding, and it was not closed.
func sameState(a, b drill.Finding) bool {
	accepted := func(f drill.Finding) drill.Acceptance {
		if f.Accepted == nil {
			return drill.Acceptance{}
		}
		return *f.Accepted
	}
	x, y := accepted(a), accepted(b)
	return a.Owner == b.Owner && a.Due.Equal(b.Due) && a.Status == b.Status && a.Retest == b.Retest &&
		x.By == y.By && x.Reason == y.Reason && x.Until.Equal(y.Until)
}

func findingTable(caption string, r drill.Record, all []drill.Finding) *table {
	t := &table{Caption: caption, Head: []column{{"Finding", 25}, {"Cause", 35}, {"Owner and due date", 20}, {"Status", 20}}}
	for _, f := range all {
		t.Rows = append(t.Rows, []cell{
			cell{severity(f.Severity)}.code(f.ID).sub(kindOf(f.Code, f.Subject)),
			firstFound(one(or(f.Cause, "not recorded")), r, f),
			one(or(f.Owner, "no owner")).add(classPlain, "due").time(f.Due, "never: no date is set").add(classFail, overdue(r, f)),
			status(f),
		})
	}
	return t
}

func severity(s string) line {
	switch s {
	case drill.SeverityCritical, drill.SeverityMajor:
		return line{classFail, "✗ " + s}
	case drill.SeverityMinor:
		return line{classWarn, "! " + s}
	default:
		return line{classNone, or(s, "severity not recorded")}
	}
}

func firstFound(c cell, r drill.Record, f drill.Finding) cell {
	if f.Found == r.ID {
		return c.sub("first found by this drill")
	}
	c = c.sub("first found by "+or(f.Found, "a drill that is not recorded")).when(f.FoundAt, "")
	if f.Seen != "" && f.Seen != r.ID && f.Seen != f.Found {
		c = c.sub("last found by " + f.Seen)
	}
	return c
}

func overdue(r drill.Record, f drill.Finding) string {
	if f.Status == drill.FindingOpen && !f.Due.IsZero() && !r.Timeline.Judged.IsZero() && f.Due.Before(r.Timeline.Judged) {
		return "✗ overdue when judged"
	}
	return ""
}

func status(f drill.Finding) cell {
	c := one(or(f.Status, "not recorded"))
	switch f.Status {
	case drill.FindingClosed:
		c = cell{{classPass, "✓ closed"}}
	case drill.FindingAccepted:
		c = cell{{classWarn, "! accepted"}}
	}
	if f.Retest != "" {
		c = c.sub("retested by " + f.Retest)
	} else if f.Status == drill.FindingOpen {
		c = c.sub("no retest yet")
	}
	if a := f.Accepted; a != nil {
		c = c.add(classPlain, "risk accepted by "+or(a.By, "somebody not recorded")+" until").time(a.Until, "no date").
			add(classPlain, or(a.Reason, "no reason recorded")).sub("decided").when(a.At, "at a time not recorded")
	}
	return c
}
