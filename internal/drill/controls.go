package drill

import "strings"

// Control is a requirement of a standard that a drill's record speaks to.
type Control struct {
	Framework string `json:"framework"`
	ID        string `json:"id"`
	// Asks says in our words what is asked for there; the text itself counts.
	Asks string `json:"asks"`
	// Shows is what in the record speaks to it.
	Shows string `json:"shows"`
	// Supports is set when this record is evidence for it. It never means that
	// the requirement is met: that is for an auditor, who sees more than a drill.
	Supports bool `json:"supports"`
	// Lacks says why it is not, or what the record leaves open.
	Lacks string `json:"lacks,omitempty"`
}

// need is something that a record must have to support a control.
type need struct {
	holds func(Record) bool
	lacks string
}

// What controls need.
var (
	judgedAtAll = need{func(r Record) bool { return r.Verdict != "" && r.Verdict != VerdictAborted }, "the drill was not carried through"}
	passed      = need{func(r Record) bool { return r.Verdict == VerdictPass || r.Verdict == VerdictPartial }, "the drill did not pass"}
	restoredAll = need{allRestored, "not everything was restored"}
	comparedAll = need{allCompared, "not everything that was restored was compared with what was backed up"}
	healthy     = need{allHealthy, "no health check passed, or one failed"}
	reconciled  = need{allReconciled, "no reconciliation of the plan passed, or one failed"}
	started     = need{func(r Record) bool { return len(r.Programs) > 0 && len(r.Plan.Start) > 0 }, "the application's own programs were not started"}
	apart       = need{isolated, "the environment was not shown to be apart, or has limits that the record names"}
	inTime      = need{inTargets, "there is no target for RTO and RPO that was met"}
	fullTest    = need{func(r Record) bool { return kindOf(r) == AnnualFull && r.Untouched != nil }, "it was no full test of a simulated cluster failure"}
	scenario    = need{func(r Record) bool { return r.Plan.Scenario != "" }, "the plan names no scenario"}
	practised   = need{func(r Record) bool {
		return kindOf(r) == Tabletop && len(r.ManualSteps) > 0 || kindOf(r) != Tabletop && allRestored(r)
	}, "nothing was practised"}
	neverShown = need{func(Record) bool { return false }, "a drill names the store of the copy and until when it is locked; it does not review the place"}
)

