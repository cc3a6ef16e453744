package report

import (
	"maps"
	"slices"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// coverage says how much of the yearly plan was done.
func coverage(c *drill.Coverage) []block {
	if c == nil {
		return []block{text("Not a part of this copy of the report: lifeboat drill coverage shows it as of any day.")}
	}
	var missing []string
	for _, kind := range c.MissingKinds {
		missing = append(missing, kindWord(kind))
	}
	blocks := []block{{Facts: []fact{
		plain("Looked at", moment(c.From, "not recorded")+" to "+moment(c.To, "not recorded")),
		several("Surfaces that no drill restored", c.NotRestored, classWarn, "none"),
		several("Kinds of drills that were not carried through", missing, classWarn, "none"),
	}}}
	if len(c.Plans) > 0 {
		t := &table{Caption: "Drills by plan", Head: []column{{"Plan", 25}, {"Due", 10}, {"Done", 10}, {"Passed, in part, failed", 15}, {"Aborted", 10}, {"Signed", 10}, {"Last done", 20}}}
		for _, p := range c.Plans {
			name := one(p.Plan).sub(kindWord(p.Kind))
			if p.Paused {
				name = name.add(classWarn, "! paused")
			}
			t.Rows = append(t.Rows, []cell{
				name, number(p.Due), number(p.Done), one(strconv.Itoa(p.Passed) + ", " + strconv.Itoa(p.Partial) + ", " + strconv.Itoa(p.Failed)),
				number(p.Aborted), number(p.Signed), cell{}.time(p.LastAt, "never").code(p.Last),
			})
		}
		blocks = append(blocks, block{Table: t}, note("Due are the runs that the plan's schedule has in these months; a plan without a schedule has none."))
	}
	if len(c.Surfaces) > 0 {
		t := &table{Caption: "Restores by surface", Head: []column{{"Surface", 20}, {"Restores", 10}, {"Plans", 20}, {"From stores", 15}, {"Selections", 15}, {"Last restored", 20}}}
		for _, s := range c.Surfaces {
			restores := number(s.Restores)
			if s.Restores == 0 {
				restores = cell{{classWarn, "! none"}}
			}
			t.Rows = append(t.Rows, []cell{
				one(s.Surface), restores, one(or(list(s.Plans), "none")), one(or(list(s.Stores), "none")), one(or(list(s.Selections), "none")),
				cell{}.time(s.LastRestored, "never").code(s.LastDrill),
			})
		}
		blocks = append(blocks, block{Table: t})
	}
	return blocks
}

func number(n int) cell { return one(strconv.Itoa(n)) }

// controls is the control mapping.
func controls(r drill.Record) []block {
	t := &table{Caption: "Controls that the record speaks to", Head: []column{{"Control", 20}, {"What is asked for there, in our words", 30}, {"What in the record speaks to it", 25}, {"This record", 25}}}
	for _, c := range drill.Controls(r) {
		supports := cell{{classPass, "✓ supports it"}}
		if !c.Supports {
			supports = cell{{classNone, "– does not support it"}}
		}
		t.Rows = append(t.Rows, []cell{one(c.Framework).add(classPlain, c.ID), one(c.Asks), one(c.Shows), supports.sub(c.Lacks)})
	}
	return []block{
		text("A record that supports a control is evidence for it, and no more: whether a requirement is met is for an auditor to say, who sees more than one drill. The texts of the standards count, not this table."),
		{Table: t},
	}
}

// scope is what the plan says of itself, and who took part.
func scope(d Drill) []block {
	p := d.Record.Plan
	const none = "none named"
	var acted []string
	if by := d.Record.Identity; by.StartedBy != by.Trigger {
		acted = append(acted, by.StartedBy)
	}
	for _, m := range d.Record.ManualSteps {
		acted = append(acted, m.By)
	}
	if d.Decision != nil {
		acted = append(acted, d.Decision.Signer)
	}
	slices.Sort(acted)
	acted = slices.DeleteFunc(slices.Compact(acted), func(s string) bool { return s == "" })
	runbook := given("Runbook", "", none)
	if b := p.Runbook; b != nil {
		runbook = fact{"Runbook", []line{{classPlain, b.File}, {classSub, "in " + b.Repository + ", " + or(b.Ref, "HEAD")}}}
	}
	return []block{
		{Heading: "Scope", Facts: []fact{
			given("Scenario", p.Scenario, none),
			several("Services", p.Services, classPlain, none),
			given("Criticality", p.Criticality, "not named"),
			several("Surfaces", p.Surfaces, classPlain, none),
			given("Store of the points", p.Store, "each surface's own"),
			given("RTO target", spanOf(p.Targets.RTO.Of().Seconds()), "none set"),
			given("RPO target", spanOf(p.Targets.RPO.Of().Seconds()), "none set"),
			several("Criteria of success", p.Criteria, classPlain, none),
			several("Assumptions", p.Assumptions, classPlain, none),
			several("Third parties", p.ThirdParties, classPlain, none),
			several("Left out, with the reason", p.Exclusions, classPlain, "nothing named"),
			given("Schedule", schedule(p), "none: started by hand or after a backup"),
			plain("Next due", moment(d.Record.NextDue, "not scheduled")),
		}},
		{Heading: "People and procedures", Facts: []fact{
			given("Owner", p.Owner, none),
			given("Operator", p.Operator, none),
			several("Planned to take part", p.Participants, classPlain, none),
			several("Took part, as the record has it", acted, classPlain, "nobody"),
			several("Observers", p.Observers, classPlain, none),
			given("Absence of a key person", p.AbsentKeyPerson, "not rehearsed"),
			given("Independent reviewer", p.Reviewer, none),
			several("May sign", p.SignOff.Approvers, classPlain, "everyone with the role approver"),
			runbook,
			given("How clients are sent to the restored system", p.RouteSwitch, none),
		}, Note: "The plan's whole text is in the record."},
	}
}

func schedule(p drill.Plan) string {
	s := p.Cron
	if s != "" {
		s += ", " + or(p.TimeZone, "UTC")
	}
	if len(p.After) > 0 {
		if s != "" {
			s += "; "
		}
		s += "after each point of " + list(p.After)
	}
	if p.Paused && s != "" {
		s += " (paused)"
	}
	return s
}

// identity says which run this was, of what, with what.
func identity(r drill.Record) []block {
	i := r.Identity
	blocks := []block{{Facts: []fact{
		digest("Drill", r.ID, "not recorded"),
		plain("Plan", or(r.PlanName, "not recorded")),
		digest("Fingerprint of the plan", i.PlanDigest, "not recorded"),
		digest("Fingerprint of the configuration", i.Config, "not recorded"),
		digest("Commit of the runbook", i.RunbookCommit, "not recorded"),
		digest("Workflow", i.WorkflowID, "not recorded"),
		digest("Run", i.RunID, "not recorded"),
		given("Trigger", i.Trigger, "not recorded"),
		given("Started by", who(i.StartedBy, i.CommandLine), "not recorded"),
		given("Host", i.Host, "not recorded"),
	}}}
	if len(i.Overridden) > 0 {
		blocks[0].Facts = append(blocks[0].Facts, several("Points chosen by whoever started it, so that this proves nothing of the plan", i.Overridden, classPlain, ""))
	}
	pairs := func(caption, name string, m map[string]string) {
		if len(m) == 0 {
			return
		}
		t := &table{Caption: caption, Head: []column{{name, 35}, {"Value", 65}}}
		for _, k := range slices.Sorted(maps.Keys(m)) {
			t.Rows = append(t.Rows, []cell{one(k), cell{}.code(m[k])})
		}
		blocks = append(blocks, block{Table: t})
	}
	pairs("Fingerprints of what the proof depends on", "Part", i.Parts)
	pairs("Versions", "Program", i.Tools)
	return blocks
}
