package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/apiserver/pages"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/engine"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

func (a *app) upCommand() *cobra.Command {
	r := roles{engine: true}
	cmd := &cobra.Command{
		Use: "up", Short: "Run everything in one process: engine, worker, API", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), r) },
	}
	cmd.Flags().BoolVar(&r.worker, "worker", true, "run a worker in this process; without one, run lifeboat worker beside it")
	cmd.Flags().BoolVar(&r.api, "api", true, "run the API in this process; without it, run lifeboat apiserver beside it")
	return cmd
}

func (a *app) apiserverCommand() *cobra.Command {
	return &cobra.Command{
		Use: "apiserver", Short: "Run the API server against a Temporal cluster", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), roles{api: true}) },
	}
}

func (a *app) workerCommand() *cobra.Command {
	return &cobra.Command{
		Use: "worker", Short: "Run a worker against a Temporal cluster", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.serve(cmd.Context(), roles{worker: true}) },
	}
}

// roles are what a process does.
type roles struct{ engine, worker, api bool }

// serve runs the roles until the context ends.
func (a *app) serve(ctx context.Context, r roles) error {
	c, err := a.config()
	if err != nil {
		return err
	}
	log := a.logger()
	for _, warning := range c.Warnings(keysMade(c)...) {
		log.Warn("configuration", "warning", warning)
	}
	parts, err := worker.Open(ctx, c, version)
	if err != nil {
		return asUsage(err)
	}
	if err := os.MkdirAll(c.DataDir, 0o711); err != nil {
		return fault.Wrap(fault.Denied, err, "make the data folder")
	}
	return a.serveParts(ctx, parts, r, log, func(*session) {
		if r == (roles{worker: true}) {
			worker.SpareMemory()
		}
	})
}

// serveParts runs the roles on opened parts, and calls ready once all of them run.
func (a *app) serveParts(ctx context.Context, parts *worker.Parts, r roles, log *slog.Logger, ready func(*session)) error {
	c := parts.Config
	address, ui := c.Temporal.Address, ""
	running, ctx := errgroup.WithContext(ctx)
	if address == "" {
		e, err := engineFor(ctx, c, r, log)
		if err != nil {
			return err
		}
		address, ui = e.address, e.ui
		defer e.stop()
		running.Go(func() error { return e.wait(ctx) })
	}
	s, err := a.dial(ctx, c, address, log)
	if err != nil {
		return err
	}
	defer s.close()
	if !c.Temporal.Embedded() {
		if err := temporalclient.EnsureSearchAttributes(ctx, s.client, c.Temporal.Namespace, workflows.SearchAttributes()); err != nil {
			return err
		}
	}
	if r.worker || r.engine {
		if err := reconcileStreams(ctx, s, parts.Config, worker.Whose(r.engine), log); err != nil {
			return err
		}
	}
	if r.worker {
		stop, err := a.work(ctx, s, parts, log)
		if err != nil {
			return err
		}
		defer stop()
	}
	if r.api {
		api, err := a.api(ctx, s, parts, ui, log)
		if err != nil {
			return err
		}
		running.Go(func() error { return api.Serve(ctx, c.Listen) })
	}
	s.ui = ui
	ready(s)
	running.Go(func() error {
		<-ctx.Done()
		return nil
	})
	return running.Wait()
}

// reconcileStreams brings the streams of WAL in line with the configuration.
func reconcileStreams(ctx context.Context, s *session, c *config.Config, whose worker.Whose, log *slog.Logger) error {
	left, err := worker.ReconcileStreams(ctx, s.client, c, whose)
	for _, id := range left {
		log.Warn("a stream of WAL is left running whose policy this worker does not know: restart lifeboat up without the policy, "+
			"or cancel the workflow, to end it and drop its slot", "workflow", id)
	}
	return err
}

