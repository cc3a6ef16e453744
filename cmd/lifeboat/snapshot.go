package main

import (
	"cmp"
	"context"
	"fmt"
	"os/user"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

func (a *app) snapshotCommand() *cobra.Command {
	return group("snapshot", "Make, list, verify, restore and prune recovery points",
		a.snapshotCreate(), a.snapshotList(), a.snapshotShow(), a.snapshotVerify(), a.snapshotRestore(), a.snapshotPrune())
}

// requester names the person at the command line, for memos and the audit log.
func requester() launch.Request {
	if u, err := user.Current(); err == nil {
		return launch.Request{Requester: "cli:" + u.Username}
	}
	return launch.Request{Requester: "cli"}
}

func (a *app) snapshotCreate() *cobra.Command {
	var wait bool
	in := workflows.SnapshotInput{}
	cmd := &cobra.Command{
		Use: "create SURFACE", Short: "Take a snapshot now", Args: exactly("SURFACE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			in.Surface = args[0]
			if err := checkSnapshot(c, in); err != nil {
				return usageError{err}
			}
			ctx := cmd.Context()
			if err := reachStore(ctx, c, in); err != nil {
				return err
			}
			var result workflows.SnapshotResult
			return work(ctx, a, c, wait, "snapshot of "+in.Surface, (*launch.Launcher).Snapshot, in, &result, func(launch.Started) error {
				return a.show(result, func() error {
					return a.fields("id", result.ID, "surface", result.Surface, "state", result.State, "uri", result.URI, "store", result.Store,
						"created", when(result.CreatedAt), "stored", size(result.Bytes), "plain", size(result.PlainBytes),
						"parts", strconv.Itoa(result.Parts), "workflow", result.WorkflowID)
				})
			})
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until it is done, and show the progress")
	cmd.Flags().StringVar(&in.Kind, "kind", config.KindSnapshot, "kind of recovery point: snapshot, or base")
	cmd.Flags().StringVar(&in.Store, "store", "", "store to write to (default: the policy's)")
	return cmd
}

// checkSnapshot says at once what is missing for a snapshot.
func checkSnapshot(c *config.Config, in workflows.SnapshotInput) error {
	if _, ok := c.Surfaces[in.Surface]; !ok {
		return fault.New(fault.Invalid, "surface %q is not in the configuration: it has %s", in.Surface, names(c.Surfaces))
	}
	switch kind := c.Surfaces[in.Surface].Kind; {
	case in.Kind != config.KindSnapshot && in.Kind != config.KindBase:
		return fault.New(fault.Invalid, "--kind takes %s or %s, not %q", config.KindSnapshot, config.KindBase, in.Kind)
	case in.Kind == config.KindBase && kind != "postgres":
		return fault.New(fault.Invalid, "surface %s is of kind %s: base backups are of PostgreSQL", in.Surface, kind)
	}
	if in.Store != "" {
		if _, ok := c.Stores[in.Store]; !ok {
			return fault.New(fault.Invalid, "store %q is not in the configuration: it has %s", in.Store, names(c.Stores))
		}
	}
	if len(c.Stores) == 0 {
		return fault.New(fault.Invalid, "no store is configured: add one under stores, or set SNAPSHOTS_STORAGE_PROVIDER")
	}
	return nil
}

// reachStore says at once when the store can't be used that a snapshot would
// go to: the workflow itself is patient.
func reachStore(ctx context.Context, c *config.Config, in workflows.SnapshotInput) error {
	parts, err := worker.Open(ctx, c, version)
	if err != nil {
		return asUsage(err)
	}
	name := cmp.Or(in.Store, c.FirstStore(in.Surface, in.Kind))
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return fault.While(parts.Stores[name].Check(ctx), "store %s can't be used", name)
}

// started prints what was begun and not waited for.
func (a *app) started(s launch.Started) error {
	return a.show(s, func() error {
		return a.fields("id", s.ID, "state", "running", "workflow", s.WorkflowID)
	})
}

// await waits for a run while it shows the progress on standard error.
func (a *app) await(ctx context.Context, s *session, started launch.Started, title string, result any) error {
	done, shown := make(chan struct{}), make(chan struct{})
	m := newMeter(a.err, title)
	go func() {
		defer close(shown)
		m.follow(ctx, s.launcher, started, done)
	}()
	err := s.launcher.Wait(ctx, started, result)
	close(done)
	<-shown
	return err
}

func (a *app) snapshotList() *cobra.Command {
	query := catalog.Query{}
	cmd := &cobra.Command{
		Use: "list", Short: "List recovery points, newest first", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			parts, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			points, err := parts.Catalog.List(cmd.Context(), query)
			if points == nil {
				points = []catalog.Point{}
			}
			// A store that fails does not hide what the others have; the command fails all the same.
			shown := a.show(points, func() error { return a.pointTable(points) })
			return cmp.Or(err, shown)
		},
	}
	cmd.Flags().StringVar(&query.Surface, "surface", "", "only this surface")
	cmd.Flags().StringVar(&query.Store, "store", "", "only this store")
	cmd.Flags().IntVar(&query.Limit, "limit", 50, "how many at most; 0 for all")
	cmd.Flags().StringVar(&query.Before, "before", "", "only those older than this ID")
	return cmd
}

func (a *app) pointTable(points []catalog.Point) error {
	rows := make([][]string, len(points))
	for i, p := range points {
		stores := strings.Join(append([]string{p.Store}, p.Copies...), ",")
		state := p.State
		if p.ProvenOn != "" {
			state += " on " + p.ProvenOn
		}
		if len(p.Missing) > 0 {
			state += ", partial"
		}
		rows[i] = []string{p.ID, p.Surface, p.Kind, state, when(p.CreatedAt), size(p.Bytes), stores, p.URI}
	}
	return a.table([]string{"ID", "SURFACE", "KIND", "STATE", "CREATED", "STORED", "STORES", "URI"}, rows)
}

// open opens what the configuration names, for commands that need no engine.
func (a *app) open(ctx context.Context) (*worker.Parts, error) {
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	if len(c.Stores) == 0 {
		return nil, usageError{fmt.Errorf("no store is configured: add one under stores, or set SNAPSHOTS_STORAGE_PROVIDER")}
	}
	parts, err := worker.Open(ctx, c, version)
	return parts, asUsage(err)
}
