package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

func (a *app) pitrCommand() *cobra.Command {
	return group("pitr", "Say which moments a database can be put back to, and put it back", a.pitrStatus(), a.pitrRestore(), a.pitrDelete())
}

func (a *app) pitrStatus() *cobra.Command {
	var storeName string
	cmd := &cobra.Command{
		Use: "status SURFACE", Short: "Show the window, its gaps, the lag, and what the slot holds back", Args: exactly("SURFACE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			parts, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			if err := knownDatabase(parts, args[0]); err != nil {
				return err
			}
			status, err := parts.PITRStatus(cmd.Context(), args[0], storeName)
			if err != nil {
				return err
			}
			return a.show(status, func() error {
				if provider := parts.Config.Provider(args[0], storeName); provider != nil {
					return a.fields("surface", status.Surface, "provider", provider.Kind, "instance", provider.Instance,
						"earliest", when(status.Earliest), "latest", when(status.Latest))
				}
				return a.pitrFields(status)
			})
		},
	}
	cmd.Flags().StringVar(&storeName, "store", "", "where to look (default: the store of the surface's WAL)")
	return cmd
}

// knownDatabase refuses what is no PostgreSQL surface of the configuration.
func knownDatabase(parts *worker.Parts, name string) error {
	c, ok := parts.Config.Surfaces[name]
	if !ok {
		return usageError{fmt.Errorf("surface %q is not in the configuration: it has %s", name, names(parts.Config.Surfaces))}
	}
	if c.Kind != "postgres" {
		return usageError{fmt.Errorf("surface %s is of kind %s: only PostgreSQL can be put back to a moment", name, c.Kind)}
	}
	return nil
}

func (a *app) pitrFields(s pitr.Status) error {
	pairs := []string{
		"surface", s.Surface, "store", s.Store,
		"earliest", when(s.Earliest), "latest", when(s.Latest), "latest LSN", s.LatestLSN.String(), "timeline", strconv.Itoa(int(s.Timeline)),
		"base backups", strconv.Itoa(s.Bases), "segments", fmt.Sprintf("%d, %s", s.Segments, size(s.Bytes)),
	}
	if l := s.Lag; l != nil {
		pairs = append(pairs, "server at", l.ServerLSN.String(), "lag", fmt.Sprintf("%s, %s", size(l.Bytes), seconds(l.Seconds)))
		if l.Slot != "" {
			pairs = append(pairs, "slot", fmt.Sprintf("%s holds back %s of at most %s", l.Slot, size(l.HeldBack), size(l.HoldBackLimit)))
		}
	}
	if s.ServerProblem != "" {
		pairs = append(pairs, "server", s.ServerProblem)
	}
	if err := a.fields(pairs...); err != nil {
		return err
	}
	for _, alarm := range s.Alarms {
		fmt.Fprintf(a.out, "ALARM: %s\n", alarm)
	}
	return nil
}

// recoverFlags are the flags of pitr restore.
type recoverFlags struct {
	at, store, dir string
	port           int
	wait           bool
}

