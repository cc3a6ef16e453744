package drill

import (
	"fmt"
	"slices"
	"strings"
)

// kindSnapshot is the kind of point that has a fingerprint to compare with.
const kindSnapshot = "snapshot"

// closingPhases are no part of the recovery: they come after it, or, as the
// declaration, are about what the drill is compared with.
var closingPhases = []string{PhaseDeclare, PhaseJudge, PhaseRecord, PhaseSignOff, PhaseTearDown}

// failureKinds says of each kind of package fault what it means for a restore.
var failureKinds = []struct{ kind, meaning string }{
	{"invalid", "what was asked for cannot be done"},
	{"denied", "a key or a permission does not suffice"},
	{"missing", "something that it needs is not there"},
	{"conflict", "something is in the way"},
	{"corrupt", "what is stored is not what was written"},
	{"unsupported", "a server or a tool cannot do it"},
	{"lost", "something that it needs is gone"},
	{"mismatch", "what was restored is not what was backed up"},
	{"unavailable", "a server or a store could not be reached"},
	{"exhausted", "room ran out"},
}

// meaningOf is empty for a kind that says nothing.
func meaningOf(kind string) string {
	for _, k := range failureKinds {
		if k.kind == kind {
			return k.meaning
		}
	}
	return ""
}

// restoreCode is the code of a restore that failed for a kind of reason. That
// of a mismatch is that of a comparison: a row or a key is not as it was.
func restoreCode(kind string) string {
	switch {
	case kind == "mismatch":
		return codeDiffers
	case meaningOf(kind) != "":
		return "restore-" + kind
	default:
		return "restore-failed"
	}
}

// restoreCodes are all of them but the one of a comparison.
func restoreCodes() []string {
	codes := []string{restoreCode("")}
	for _, k := range failureKinds {
		if code := restoreCode(k.kind); code != codeDiffers {
			codes = append(codes, code)
		}
	}
	return codes
}

// phaseCode is the code of a phase that failed: select-points-failed.
func phaseCode(phase string) string { return strings.ReplaceAll(phase, " ", "-") + "-failed" }

// failures judges the errors that ended steps for good, and clears phases that ended well.
func (j *judgement) failures(ours func(phase string) bool) {
	failed := map[string]bool{}
	for _, f := range j.record.Failures {
		failed[f.Phase] = true
		switch {
		case f.Kind == FailureCancelled || !ours(f.Phase) || f.Phase == PhaseStart && j.record.startFailed(f.Error):
		case f.Kind == FailureRefused:
			j.find(codeRefused, SeverityMajor, "", and("an approver refused to sign the drill", f.Error))
		case f.Phase == PhaseRestore:
			j.restoreFailed(f)
		default:
			what := f.Phase
			if f.Surface != "" {
				what += " of " + f.Surface
			}
			j.find(phaseCode(f.Phase), SeverityMajor, f.Surface, and(reason(what+" failed", f.Kind), f.Error))
		}
	}
	for _, p := range j.record.Timeline.Phases {
		if p.Error != "" || p.Surface != "" || failed[p.Name] || !ours(p.Name) {
			continue
		}
		j.clear("", phaseCode(p.Name))
		for _, s := range j.record.Surfaces {
			j.clear(s.Surface, phaseCode(p.Name))
		}
	}
}

// startFailed reports whether a program failed with an error: then that is the finding.
func (r *Record) startFailed(text string) bool {
	return slices.ContainsFunc(r.Programs, func(p Started) bool { return state(p.Result, false) == Fail && p.Detail == text })
}

// reason adds to what failed what its kind means.
func reason(what, kind string) string {
	if meaning := meaningOf(kind); meaning != "" {
		return what + " (" + meaning + ")"
	}
	return what
}

func (j *judgement) restoreFailed(f Failure) {
	what := "the restore failed"
	if f.Surface != "" {
		what = f.Surface + " could not be restored"
	}
	for _, s := range j.record.Surfaces {
		if s.Surface == f.Surface && s.Point != "" {
			what += fmt.Sprintf(" from %s in the store %s", s.Point, s.Store)
			break
		}
	}
	j.find(restoreCode(f.Kind), SeverityCritical, f.Surface, and(reason(what, f.Kind), f.Error))
}

