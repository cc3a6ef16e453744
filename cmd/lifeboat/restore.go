package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// restoreFlags are the flags of snapshot restore.
type restoreFlags struct {
	to      string
	inPlace bool
	confirm string
	replace bool
	wait    bool
	tables  []string
	schemas []string

	selection surface.Selection
	conflict  string
	dryRun    bool
}

func (a *app) snapshotRestore() *cobra.Command {
	f := restoreFlags{}
	cmd := &cobra.Command{
		Use:   "restore ID|URI",
		Short: "Restore a recovery point: into an isolated server, a target, or in place",
		Args:  exactly("ID"),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			parts, err := a.open(ctx)
			if err != nil {
				return err
			}
			p, err := parts.Catalog.Find(ctx, args[0])
			if err != nil {
				return err
			}
			in, err := f.input(parts, p)
			if err != nil {
				return usageError{err}
			}
			return a.restore(ctx, parts, in, f.wait)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.to, "to", "isolated", "isolated (a server that Lifeboat starts), the name of a target, or a URL")
	flags.BoolVar(&f.inPlace, "in-place", false, "replace what the live surface holds")
	flags.StringVar(&f.confirm, "confirm", "", "the surface's name, to confirm an in-place restore")
	flags.BoolVar(&f.replace, "replace", false, "permit a target that is not empty")
	flags.BoolVar(&f.wait, "wait", true, "wait until it is done, and show the progress")
	flags.StringSliceVar(&f.tables, "table", nil, "restore only this table (schema.table; may be repeated)")
	flags.StringSliceVar(&f.schemas, "schema", nil, "restore only this schema (may be repeated)")
	flags.StringSliceVar(&f.selection.Resources, "resource", nil, "restore only this type of a cluster's resources (PLURAL or PLURAL.GROUP; may be repeated)")
	flags.StringSliceVar(&f.selection.Names, "name", nil, "restore only resources of this name (NAME or NAMESPACE/NAME; may be repeated)")
	flags.StringVar(&f.selection.Labels, "selector", "", "restore only resources that this label selector matches")
	flags.StringVar(&f.conflict, "conflict", "", "what becomes of things that the target has already: "+strings.Join(surface.Conflicts, ", "))
	flags.BoolVar(&f.dryRun, "dry-run", false, "change nothing: show what would be changed")
	return cmd
}

// input checks the flags against each other and the configuration.
func (f restoreFlags) input(parts *worker.Parts, p catalog.Point) (workflows.RestoreInput, error) {
	in := workflows.RestoreInput{Point: ref(p), Replace: f.replace, InPlace: f.inPlace, Confirm: f.confirm}
	in.Selection = f.selection
	in.Selection.Tables, in.Selection.Schemas = f.tables, f.schemas
	in.Conflict, in.DryRun = f.conflict, f.dryRun
	if f.conflict != "" && !slices.Contains(surface.Conflicts, f.conflict) {
		return in, fmt.Errorf("--conflict must be one of %s", strings.Join(surface.Conflicts, ", "))
	}
	what, live := parts.Config.LiveTarget(p.SurfaceKind, secret.String(f.to), clients.Same)
	switch {
	case f.inPlace && surface.InPlace(p.SurfaceKind) != nil:
		return in, surface.InPlace(p.SurfaceKind)
	case f.inPlace && f.to != "isolated":
		return in, fmt.Errorf("--in-place and --to %s contradict each other", f.to)
	case f.inPlace && f.confirm != p.Surface:
		return in, fmt.Errorf("an in-place restore replaces what %s holds now: add --confirm %s", p.Surface, p.Surface)
	case f.inPlace:
	case f.dryRun && f.to == "isolated":
		return in, errors.New("--dry-run is for a restore to a target or in place: an isolated restore begins with nothing")
	case f.to == "isolated":
		in.Isolated = true
	case strings.Contains(f.to, "://") && live:
		return in, fmt.Errorf("--to names %s, or what is in it: to restore over what is live use --in-place --confirm SURFACE", what)
	case strings.Contains(f.to, "://"):
		// A URL has a password in it, which no history may show.
		sealed, err := parts.Keys.SealSecret(secret.String(f.to))
		in.SealedURL = sealed
		return in, fault.While(err, "--to with a URL")
	default:
		targets := parts.Config.Targets
		if _, ok := targets[f.to]; !ok {
			return in, fmt.Errorf("--to takes isolated, a URL, or a target of the configuration (%s), not %q", names(targets), f.to)
		}
		in.Target = f.to
	}
	return in, nil
}

// restored is what a finished restore prints.
type restored struct {
	workflows.RestoreResult
	// URL connects to the restored server at once; it has the password in it.
	URL        string `json:"url,omitempty"`
	WorkflowID string `json:"workflowId"`
}

func (a *app) restore(ctx context.Context, parts *worker.Parts, in workflows.RestoreInput, wait bool) error {
	var out restored
	return work(ctx, a, parts.Config, wait, "restore of "+in.Point.ID, (*launch.Launcher).Restore, in, &out.RestoreResult, func(started launch.Started) error {
		var err error
		if out.URL, err = parts.RestoredURL(out.RestoreResult); err != nil && !fault.Is(err, fault.Missing) {
			return err
		}
		out.WorkflowID, out.SealedURL = started.WorkflowID, ""
		return a.show(out, func() error { return a.restoreFields(out) })
	})
}

func (a *app) restoreFields(r restored) error {
	if r.State == "compared" {
		return a.changes(r.Changes)
	}
	err := a.fields("id", r.ID, "point", r.Point, "surface", r.Surface, "state", r.State, "url", r.URL, "host", r.Host,
		"compared", fmt.Sprintf("%d entries, all equal", r.Compared), "safety point", r.SafetyPoint, "note", strings.Join(r.Notes, "; "), "kept", r.Kept, "workflow", r.WorkflowID)
	if err != nil {
		return err
	}
	fmt.Fprintln(a.out)
	rows := make([][]string, len(r.Steps))
	for i, step := range r.Steps {
		rows[i] = []string{step.Name, seconds(step.Seconds)}
	}
	if err := a.table([]string{"STEP", "TOOK"}, rows); err != nil {
		return err
	}
	if r.URL != "" && r.Host != "" {
		fmt.Fprintf(a.out, "\nThe restored server runs until you say: lifeboat environment stop %s\n", r.ID)
	}
	return nil
}

// changes shows what a dry run found.
func (a *app) changes(found []surface.Change) error {
	if len(found) == 0 {
		_, err := fmt.Fprintln(a.out, "nothing would be changed")
		return err
	}
	rows := make([][]string, len(found))
	for i, c := range found {
		rows[i] = []string{c.Action, c.Kind, c.Name, strings.Join(c.Fields, ", ")}
	}
	return a.table([]string{"ACTION", "KIND", "NAME", "FIELDS"}, rows)
}
