package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

func (a *app) drillCommand() *cobra.Command {
	return group("drill", "Rehearse disasters, sign them off, and see what may be promised", a.drillRun(), a.drillList(), a.drillShow(),
		a.drillManualStep(), a.drillSign(), a.drillCancel(), a.drillFinding(), a.drillCommitments(), a.drillCoverage())
}

// drillFlags are the flags of drill run.
type drillFlags struct {
	wait   bool
	points []string
	at     []string
}

func (a *app) drillRun() *cobra.Command {
	f := drillFlags{}
	cmd := &cobra.Command{
		Use: "run PLAN", Short: "Run a drill of a plan now", Args: exactly("PLAN"),
		Long: "Runs a drill: restores what the plan names into an isolated environment, starts, checks and reconciles it, and records what was\n" +
			"measured as evidence. With --wait the command ends when there is a verdict: with 0 for pass, with 1 for any other. The drill then\n" +
			"waits for another person: see drill sign.",
		RunE: func(cmd *cobra.Command, args []string) error {
			parts, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			in, err := f.input(parts, args[0])
			if err != nil {
				return usageError{err}
			}
			for surface, chosen := range in.Points {
				if chosen.ID == "" {
					continue
				}
				if _, err := parts.Catalog.FindSnapshot(cmd.Context(), parts.Config.Drills[args[0]].PointName(chosen), surface); err != nil {
					return fault.While(err, "--point for %s", surface)
				}
			}
			return a.runDrill(cmd.Context(), parts, in, f.wait)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.wait, "wait", false, "wait for the verdict, and show the progress")
	flags.StringArrayVar(&f.points, "point", nil, "SURFACE=ID: restore this point (may be repeated)")
	flags.StringArrayVar(&f.at, "at", nil, "SURFACE=WHEN: recover to this moment, as pitr restore --at takes it, or -10m and the like (may be repeated)")
	return cmd
}

// input makes the request of a drill, and refuses what the configuration does not have.
func (f drillFlags) input(parts *worker.Parts, plan string) (workflows.DrillInput, error) {
	in := workflows.DrillInput{Plan: plan, Trigger: workflows.TriggerRequest, Points: map[string]drill.Selection{}}
	p, ok := parts.Config.Drills[plan]
	if !ok {
		return in, fmt.Errorf("drill %q is not in the configuration: it has %s", plan, names(parts.Config.Drills))
	}
	for _, flag := range []struct {
		name   string
		values []string
		set    func(*drill.Selection, string)
	}{
		{"point", f.points, func(s *drill.Selection, v string) { s.ID = v }},
		{"at", f.at, func(s *drill.Selection, v string) { s.At = v }},
	} {
		for _, value := range flag.values {
			surface, rest, found := strings.Cut(value, "=")
			if !found || rest == "" || !slices.Contains(p.Surfaces, surface) {
				return in, fmt.Errorf("--%s %q: write SURFACE=VALUE, with one of the plan's surfaces: %s", flag.name, value, strings.Join(p.Surfaces, ", "))
			}
			if kind := parts.Config.Surfaces[surface].Kind; flag.name == "at" && kind != "postgres" {
				return in, fmt.Errorf("--at %q: only surfaces of kind postgres are recovered to a moment, and %s is of kind %s: choose a --point", value, surface, kind)
			}
			selection := in.Points[surface]
			flag.set(&selection, rest)
			if selection.ID != "" && selection.At != "" {
				return in, fmt.Errorf("--point and --at both choose for %s: give one of them", surface)
			}
			in.Points[surface] = selection
		}
	}
	return in, nil
}

func (a *app) runDrill(ctx context.Context, parts *worker.Parts, in workflows.DrillInput, wait bool) error {
	s, err := a.connect(ctx, parts.Config, wait)
	if err != nil {
		return err
	}
	defer s.close()
	who, err := a.person(ctx, parts.Config)
	if err == nil {
		err = who.may(apiserver.Operator, "running a drill")
	}
	if err != nil {
		return err
	}
	in.StartedBy, in.CommandLine = who.name, who.from
	started, err := s.launcher.Drill(ctx, requester(), in)
	if err != nil {
		return err
	}
	if !wait {
		return a.started(started)
	}
	result, err := a.awaitVerdict(ctx, s, started, "drill of "+in.Plan)
	if err != nil {
		return err
	}
	if err := a.show(result, func() error { return a.drillFields(result) }); err != nil {
		return err
	}
	if result.Verdict != drill.VerdictPass {
		return fault.New(fault.Mismatch, "the verdict of drill %s is %s: %s", result.ID, result.Verdict, result.Summary)
	}
	return nil
}

// verdictEvery is how often a drill is asked whether it has a verdict.
const verdictEvery = 200 * time.Millisecond

// awaitVerdict waits until a drill has filed its verdict; people may take days to sign it.
func (a *app) awaitVerdict(ctx context.Context, s *session, started launch.Started, title string) (workflows.DrillResult, error) {
	m := newMeter(a.err, title)
	tick := time.NewTicker(verdictEvery)
	defer tick.Stop()
	for {
		result, err := s.launcher.DrillState(ctx, started.ID)
		switch {
		case ctx.Err() != nil:
			m.clear()
			return result, ctx.Err()
		case err == nil && result.State == drill.StateFailed:
			m.clear()
			return result, cmp.Or(s.launcher.Wait(ctx, started, nil), fault.New(fault.Internal, "drill %s ended without a verdict: %s", started.ID, result.Error))
		case err == nil && result.Sequence != nil && result.State != drill.StateRunning:
			m.clear()
			return result, nil
		case err == nil:
			m.tell(launch.Progress{Phase: result.Phase})
		default:
			if run, found := s.launcher.Find(ctx, workflows.OperationDrill, started.ID); found == nil && run.State != "running" {
				m.clear()
				return result, fault.New(fault.Internal, "drill %s ended without a verdict: %s", started.ID, cmp.Or(run.Error, run.State))
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (a *app) drillFields(r workflows.DrillResult) error {
	sequence, signed := "", ""
	if r.Sequence != nil {
		sequence = fmt.Sprintf("entry %d of the ledger, record SHA-256 %s", *r.Sequence, r.Record)
	}
	if r.SignOff != nil {
		signed = r.SignOff.Decision
		if r.SignOff.Signer != "" {
			signed += " by " + r.SignOff.Signer
		}
		signed += fmt.Sprintf(", %s: %s", when(r.SignOff.At), r.SignOff.Statement)
	}
	err := a.fields("id", r.ID, "plan", r.Plan, "kind", r.Kind, "state", r.State, "error", r.Error, "phase", r.Phase, "verdict", r.Verdict,
		"summary", r.Summary, "RTO", measured(r.RTOMeasured, r.RTOSeconds), "RPO", measured(r.RPOMeasured, r.RPOSeconds),
		"evidence", sequence, "sign-off", signed, "started by", r.StartedBy, "workflow", r.WorkflowID)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(r.Servers)) {
		until := ""
		if r.KeptUntil != nil {
			until = ", until " + when(*r.KeptUntil)
		}
		fmt.Fprintf(a.out, "restored server of %s: %s, environment %s%s\n", name, r.Servers[name].Address, r.Servers[name].RestoreID, until)
	}
	return a.findingRows(r.Findings)
}

// measured writes what a drill measured, 0 among it; nothing where it did not.
func measured(was bool, s float64) string {
	if !was {
		return ""
	}
	return seconds(s)
}

func (a *app) findingRows(findings []drill.Finding) error {
	if len(findings) == 0 {
		return nil
	}
	rows := make([][]string, len(findings))
	for i, f := range findings {
		rows[i] = []string{f.ID, f.Severity, f.Status, f.Owner, when(f.Due), f.Cause}
	}
	fmt.Fprintln(a.out)
	return a.table([]string{"FINDING", "SEVERITY", "STATUS", "OWNER", "DUE", "CAUSE"}, rows)
}

func (a *app) drillList() *cobra.Command {
	q := drills.Query{}
	cmd := &cobra.Command{
		Use: "list", Short: "List drills, newest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			parts, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			_, archive, err := parts.Evidence()
			if err != nil {
				return err
			}
			found, err := archive.List(cmd.Context(), q)
			if err != nil {
				return err
			}
			// A plan that is gone has its drills in the ledger still.
			if _, known := parts.Config.Drills[q.Plan]; q.Plan != "" && !known && len(found) == 0 {
				return usageError{fmt.Errorf("there is no drill of a plan %q, and the configuration has %s", q.Plan, names(parts.Config.Drills))}
			}
			return a.show(nonNil(found), func() error {
				rows := make([][]string, len(found))
				for i, d := range found {
					rows[i] = []string{d.ID, d.Plan, d.Kind, d.State, d.Verdict, measured(d.Objectives.RTOMeasured, d.RTOSeconds), measured(d.Objectives.RPOMeasured, d.RPOSeconds)}
				}
				return a.table([]string{"ID", "PLAN", "KIND", "STATE", "VERDICT", "RTO", "RPO"}, rows)
			})
		},
	}
	cmd.Flags().StringVar(&q.Plan, "plan", "", "only drills of this plan")
	cmd.Flags().IntVar(&q.Limit, "limit", 50, "at most so many; 0 for all")
	return cmd
}

func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