// surfaces judges what was restored against what the plan names.
func (j *judgement) surfaces() {
	told := map[string]bool{}
	everywhere := j.cancelled
	for _, f := range j.record.Failures {
		if slices.Contains(closingPhases, f.Phase) {
			continue
		}
		told[f.Surface] = true
		// What failed for no one surface in particular failed for all of them.
		everywhere = everywhere || f.Surface == ""
	}
	there := map[string]bool{}
	for _, s := range j.record.Surfaces {
		there[s.Surface] = true
		j.partial(s)
		switch {
		case s.Result == Pass:
			j.clear(s.Surface, codeNotRestored)
			j.clear(s.Surface, restoreCodes()...)
		case s.Result == Skipped && (everywhere || told[s.Surface] || j.failing()):
			// What stopped it is a finding.
		case s.Result == Skipped:
			j.find(codeNotRestored, SeverityMajor, s.Surface, and(s.Surface+" was not restored, and nothing says why", s.Error))
		case !told[s.Surface] && !j.cancelled:
			j.restoreFailed(Failure{Surface: s.Surface, Error: s.Error})
		}
	}
	for _, name := range j.record.Plan.Surfaces {
		if !there[name] && !told[name] && !everywhere {
			j.find(codeNotRestored, SeverityMajor, name, name+" is in the plan and was not restored")
		}
	}
}

// partial warns of a point that lacks something of its source.
func (j *judgement) partial(s Restored) {
	switch {
	case len(s.Missing) > 0:
		j.find(codePartialPoint, SeverityMinor, s.Surface, "the recovery point "+s.Point+" of "+s.Surface+" is partial: it lacks "+list(s.Missing))
	case s.Point != "":
		j.clear(s.Surface, codePartialPoint)
	}
}

// compared wants that something was restored, and compared with what it was.
func (j *judgement) compared() {
	r := j.record
	restored, comparisons := 0, 0
	for _, c := range r.Checks {
		// An answer of the restored data that is what was expected of it.
		if c.Result == Pass && r.expects(c.Name) {
			comparisons++
		}
	}
	for _, rec := range r.Reconciled {
		if rec.state() == Pass {
			comparisons++
		}
	}
	for _, s := range r.Surfaces {
		if s.Result != Pass {
			continue
		}
		restored++
		switch {
		case r.comparedWith(s):
			comparisons++
			j.clear(s.Surface, codeNotCompared, codeDiffers)
		case s.PointKind == kindSnapshot && !j.stopped():
			j.find(codeNotCompared, SeverityMajor, s.Surface, s.Surface+" was restored and not compared with the fingerprint of its point")
		}
	}
	if restored > 0 {
		j.clear("", codeNothingRestored)
	} else if !j.stopped() {
		j.find(codeNothingRestored, SeverityMajor, "", "nothing was restored, so nothing is shown")
	}
	if comparisons > 0 {
		j.clear("", codeNothingCompared)
	} else if !j.stopped() {
		j.find(codeNothingCompared, SeverityMajor, "",
			"nothing that was restored was compared with anything: give the plan a reconciliation, or a check that asks the data and expects something of the answer")
	}
}

// expects reports whether a check of the plan asks the restored data, and
// expects something of the answer.
func (r *Record) expects(check string) bool {
	return slices.ContainsFunc(r.Plan.Checks, func(c Check) bool {
		return c.Name == check && (c.Kind == CheckSQL || c.Kind == CheckRedis) && (c.Expect != "" || c.Rows != "")
	})
}

// comparedWith reports whether a restored surface was compared with its
// fingerprint, or with what a recovery to a moment compares by itself.
func (r *Record) comparedWith(s Restored) bool {
	return s.Compared > 0 || slices.ContainsFunc(r.Reconciled, func(rec Reconciliation) bool {
		return rec.ofSurface() && rec.Subject == s.Surface && rec.state() == Pass
	})
}

// sanitising wants every rule of the plan to have been run.
func (j *judgement) sanitising() {
	planned, run := map[string]int{}, map[string]int{}
	for _, s := range j.record.Plan.Sanitize {
		planned[s.Surface]++
	}
	for _, s := range j.record.Sanitised {
		run[s.Surface]++
	}
	stopped := j.stopped()
	for _, s := range j.record.Plan.Sanitize {
		name, n := s.Surface, planned[s.Surface]
		switch {
		case run[name] >= n:
			j.clear(name, codeSanitiseNotRun)
		case !stopped:
			j.find(codeSanitiseNotRun, SeverityMajor, name, fmt.Sprintf("%d of the %s for %s ran", run[name], count(n, "sanitising rule"), name))
		}
	}
}

// programs judges the application's own programs.
func (j *judgement) programs() {
	there := map[string]bool{}
	for _, p := range j.record.Programs {
		there[p.Name] = true
		switch p.Result {
		case Pass:
			j.clear(p.Name, codeProgramFailed, codeProgramNotRun)
		case Skipped:
			there[p.Name] = false
		default:
			j.find(codeProgramFailed, SeverityMajor, p.Name, and("the program "+p.Name+" did not run as it should", p.Detail))
		}
	}
	if j.stopped() {
		return
	}
	for _, p := range j.record.Plan.Start {
		if !there[p.Name] {
			j.find(codeProgramNotRun, SeverityMajor, p.Name, "the program "+p.Name+" is in the plan and was not started")
		}
	}
}