// controls is the table. It names what each text asks for as far as a drill can speak to it.
var controls = []struct {
	framework, id, asks, shows string
	needs                      []need
}{
	{
		"SOC 2", "A1.2", "data backup processes and recovery infrastructure are operated and maintained",
		"the recovery points, with store, digest, lock and recipients, and what became of restoring them",
		[]need{judgedAtAll, restoredAll, comparedAll},
	},
	{
		"SOC 2", "A1.3 (plan)", "recovery plan procedures are tested, by scenarios",
		"the scenario, the timeline, manual steps against the runbook, findings with owner and due date",
		[]need{judgedAtAll, scenario, practised},
	},
	{
		"SOC 2", "A1.3 (data)", "integrity and completeness of backup data are tested",
		"the comparison of what was restored with the fingerprint taken at backup time, and the reconciliations",
		[]need{judgedAtAll, restoredAll, comparedAll},
	},
	{
		"SOC 2", "CC7.5", "recovery activities for incidents exist and work",
		"the restored system, its health checks and its reconciliations",
		[]need{passed, restoredAll, healthy},
	},
	{
		"ISO 22301:2019", "8.5",
		"exercises and tests, by scenarios, at planned intervals and after significant changes, with reports of outcomes, recommendations and actions",
		"the scenario, results against targets, findings with owner, due date and retest, the next due date",
		[]need{judgedAtAll, scenario, practised},
	},
	{
		"ISO/IEC 27001:2022", "A.8.13",
		"backup copies of information, software and systems are maintained and regularly tested, as the policy on backups says",
		"the restore of stored points and its comparison; of information, not of software and systems",
		[]need{judgedAtAll, restoredAll, comparedAll},
	},
	{
		"NIST SP 800-34 r1", "3.5", "contingency plans are tested and exercised, and people are trained in them",
		"the plan, its steps, what deviated from it, the findings",
		[]need{judgedAtAll, practised},
	},
	{
		"NIST SP 800-53 r5", "CP-4", "the contingency plan is tested, results are reviewed, corrections are begun",
		"results against targets, findings with owner and due date, and the sign-off where the report has one",
		[]need{judgedAtAll, practised},
	},
	{
		"NIST SP 800-53 r5", "CP-4(4)", "full recovery and reconstitution to a known state is a part of the test",
		"every surface restored, started, checked and reconciled after a simulated cluster failure",
		[]need{passed, fullTest, restoredAll, started, healthy, reconciled},
	},
	{
		"NIST SP 800-53 r5", "CP-9(1)", "backup information is tested for reliability and integrity",
		"the restore from the named store, and its comparison",
		[]need{judgedAtAll, restoredAll, comparedAll},
	},
	{
		"DORA (EU) 2022/2554", "Art. 11(6)", "ICT business continuity plans and response and recovery plans are tested at least yearly",
		"the scenario, the timeline, the findings",
		[]need{judgedAtAll, scenario, practised},
	},
	{
		"DORA (EU) 2022/2554", "Art. 12(2)", "backup, restoration and recovery procedures are tested periodically",
		"the restore of stored points, in phases with their times",
		[]need{judgedAtAll, restoredAll},
	},
	{
		"DORA (EU) 2022/2554", "Art. 12(3)", "restores go to systems that are physically and logically segregated from the source",
		"what was tried against the environment and refused, the limits of its isolation, the proof of tear-down",
		[]need{judgedAtAll, restoredAll, apart},
	},
	{
		"DORA (EU) 2022/2554", "Art. 12(6)", "recovery time and point objectives are set, and hold in extreme scenarios",
		"RTO and RPO as measured against their targets, with the formula",
		[]need{passed, scenario, inTime},
	},
	{
		"DORA (EU) 2022/2554", "Art. 12(7)",
		"necessary checks, multiple ones and reconciliations among them, are made when recovering from an incident",
		"the health checks and reconciliations, each with what was expected and observed",
		[]need{passed, comparedAll, healthy, reconciled},
	},
	{
		"RTS (EU) 2024/1774", "Art. 25",
		"tests rest on severe but plausible scenarios and challenge the plans; results are documented and deficiencies reported",
		"the scenario, the assumptions, the findings",
		[]need{judgedAtAll, scenario, practised},
	},
	{
		"RTS (EU) 2024/1774", "Art. 40", "simplified framework: backup and restore procedures are tested at least yearly, deficiencies are reported",
		"the restore, its result and the findings",
		[]need{judgedAtAll, scenario, restoredAll},
	},
	{
		"PCI DSS 4.0.1", "9.4.1.2",
		"the security of the places that hold offline media with backups of cardholder data is reviewed at least every 12 months",
		"the store of each point, where it counts as such a place, and until when it is locked",
		[]need{neverShown},
	},
	{
		"PCI DSS 4.0.1", "12.10.2",
		"the security incident response plan is reviewed and tested at least every 12 months, with all its elements, such as business recovery and backup (12.10.1)",
		"a test of the elements business recovery and backup; the plan's other elements are no part of it",
		[]need{judgedAtAll, practised},
	},
	{
		"NIS2 (EU) 2022/2555", "Art. 21(2)(c)", "business continuity, such as backup management and disaster recovery",
		"that recovery was practised, and with which result",
		[]need{judgedAtAll, practised},
	},
	{
		"NIS2, Reg. (EU) 2024/2690", "Annex 4.2.6", "the recovery of backup copies is tested regularly, with documented results and corrective action",
		"the restore, its comparison, and the findings with owner and due date",
		[]need{judgedAtAll, restoredAll, comparedAll},
	},
}

// Controls maps a judged record to the controls that it speaks to, and says of
// each whether this record supports it.
func Controls(r Record) []Control {
	mapped := make([]Control, 0, len(controls))
	for _, c := range controls {
		var lacks []string
		for _, n := range c.needs {
			if !n.holds(r) {
				lacks = append(lacks, n.lacks)
			}
		}
		mapped = append(mapped, Control{
			Framework: c.framework, ID: c.id, Asks: c.asks, Shows: c.shows,
			Supports: len(lacks) == 0, Lacks: strings.Join(lacks, "; "),
		})
	}
	return mapped
}

func allRestored(r Record) bool {
	there := map[string]bool{}
	for _, s := range r.Surfaces {
		if s.Result != Pass {
			return false
		}
		there[s.Surface] = true
	}
	for _, name := range r.Plan.Surfaces {
		if !there[name] {
			return false
		}
	}
	return len(there) > 0
}

func allCompared(r Record) bool {
	for _, s := range r.Surfaces {
		if s.Result != Pass || !r.comparedWith(s) {
			return false
		}
	}
	return len(r.Surfaces) > 0
}

func allHealthy(r Record) bool {
	passed := false
	for _, c := range r.Checks {
		switch state(c.Result, c.Optional) {
		case Pass:
			passed = true
		case Warn:
		default:
			return false
		}
	}
	return passed
}

// allReconciled is about what the plan asks for, beyond what every restore compares by itself.
func allReconciled(r Record) bool {
	passed := false
	for _, rec := range r.Reconciled {
		switch rec.state() {
		case Pass:
			passed = passed || !rec.ofSurface()
		case Warn:
		default:
			return false
		}
	}
	return passed
}

func isolated(r Record) bool {
	for _, a := range r.Isolation.Attempts {
		if a.Result != Pass {
			return false
		}
	}
	return len(r.Isolation.Attempts) > 0 && len(r.Isolation.Limits) == 0
}

func inTargets(r Record) bool {
	o := r.Objectives
	return o.RTOMet != nil && *o.RTOMet && o.RPOMet != nil && *o.RPOMet
}
