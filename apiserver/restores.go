package apiserver

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Where a restore may go to, beside the names of targets.
const (
	toIsolated = "isolated"
	toInPlace  = "in-place"
)

type restoreInput struct {
	Idempotent
	Body struct {
		URI string `json:"uri,omitempty" maxLength:"1024" doc:"The recovery point, by its URI or its ID."`
		ID  string `json:"id,omitempty" maxLength:"100" doc:"Another way to name it."`
		To  string `json:"to,omitempty" default:"isolated" maxLength:"63" doc:"isolated (a server of its own), in-place (the live surface), or the name of a target."`

		Confirm string   `json:"confirm,omitempty" maxLength:"63" doc:"The surface's name, for in-place."`
		Replace bool     `json:"replace,omitempty" doc:"Permits a target that is not empty."`
		Tables  []string `json:"tables,omitempty" nullable:"false" maxItems:"1000" doc:"Only these tables, as schema.table."`
		Schemas []string `json:"schemas,omitempty" nullable:"false" maxItems:"1000" doc:"Only these schemas."`

		Resources []string `json:"resources,omitempty" nullable:"false" maxItems:"1000" doc:"Only these types of a cluster's resources, as PLURAL or PLURAL.GROUP."`
		Names     []string `json:"names,omitempty" nullable:"false" maxItems:"1000" doc:"Only resources of these names, as NAME or NAMESPACE/NAME."`
		Labels    string   `json:"labels,omitempty" maxLength:"1024" doc:"Only resources that this label selector matches."`
		Conflict  string   `json:"conflict,omitempty" enum:"fail,skip,update" doc:"What becomes of things that a target has already; default fail. update is for the role admin, but in an isolated restore or a dry run."`
		DryRun    bool     `json:"dryRun,omitempty" doc:"Changes nothing: the result says what would be changed."`
	}
}

const restoreAction = "snapshot.restore"

func (s *Server) restoreSnapshot(ctx context.Context, in *restoreInput) (*startedOutput, error) {
	asked := cmp.Or(in.Body.URI, in.Body.ID)
	input, p, err := s.planRestore(ctx, in)
	if err != nil {
		return nil, s.failed(ctx, restoreAction, asked+" to "+in.Body.To, err)
	}
	return s.start(ctx, work{
		action: restoreAction, target: p.ID + " to " + in.Body.To, key: in.Key, path: "/v1/admin/restores/",
		answer: Started{Operation: workflows.OperationRestore, Surface: p.Surface, Kind: p.Kind},
		launch: func(ctx context.Context, req launch.Request) (launch.Started, error) {
			return s.launcher.Restore(ctx, req, input)
		},
	})
}

// planRestore checks everything about a restore that can be known before it starts.
func (s *Server) planRestore(ctx context.Context, in *restoreInput) (workflows.RestoreInput, catalog.Point, error) {
	b := &in.Body
	b.To = cmp.Or(b.To, toIsolated)
	none := workflows.RestoreInput{}
	if err := s.mayRestore(ctx, in); err != nil {
		return none, catalog.Point{}, err
	}
	switch {
	case b.URI == "" && b.ID == "":
		return none, catalog.Point{}, fault.New(fault.Invalid, "uri is missing: name the recovery point by its URI or ID")
	case b.URI != "" && b.ID != "" && b.URI != b.ID:
		return none, catalog.Point{}, fault.New(fault.Invalid, "uri and id both name a recovery point; send one")
	}
	p, err := s.readable(ctx, cmp.Or(b.URI, b.ID))
	if err != nil {
		return none, p, err
	}
	out := workflows.RestoreInput{
		Point: refOf(p), Replace: b.Replace, Conflict: b.Conflict, DryRun: b.DryRun,
		Selection: surface.Selection{Schemas: b.Schemas, Tables: b.Tables, Resources: b.Resources, Names: b.Names, Labels: b.Labels},
	}
	if err := checkSelection(p, out.Selection); err != nil {
		return none, p, err
	}
	switch b.To {
	case toIsolated:
		out.Isolated = true
	case toInPlace:
		if err := s.checkInPlace(p, b.Confirm); err != nil {
			return none, p, err
		}
		out.InPlace, out.Confirm = true, b.Confirm
	default:
		if err := s.checkTarget(p, b.To); err != nil {
			return none, p, err
		}
		out.Target = b.To
	}
	return out, p, nil
}

