package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// TestDrillCancelledInARestore cancels a drill in the middle of a restore: that
// cleans up after itself before the drill ends, and both say how they ended.
func TestDrillCancelledInARestore(t *testing.T) {
	t.Parallel()
	h := newHalting(t)
	h.opens(t, "declare", "sanitise", "start", "check", "reconcile")
	h.points.StallAfter(middle / 2)
	h.run = h.startDrill(t, h.newKey(t, "ann", "admin"), "halting")
	eventually(t, 3*time.Minute, "a restore is under way", func() bool { return h.points.Waiting() > 0 })
	h.doing(t, h.childOf(t, "main"), "Load")
	if _, stderr, code := h.site.run(t, "drill", "cancel", h.run.ID); code != 0 {
		t.Fatalf("drill cancel: exit %d, %s", code, stderr)
	}
	d := h.becomes(t, h.run.ID, drill.StateClosed)
	if d.Verdict != drill.VerdictAborted || d.Revision != 1 || len(d.Findings) > 0 {
		t.Errorf("the verdict is %s: %s %+v", d.Verdict, d.Summary, d.Findings)
	}
	h.leftNothing(t, d)
	h.points.Heal()
	eventually(t, time.Minute, "no run is left", func() bool { return len(h.runs(t, runningDrills)) == 0 })
	for _, id := range []string{h.run.WorkflowID, h.childOf(t, "main")} {
		eventually(t, time.Minute, id+" is listed as cancelled", func() bool {
			return slices.Equal(h.runs(t, "WorkflowId = '"+id+"' AND ExecutionStatus = 'Canceled'"), []string{id})
		})
	}
	if _, stderr, code := h.site.run(t, "evidence", "verify"); code != 0 {
		t.Errorf("evidence verify: exit %d, %s", code, stderr)
	}
}

// TestEngineKilledWhileADrillAwaitsItsSignature kills engine and API while a
// drill waits: it still waits when they are back, and is signed.
func TestEngineKilledWhileADrillAwaitsItsSignature(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 10)
	goods(t, live, rd, 10)
	s, public := drillSite(t, live, rd.URL, snapshotPolicies, `  kept: {surfaces: [redis], owner: ops@example.com, keep: 1h, targets: {rto: 30m}}`)
	victim := s.start(t, "up", "--worker=false")
	s.worker(t)
	var made point
	s.ask(t, &made, "snapshot", "create", "redis", "--wait")
	d := s.becomes(t, s.startDrill(t, s.newKey(t, "ann", "admin"), "kept").ID, drill.StateAwaiting)
	approver := s.newKey(t, "bea", "approver")
	victim.Kill()
	s.start(t, "up", "--worker=false")
	var signed drilled
	s.as(approver).ask(t, &signed, "drill", "sign", d.ID, "--statement", "seen it go on")
	if signed.State != drill.StateSigned || signed.Verdict != drill.VerdictPass || signed.SignOff == nil || signed.SignOff.Signer != "bea" {
		t.Errorf("signed is %+v", signed)
	}
	if got := s.becomes(t, d.ID, drill.StateSigned); got.Revision != 1 || *got.Sequence != *d.Sequence {
		t.Errorf("after the signature: %+v", got)
	}
	if c := s.commitment(t, "kept"); c.State != drill.Proven || c.SignedBy != "bea" {
		t.Errorf("the commitment: %+v", c)
	}
	// What is kept goes when the drill is cancelled, and the signature stays.
	if left := s.processesOf(t, d.ID); len(left) == 0 {
		t.Error("the environment was not kept")
	}
	if _, stderr, code := s.run(t, "drill", "cancel", d.ID); code != 0 {
		t.Fatalf("drill cancel: exit %d, %s", code, stderr)
	}
	eventually(t, time.Minute, "nothing is left of the drill", func() bool {
		return len(s.processesOf(t, d.ID)) == 0 && len(s.foldersOf(t, d.ID)) == 0 && len(s.runs(t, runningDrills)) == 0
	})
	s.verifiedByAStranger(t, s.shown(t, d.ID), public)
}
