package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// checkProvider refuses at once what the provider of a surface can't do.
func checkProvider(c *config.Config, in workflows.RecoverInput) error {
	provider := c.Provider(in.Surface, in.Store)
	if provider == nil {
		return nil
	}
	if in.Dir != "" || in.Port != 0 {
		return usageError{fmt.Errorf("%s is restored by %s, to a new instance there: leave --dir and --port out", in.Surface, provider.Kind)}
	}
	target, err := pitr.ParseTarget(in.At)
	if err == nil {
		_, err = target.Moment()
	}
	if err != nil {
		return usageError{fmt.Errorf("--at: %w", err)}
	}
	return nil
}

func (a *app) pitrDelete() *cobra.Command {
	wait := true
	cmd := &cobra.Command{
		Use: "delete SURFACE ID", Short: "Delete the instance that a provider restored, by the ID of the restore", Args: exactly("SURFACE", "ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			parts, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			if err := knownDatabase(parts, args[0]); err != nil {
				return err
			}
			if parts.Managed[args[0]] == nil {
				return usageError{fmt.Errorf("surface %s has no provider in the configuration: lifeboat environment stop is for servers on this host", args[0])}
			}
			return a.remove(cmd.Context(), parts, workflows.RemoveInput{Surface: args[0], ID: args[1]}, wait)
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", true, "wait until it is gone")
	return cmd
}

// removed is what a finished deletion prints.
type removed struct {
	workflows.RemoveResult
	WorkflowID string `json:"workflowId"`
}

func (a *app) remove(ctx context.Context, parts *worker.Parts, in workflows.RemoveInput, wait bool) error {
	var out removed
	return work(ctx, a, parts.Config, wait, "deletion of "+in.ID, (*launch.Launcher).Remove, in, &out.RemoveResult, func(started launch.Started) error {
		out.WorkflowID = started.WorkflowID
		return a.show(out, func() error {
			_, err := fmt.Fprintf(a.out, "deleted %s\n", out.Instance)
			return err
		})
	})
}