// mayRestore refuses what the key's role does not reach, and what makes no sense together.
func (s *Server) mayRestore(ctx context.Context, in *restoreInput) error {
	b := &in.Body
	if b.DryRun && b.To == toIsolated {
		return fault.New(fault.Invalid, "dryRun is for a restore to a target or in place: an isolated restore begins with nothing")
	}
	if b.To == toInPlace {
		if err := requireAdmin(ctx, "a restore in place"); err != nil {
			return err
		}
	} else if b.Confirm != "" {
		return fault.New(fault.Invalid, "confirm is for a restore in place; say \"to\": \"in-place\" if that is meant")
	}
	if b.Conflict == surface.ConflictUpdate && b.To != toIsolated && !b.DryRun {
		if err := requireAdmin(ctx, "changing what a target holds"); err != nil {
			return err
		}
	}
	if !b.Replace {
		return nil
	}
	if b.To == toInPlace || b.To == toIsolated {
		return fault.New(fault.Invalid, "replace is for a restore to a target, and means nothing for %s", b.To)
	}
	return requireAdmin(ctx, "replacing what a target holds")
}

func (s *Server) checkInPlace(p catalog.Point, confirm string) error {
	if _, known := s.config.Surfaces[p.Surface]; !known {
		return fault.New(fault.Missing, "the point is of the surface %q, which is not in the configuration; "+
			"restore it isolated or to a target", p.Surface)
	}
	if err := surface.InPlace(p.SurfaceKind); err != nil {
		return err
	}
	if confirm != p.Surface {
		return fault.New(fault.Invalid, "a restore in place replaces what the live surface %s holds: "+
			"confirm it with \"confirm\": %q", p.Surface, p.Surface)
	}
	return nil
}

func (s *Server) checkTarget(p catalog.Point, name string) error {
	target, known := s.config.Targets[name]
	if !known {
		return fault.New(fault.Missing, "there is no target %q: to may be isolated, in-place, or one of the targets (%s)",
			clip(name), listed(s.config.Targets))
	}
	if target.Kind != p.SurfaceKind {
		return fault.New(fault.Invalid, "the target %s is of kind %s, and the point is of kind %s", name, target.Kind, p.SurfaceKind)
	}
	return nil
}

func checkSelection(p catalog.Point, selection surface.Selection) error {
	if selection.All() {
		return nil
	}
	onCluster := p.SurfaceKind == surface.KindKubernetes || p.SurfaceKind == surface.KindVelero
	switch tables := len(selection.Tables)+len(selection.Schemas) > 0; {
	case tables && p.SurfaceKind != surface.KindPostgres:
		return fault.New(fault.Unsupported, "tables and schemas can be chosen from a PostgreSQL point only, and this one is of kind %s", p.SurfaceKind)
	case !tables && !onCluster:
		return fault.New(fault.Unsupported, "resources can be chosen from a point of a Kubernetes cluster only, and this one is of kind %s", p.SurfaceKind)
	}
	for _, table := range selection.Tables {
		if schema, name, found := strings.Cut(table, "."); !found || schema == "" || name == "" {
			return fault.New(fault.Invalid, "table %q must be written as schema.table", clip(table))
		}
	}
	if slices.Contains(selection.Schemas, "") {
		return fault.New(fault.Invalid, "a schema's name may not be empty")
	}
	return nil
}

// Restore is a restore with what came of it.
type Restore struct {
	launch.Run
	// URL connects to the restored server at once.
	URL      string                   `json:"url,omitempty" doc:"Connects to the restored server at once; not shown to viewers."`
	Result   *workflows.RestoreResult `json:"result,omitempty" doc:"What was restored, once it is done."`
	Progress *launch.Progress         `json:"progress,omitempty" doc:"How far it is, while it runs and says so."`
}

type restoreOutput struct{ Body Restore }

func (s *Server) getRestore(ctx context.Context, in *PathID) (*restoreOutput, error) {
	run, result, err := finished[workflows.RestoreResult](ctx, s, workflows.OperationRestore, in.ID)
	out := &restoreOutput{Body: Restore{Run: run, Result: result}}
	if err != nil || result == nil {
		out.Body.Progress = s.progressOf(ctx, run)
		return out, err
	}
	if s.restoredURL != nil && identityOf(ctx).Role.Includes(Operator) {
		// The restore is done whether or not its URL can be known here.
		if out.Body.URL, err = s.restoredURL(*result); err != nil && !fault.Is(err, fault.Missing) {
			s.log.WarnContext(ctx, "the URL of a restored server can't be read", "restore", run.ID, "error", err)
		}
	}
	result.SealedURL = ""
	return out, nil
}

// finished returns a run, and its result once there is one.
func finished[R any](ctx context.Context, s *Server, operation, id string) (launch.Run, *R, error) {
	run, err := s.launcher.Find(ctx, operation, id)
	if fault.Is(err, fault.Missing) {
		return run, nil, fault.New(fault.Missing, "there is no %s %q", operation, clip(id))
	}
	if err != nil || run.State != "done" {
		return run, nil, err
	}
	result := new(R)
	err = s.launcher.Wait(ctx, launch.Started{ID: run.ID, WorkflowID: run.WorkflowID, RunID: run.RunID}, result)
	return run, result, err
}