// work starts a worker and brings the schedules in line with the configuration.
func (a *app) work(ctx context.Context, s *session, parts *worker.Parts, log *slog.Logger) (stop func(), err error) {
	report, err := worker.ReconcileSchedules(ctx, s.client, parts.Config)
	if err != nil {
		return nil, err
	}
	if err := parts.EnsureSigner(); err != nil {
		return nil, err
	}
	w, err := worker.Start(s.client, parts.Activities(s.client))
	if err != nil {
		return nil, err
	}
	if err := worker.StartWatch(ctx, s.client); err != nil {
		w.Stop()
		return nil, err
	}
	go parts.NoteConfig(ctx, log)
	go func() {
		if err := worker.Housekeep(ctx, s.client, worker.Host(parts.Config.DataDir)); err != nil && ctx.Err() == nil {
			log.WarnContext(ctx, "what drills left here is not looked for before the next hour", "error", err)
		}
	}()
	log.Info("worker started", "host", worker.Host(parts.Config.DataDir),
		"created", report.Created, "changed", report.Changed, "removed", report.Removed)
	return w.Stop, nil
}

// api makes the API server, and prints the first admin key where it had to make one.
func (a *app) api(ctx context.Context, s *session, parts *worker.Parts, ui string, log *slog.Logger) (*apiserver.Server, error) {
	c := parts.Config
	keys, err := apiserver.OpenKeys(filepath.Join(c.DataDir, "keys.json"), c.Admin.Keys)
	if err != nil {
		return nil, err
	}
	created, err := keys.EnsureAdmin(ctx, c.Admin.FirstKey)
	if err != nil {
		return nil, err
	}
	if created != "" {
		fmt.Fprintf(a.out, "first admin key, shown this once: %s\n", created.Reveal())
	}
	if _, _, err := parts.Evidence(); err != nil {
		log.Warn("there will be no drills", "reason", err)
	}
	sessions := c.Pages.SessionKey
	if sessions == "" {
		if sessions, err = pages.SessionKey(filepath.Join(c.DataDir, "session.key")); err != nil {
			return nil, err
		}
	}
	log.Info("API", "url", "http://"+c.Listen, "temporal", ui)
	return apiserver.New(apiserver.Deps{
		Config: c, Launcher: s.launcher, Catalog: parts.Catalog, Stores: parts.Stores, Keys: keys,
		RestoredURL: parts.RestoredURL, RecoveredURL: parts.RecoveredURL, PITRStatus: parts.PITRStatus, PITRPlan: parts.PITRPlan,
		Ledger: parts.Ledger, Drills: parts.Drills, NoLedger: parts.NoLedger, Commitments: parts.Commitments, Coverage: parts.Coverage, Report: parts.Report,
		Status: s.launcher.Status, Tracing: s.tracing, TemporalUI: ui, Version: version, Logger: log,
		Pages: pages.With(pages.Options{
			Config: c.Pages, SessionKey: sessions, TemporalUI: ui, Namespace: c.Temporal.Namespace, Version: version, Logger: log,
		}),
	})
}

// engineRun is the embedded engine that a process uses: its own, or that of
// the `lifeboat up` on the same data folder.
type engineRun struct {
	address, ui string
	stop        func()
	wait        func(context.Context) error
}

func engineFor(ctx context.Context, c *config.Config, r roles, log *slog.Logger) (engineRun, error) {
	if !r.engine {
		found, err := engine.Find(engineDir(c))
		if err != nil {
			return engineRun{}, err
		}
		idle := func(ctx context.Context) error { <-ctx.Done(); return nil }
		return engineRun{address: found.Address, ui: found.UIURL, stop: func() {}, wait: idle}, nil
	}
	e, err := engine.Start(ctx, engineOptions(c, log))
	if err != nil {
		return engineRun{}, err
	}
	return engineRun{
		address: e.Address(), ui: e.UIURL(),
		stop: func() { _ = e.Stop(context.WithoutCancel(ctx)) },
		wait: func(ctx context.Context) error {
			select {
			case <-ctx.Done():
				return nil
			case err := <-e.Failed():
				return err
			}
		},
	}, nil
}

func engineOptions(c *config.Config, log *slog.Logger) engine.Options {
	return engine.Options{
		Dir: engineDir(c), Namespace: c.Temporal.Namespace, SearchAttributes: workflows.SearchAttributes(), Logger: log,
	}
}
