package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/engine"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/gitfile"
	"github.com/lifeboat-dr/lifeboat/worker"
)

// checkTimeout bounds each look at something outside.
const checkTimeout = 10 * time.Second

// checked is one line of `lifeboat check`.
type checked struct {
	What   string `json:"what"`
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}

func (a *app) checkCommand() *cobra.Command {
	return &cobra.Command{
		Use: "check", Short: "Check the configuration, and reach everything it names", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := a.config()
			if err != nil {
				return err
			}
			parts, err := worker.Open(cmd.Context(), c, version)
			if err != nil {
				return asUsage(err)
			}
			lines := a.checkAll(cmd.Context(), parts)
			failed := 0
			for _, l := range lines {
				if !l.OK {
					failed++
				}
			}
			if err := a.show(lines, func() error { return a.checkTable(lines, c) }); err != nil {
				return err
			}
			if failed > 0 {
				return fault.New(fault.Unavailable, "%d of %d checks failed", failed, len(lines))
			}
			return nil
		},
	}
}

func (a *app) checkTable(lines []checked, c *config.Config) error {
	rows := make([][]string, len(lines))
	for i, l := range lines {
		state := "ok"
		if !l.OK {
			state = "FAILED"
		}
		rows[i] = []string{state, l.What, l.Name, l.Detail}
	}
	if err := a.table([]string{"", "WHAT", "NAME", "DETAIL"}, rows); err != nil {
		return err
	}
	for _, warning := range c.Warnings(keysMade(c)...) {
		fmt.Fprintf(a.err, "warning: %s\n", warning)
	}
	return nil
}

// keysMade are the names of the API keys that were made at run time; none where
// their file can't be read, of which the API server tells.
func keysMade(c *config.Config) []string {
	keys, err := apiserver.OpenKeys(filepath.Join(c.DataDir, "keys.json"), c.Admin.Keys)
	if err != nil {
		return nil
	}
	all, err := keys.List()
	if err != nil {
		return nil
	}
	names := make([]string, len(all))
	for i, key := range all {
		names[i] = key.ID
	}
	return names
}

func (a *app) checkAll(ctx context.Context, parts *worker.Parts) []checked {
	lines := []checked{}
	look := func(what, name string, do func(context.Context) (string, error)) {
		ctx, cancel := context.WithTimeout(ctx, checkTimeout)
		defer cancel()
		detail, err := do(ctx)
		if err != nil {
			detail = fault.Line(err)
		}
		lines = append(lines, checked{What: what, Name: name, OK: err == nil, Detail: detail})
	}
	for _, name := range sortedNames(parts.Stores) {
		look("store", name, func(ctx context.Context) (string, error) {
			return parts.Config.Stores[name].Kind, parts.Stores[name].Check(ctx)
		})
	}
	for _, name := range sortedNames(parts.Surfaces) {
		look("surface", name, func(ctx context.Context) (string, error) {
			s, err := parts.Surfaces[name].Probe(ctx)
			return fmt.Sprintf("%s %s, %s", s.Product, s.Version, size(s.Bytes)), err
		})
	}
	for _, name := range sortedNames(parts.Managed) {
		look("provider", name, func(ctx context.Context) (string, error) {
			w, err := parts.Managed[name].Window(ctx)
			return fmt.Sprintf("%s, %s to %s", parts.Config.Surfaces[name].Managed.Kind, when(w.Earliest), when(w.Latest)), err
		})
	}
	for _, name := range sortedNames(parts.Places) {
		look("environment", name, func(ctx context.Context) (string, error) {
			there, err := parts.Places[name].IDs(ctx)
			return fmt.Sprintf("%s; %d there now", parts.Places[name].Where(), len(there)), err
		})
	}
	for _, name := range replicated(parts.Config) {
		look("replication", name, func(ctx context.Context) (string, error) { return parts.CheckReplication(ctx, name) })
	}
	if len(parts.Config.Drills) > 0 {
		look("evidence", parts.Config.EvidenceStore(), func(ctx context.Context) (string, error) { return checkLedger(ctx, parts) })
	}
	for _, name := range sortedNames(parts.Config.Drills) {
		if book := parts.Config.Drills[name].Runbook; book != nil {
			look("runbook", name, func(ctx context.Context) (string, error) {
				commit, err := gitfile.Commit(ctx, book.Repository, book.Ref, book.File)
				return book.File + " at " + commit, err
			})
		}
	}
	for _, name := range sortedNames(parts.Config.Alerts.Channels) {
		look("channel", name, func(context.Context) (string, error) {
			_, err := activities.OpenChannel(parts.Config, name)
			return parts.Config.Alerts.Channels[name].Kind + "; lifeboat alerts test " + name + " sends a message", err
		})
	}
	look("temporal", "engine", func(ctx context.Context) (string, error) { return a.checkEngine(ctx, parts.Config) })
	return lines
}

// checkLedger reads the signed head of the ledger.
func checkLedger(ctx context.Context, parts *worker.Parts) (string, error) {
	ledger, _, err := parts.Evidence()
	if err != nil {
		return "", err
	}
	head, err := ledger.Head(ctx)
	if err != nil || head.Size == 0 {
		return "nothing in the ledger yet", err
	}
	return fmt.Sprintf("%d entries, signed by %s", head.Size, head.SignedBy), nil
}

// replicated are the surfaces whose policies need a replication connection, in order of name.
func replicated(c *config.Config) []string {
	found := map[string]bool{}
	for _, p := range c.Policies {
		if p.Kind == config.KindBase || p.Kind == config.KindWAL && !p.Push {
			found[p.Surface] = true
		}
	}
	return sortedNames(found)
}

func (a *app) checkEngine(ctx context.Context, c *config.Config) (string, error) {
	address := c.Temporal.Address
	if c.Temporal.Embedded() {
		running, err := engine.Find(engineDir(c))
		if fault.Is(err, fault.Missing) {
			return "embedded, not running: `lifeboat up` starts it", nil
		}
		if err != nil {
			return "", err
		}
		address = running.Address
	}
	s, err := a.dial(ctx, c, address, a.quietLogger())
	if err != nil {
		return "", err
	}
	defer s.close()
	return address, s.launcher.Health(ctx)
}
