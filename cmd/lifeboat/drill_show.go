package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

func (a *app) drillShow() *cobra.Command {
	return &cobra.Command{
		Use: "show ID", Short: "Show a drill, running or judged", Args: exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			parts, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			shown, err := a.lookUpDrill(cmd.Context(), parts, args[0])
			if err != nil {
				return err
			}
			return a.show(shown, func() error {
				if err := a.drillFields(shown.DrillResult); err != nil {
					return err
				}
				plan := parts.Config.Drills[shown.Plan]
				if shown.Evidence != nil {
					plan = shown.Evidence.Plan
					if err := a.recordTables(*shown.Evidence); err != nil {
						return err
					}
				}
				return a.stepTables(plan, shown.DrillResult)
			})
		},
	}
}

// shownDrill is a drill with its record, where there is one.
type shownDrill struct {
	workflows.DrillResult
	Evidence *drill.Record `json:"evidence,omitempty"`
}

// lookUpDrill asks the ledger, which has every drill that was judged, and for
// one that is under way the engine.
func (a *app) lookUpDrill(ctx context.Context, parts *worker.Parts, id string) (shownDrill, error) {
	_, archive, err := parts.Evidence()
	if err != nil {
		return shownDrill{}, err
	}
	out := shownDrill{}
	out.DrillResult, out.Evidence, err = launch.ShowDrill(ctx, archive, id, func(ctx context.Context, id string) (workflows.DrillResult, error) {
		s, err := a.connect(ctx, parts.Config, false)
		if err != nil {
			return workflows.DrillResult{}, err
		}
		defer s.close()
		return s.launcher.DrillState(ctx, id)
	})
	if out.KeptUntil != nil {
		if out.Servers = stillStanding(parts.Config, out.Host, out.Servers); len(out.Servers) == 0 {
			out.Servers, out.KeptUntil = nil, nil
		}
	}
	return out, err
}

// stillStanding leaves out servers that were stopped meanwhile, of which the
// drill does not know. Only those of this host can be looked at; the places of
// surfaces that are restored elsewhere are taken to stand.
func stillStanding(c *config.Config, host string, servers map[string]workflows.DrillServer) map[string]workflows.DrillServer {
	if host != worker.Host(c.DataDir) {
		return servers
	}
	ids, err := local.New(c.DataDir).IDs()
	if err != nil {
		return servers
	}
	places, err := worker.Places(c)
	if err != nil {
		return servers
	}
	out := map[string]workflows.DrillServer{}
	for surface, server := range servers {
		if _, elsewhere := places[surface]; elsewhere || slices.Contains(ids, server.RestoreID) {
			out[surface] = server
		}
	}
	return out
}

// recordTables print what a record has of steps, checks and reconciliations.
func (a *app) recordTables(r drill.Record) error {
	var rows [][]string
	for _, p := range r.Timeline.Phases {
		rows = append(rows, []string{p.Name, seconds(p.Seconds), p.Error})
	}
	fmt.Fprintln(a.out)
	if err := a.table([]string{"PHASE", "TOOK", "ERROR"}, rows); err != nil {
		return err
	}
	rows = nil
	for _, s := range r.Surfaces {
		rows = append(rows, []string{s.Surface, s.Point, s.Store, when(s.Reached), s.Result, s.Error})
	}
	fmt.Fprintln(a.out)
	if err := a.table([]string{"SURFACE", "POINT", "STORE", "REACHED", "RESULT", "ERROR"}, rows); err != nil {
		return err
	}
	rows = nil
	for _, c := range r.Checks {
		rows = append(rows, []string{c.Name, c.Kind, c.Expected, c.Observed, c.Result, c.Detail})
	}
	for _, c := range r.Reconciled {
		rows = append(rows, []string{c.Name, c.Kind, counted(len(c.Items), "comparison"), "", c.Result, c.Detail})
	}
	fmt.Fprintln(a.out)
	return a.table([]string{"CHECK", "KIND", "EXPECTED", "OBSERVED", "RESULT", "DETAIL"}, rows)
}

