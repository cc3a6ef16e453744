package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

func (a *app) snapshotPrune() *cobra.Command {
	var dryRun bool
	var policy string
	cmd := &cobra.Command{
		Use: "prune", Short: "Apply the policies' retention, and sweep what failed runs left", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			policies, err := pruned(c, policy)
			if err != nil {
				return usageError{err}
			}
			s, err := a.connect(cmd.Context(), c, true)
			if err != nil {
				return err
			}
			defer s.close()
			results := []workflows.PruneResult{}
			for _, name := range policies {
				r, err := a.pruneOne(cmd.Context(), s, workflows.PruneInput{Policy: name, DryRun: dryRun})
				if err != nil {
					return err
				}
				results = append(results, r)
			}
			return a.show(results, func() error { return a.pruneTable(results) })
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the plan, delete nothing")
	cmd.Flags().StringVar(&policy, "policy", "", "only this policy (default: all)")
	return cmd
}

func pruned(c *config.Config, only string) ([]string, error) {
	if only == "" {
		return sortedNames(c.Policies), nil
	}
	if _, ok := c.Policies[only]; !ok {
		return nil, fmt.Errorf("policy %q is not in the configuration: it has %s", only, names(c.Policies))
	}
	return []string{only}, nil
}

func (a *app) pruneOne(ctx context.Context, s *session, in workflows.PruneInput) (workflows.PruneResult, error) {
	var result workflows.PruneResult
	started, err := s.launcher.Prune(ctx, requester(), in)
	if err != nil {
		return result, err
	}
	err = a.await(ctx, s, started, "retention of "+in.Policy, &result)
	return result, err
}

func (a *app) pruneTable(results []workflows.PruneResult) error {
	var rows [][]string
	for _, r := range results {
		verb := "deleted"
		if r.DryRun {
			verb = "would delete"
		}
		for _, line := range r.Delete {
			rows = append(rows, []string{verb, line.ID, r.Policy, line.Store, line.Reason})
		}
		for _, line := range r.Keep {
			rows = append(rows, []string{"keep", line.ID, r.Policy, line.Store, line.Reason})
		}
		for _, skipped := range r.Skipped {
			rows = append(rows, []string{"skipped", "", r.Policy, "", skipped})
		}
	}
	if err := a.table([]string{"WHAT", "ID", "POLICY", "STORE", "WHY"}, rows); err != nil {
		return err
	}
	for _, r := range results {
		fmt.Fprintf(a.out, "%s: %d kept, %d deleted, %d abandoned objects swept\n", r.Policy, r.Kept, r.Deleted, r.Swept)
	}
	return nil
}