func (a *app) pitrRestore() *cobra.Command {
	f := recoverFlags{}
	cmd := &cobra.Command{
		Use: "restore SURFACE --at WHEN", Short: "Put a database back to a moment, in an isolated server", Args: exactly("SURFACE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, err := f.input(args[0])
			if err != nil {
				return usageError{err}
			}
			parts, err := a.open(cmd.Context())
			if err != nil {
				return err
			}
			if err := knownDatabase(parts, args[0]); err != nil {
				return err
			}
			if err := checkProvider(parts.Config, in); err != nil {
				return err
			}
			if in.Dir != "" || in.Port != 0 {
				in.Host = worker.Host(parts.Config.DataDir)
			}
			return a.recover(cmd.Context(), parts, in, f.wait)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.at, "at", "", "RFC 3339 time, latest, LSN, or transaction ID, each with @ and a timeline to follow if need be (latest@1), or the name of a restore point")
	flags.StringVar(&f.store, "store", "", "where to read from (default: the store of the surface's WAL)")
	flags.StringVar(&f.dir, "dir", "", "data directory to make on this host (default: one of Lifeboat's own)")
	flags.IntVar(&f.port, "port", 0, "port of the restored server on 127.0.0.1 (default: a free one)")
	flags.BoolVar(&f.wait, "wait", true, "wait until it is done, and show the progress")
	return cmd
}

func (f recoverFlags) input(surface string) (workflows.RecoverInput, error) {
	in := workflows.RecoverInput{Surface: surface, At: f.at, Store: f.store, Port: f.port}
	if f.at == "" {
		return in, fmt.Errorf("--at is missing: say when, as an RFC 3339 time, latest, an LSN, a transaction ID, or the name of a restore point")
	}
	if _, err := pitr.ParseTarget(f.at); err != nil {
		return in, fmt.Errorf("--at: %w", err)
	}
	if f.port < 0 || f.port > 65535 {
		return in, fmt.Errorf("--port %d is not a port", f.port)
	}
	if f.dir != "" {
		dir, err := filepath.Abs(f.dir)
		if err != nil {
			return in, fmt.Errorf("--dir: %w", err)
		}
		in.Dir = dir
	}
	return in, nil
}

// recovered is what a finished recovery prints.
type recovered struct {
	workflows.RecoverResult
	// URL connects to the recovered server at once; it has the password in it.
	URL        string `json:"url,omitempty"`
	WorkflowID string `json:"workflowId"`
}

func (a *app) recover(ctx context.Context, parts *worker.Parts, in workflows.RecoverInput, wait bool) error {
	var out recovered
	return work(ctx, a, parts.Config, wait, "recovery of "+in.Surface+" to "+in.At, (*launch.Launcher).Recover, in, &out.RecoverResult, func(started launch.Started) error {
		var err error
		if out.URL, err = parts.RecoveredURL(out.RecoverResult); err != nil && !fault.Is(err, fault.Missing) {
			return err
		}
		out.WorkflowID, out.SealedURL = started.WorkflowID, ""
		return a.show(out, func() error { return a.recoveredFields(out) })
	})
}

func (a *app) recoveredFields(r recovered) error {
	err := a.fields("id", r.ID, "surface", r.Surface, "state", r.State, "base backup", r.Point,
		"provider", r.Provider, "instance", r.Instance, "asked", r.Asked, "reached", reachedText(r.Reached), "url", r.URL, "directory", r.Dir, "host", r.Host, "workflow", r.WorkflowID)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	for _, check := range r.Checks {
		fmt.Fprintf(a.out, "%s: %s\n", check.Name, check.Result)
	}
	rows := make([][]string, len(r.Steps))
	for i, step := range r.Steps {
		rows[i] = []string{step.Name, seconds(step.Seconds)}
	}
	if err := a.table([]string{"STEP", "TOOK"}, rows); err != nil {
		return err
	}
	stop := "lifeboat environment stop " + r.ID
	if r.Provider != "" {
		stop = "lifeboat pitr delete " + r.Surface + " " + r.ID
	}
	fmt.Fprintf(a.out, "\nThe recovered server runs until you say: %s\n", stop)
	return nil
}

func reachedText(r activities.Reached) string {
	var facts []string
	if !r.Promised.IsZero() {
		facts = append(facts, when(r.Promised)+" by the provider's word")
	}
	if r.LSN != 0 {
		facts = append(facts, "LSN "+r.LSN.String())
	}
	if r.Timeline != 0 {
		facts = append(facts, "timeline "+strconv.Itoa(int(r.Timeline)))
	}
	if !r.Time.IsZero() {
		facts = append(facts, "last transaction "+r.Time.UTC().Format("2006-01-02T15:04:05.999999Z"))
	}
	return strings.Join(facts, ", ")
}