// stepTables print what was done by hand, and what is left of a checklist.
func (a *app) stepTables(plan drill.Plan, r workflows.DrillResult) error {
	if len(r.ManualSteps) > 0 {
		rows := make([][]string, len(r.ManualSteps))
		for i, step := range r.ManualSteps {
			what, known := stepFields(plan, step)
			rows[i] = []string{step.Text, step.By, when(step.At), what + ": " + known}
		}
		fmt.Fprintln(a.out)
		if err := a.table([]string{"DONE BY HAND", "BY", "AT", "WRITTEN DOWN"}, rows); err != nil {
			return err
		}
	}
	if len(r.StepsLeft) == 0 {
		return nil
	}
	rows := make([][]string, len(r.StepsLeft))
	for i, step := range r.StepsLeft {
		rows[i] = []string{step}
	}
	fmt.Fprintln(a.out)
	return a.table([]string{"LEFT OF THE CHECKLIST"}, rows)
}

func (a *app) drillCommitments() *cobra.Command {
	return &cobra.Command{
		Use: "commitments", Short: "Say which RTO and RPO may be promised today, and why not the others", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			parts, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			found, err := parts.Commitments(cmd.Context(), time.Now())
			if err != nil {
				return err
			}
			return a.show(nonNil(found), func() error {
				rows := make([][]string, len(found))
				for i, c := range found {
					rows[i] = []string{c.Plan, strings.Join(c.Surfaces, ","), c.State, measured(c.RTOSeconds > 0, c.RTOSeconds), measured(c.RPOSeconds > 0, c.RPOSeconds), nextDue(c), c.Reason}
				}
				return a.table([]string{"PLAN", "SURFACES", "STATE", "RTO", "RPO", "NEXT DUE", "REASON"}, rows)
			})
		},
	}
}

// nextDue is when a plan's next drill is due, and that it should have been done
// long ago; one that follows policies has no time of its own.
func nextDue(c drill.Commitment) string {
	due := when(c.NextDue)
	switch {
	case !c.Overdue:
		return due
	case due == "":
		return "overdue"
	default:
		return due + ", overdue"
	}
}

func (a *app) drillCoverage() *cobra.Command {
	return &cobra.Command{
		Use: "coverage", Short: "Say how much of the yearly plan was done", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			parts, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			found, err := parts.Coverage(cmd.Context(), time.Now())
			if err != nil {
				return err
			}
			return a.show(found, func() error { return a.coverageTables(found) })
		},
	}
}

// counted is a number of things.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// doneOf says how many drills of a plan were done, of those that its schedule asked for.
func doneOf(p drill.PlanCoverage) string {
	if p.Due == 0 {
		return strconv.Itoa(p.Done) + ", none due"
	}
	return strconv.Itoa(p.Done) + " of " + strconv.Itoa(p.Due)
}

// coverageTables print how much was done of each plan, and of each surface.
func (a *app) coverageTables(c drill.Coverage) error {
	fmt.Fprintf(a.out, "from %s to %s\n\n", when(c.From), when(c.To))
	rows := make([][]string, len(c.Plans))
	for i, p := range c.Plans {
		rows[i] = []string{p.Plan, p.Kind, doneOf(p), strconv.Itoa(p.Passed), strconv.Itoa(p.Partial),
			strconv.Itoa(p.Failed), strconv.Itoa(p.Aborted), strconv.Itoa(p.Signed), when(p.LastAt)}
	}
	if err := a.table([]string{"PLAN", "KIND", "DONE", "PASSED", "PARTIAL", "FAILED", "ABORTED", "SIGNED", "LAST"}, rows); err != nil {
		return err
	}
	rows = make([][]string, len(c.Surfaces))
	for i, s := range c.Surfaces {
		rows[i] = []string{s.Surface, strconv.Itoa(s.Restores), strings.Join(s.Stores, ","), strings.Join(s.Plans, ","), when(s.LastRestored)}
	}
	fmt.Fprintln(a.out)
	if err := a.table([]string{"SURFACE", "RESTORED", "FROM", "PLANS", "LAST"}, rows); err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	return a.fields("never restored", strings.Join(c.NotRestored, ", "), "kinds not done", strings.Join(c.MissingKinds, ", "))
}
