package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/report"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// drill rehearses the loss of everything, verifies what evidence that left, and writes the report.
func (d *demonstration) drill(ctx context.Context, s *session, parts *worker.Parts) error {
	fmt.Fprintf(d.out, "\na drill: main and redis are lost\n")
	begun := time.Now()
	started, err := s.launcher.Drill(ctx, requester(), workflows.DrillInput{
		Plan: "quarterly", Trigger: workflows.TriggerRequest, StartedBy: requester().Requester,
		CommandLine: drill.CommandLine{Account: requester().Requester},
	})
	if err != nil {
		return err
	}
	result, err := d.awaitVerdict(ctx, s, started, "drill of quarterly")
	if err != nil {
		return err
	}
	d.step("  drill: "+result.Verdict, time.Since(begun), result.Summary)
	if result.Verdict != drill.VerdictPass {
		return fault.New(fault.Mismatch, "the demo's drill did not pass: %s", result.Summary)
	}
	made, err := parts.Report(ctx, result.ID, time.Now())
	if err != nil {
		return err
	}
	for _, p := range made.Record.Timeline.Phases {
		fmt.Fprintf(d.out, "    %-44s %9s\n", p.Name, seconds(p.Seconds))
	}
	fmt.Fprintf(d.out, "  %d of %d attempts to get at the restored servers were refused, %d checks and %d reconciliations passed\n",
		refusedOf(made.Record.Isolation.Attempts), len(made.Record.Isolation.Attempts), len(made.Record.Checks), len(made.Record.Reconciled))
	if err := d.verifyEvidence(ctx, parts); err != nil {
		return err
	}
	return d.writeReport(made)
}

func refusedOf(attempts []drill.Attempt) int {
	n := 0
	for _, a := range attempts {
		if a.Result == drill.Pass {
			n++
		}
	}
	return n
}

// verifyEvidence checks the ledger as a stranger would: with the public key alone.
func (d *demonstration) verifyEvidence(ctx context.Context, parts *worker.Parts) error {
	ledger, _, err := parts.Evidence()
	if err != nil {
		return err
	}
	begun := time.Now()
	found, err := ledger.Verify(ctx, evidence.VerifyOptions{Publics: ledger.Trusted()})
	if err != nil {
		return err
	}
	d.step("  evidence verified with the public key alone", time.Since(begun),
		fmt.Sprintf("%d entries, %d attachments, root %s", found.Size, found.Attachments, found.Root))
	return nil
}

// writeReport leaves the report where it outlives the demo.
func (d *demonstration) writeReport(made report.Drill) error {
	page, err := report.HTML(made)
	if err != nil {
		return err
	}
	d.report = filepath.Join(os.TempDir(), "lifeboat-drill-"+made.Record.ID+".html")
	if err := os.WriteFile(d.report, page, 0o644); err != nil {
		return fault.Wrap(fault.Exhausted, err, "write the report")
	}
	fmt.Fprintf(d.out, "  report: %s\n", d.report)
	fmt.Fprintf(d.out, "  it waits for another person's signature: lifeboat drill sign %s --statement …\n", made.Record.ID)
	return nil
}
