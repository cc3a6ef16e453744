package apiserver

import (
	"cmp"
	"context"
	"net/url"
	"strconv"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// Snapshot is a recovery point, or a run that is to make one.
type Snapshot struct {
	ID          string `json:"id"`
	Surface     string `json:"surface"`
	SurfaceKind string `json:"surfaceKind,omitempty"`
	Kind        string `json:"kind"`
	State       string `json:"state" doc:"sealed, verified, proven or corrupt; running, failed or cancelled while there is no recovery point."`
	// URI is the folder on the store, with a leading slash.
	URI        string     `json:"uri,omitempty"`
	Store      string     `json:"store,omitempty"`
	CreatedAt  time.Time  `json:"createdAt"`
	VerifiedAt *time.Time `json:"verifiedAt,omitempty"`
	ProvenAt   *time.Time `json:"provenAt,omitempty"`
	ProvenOn   string     `json:"provenOn,omitempty" doc:"The store whose copy was proven, where that is not store."`
	Bytes      int64      `json:"bytes"`
	PlainBytes int64      `json:"plainBytes"`
	Parts      int        `json:"parts"`
	Copies     []string   `json:"copies,omitempty" nullable:"false"`
	Policy     string     `json:"policy,omitempty"`
	Reason     string     `json:"reason,omitempty"`
	WorkflowID string     `json:"workflowId"`
	Error      string     `json:"error,omitempty" doc:"Why there is no recovery point, or why it can't be read."`
	// Missing names what could not be read of the source.
	Missing []string `json:"missing,omitempty" nullable:"false" doc:"What could not be read of the source, and why: such a recovery point is partial."`
	// Verification is the latest one, where the point was not verified since.
	Verification *launch.Run      `json:"verification,omitempty" doc:"The latest verification, unless it succeeded."`
	Progress     *launch.Progress `json:"progress,omitempty" doc:"How far the run is that makes it, while it says so."`
	UnderWay     bool             `json:"underWay,omitempty" doc:"There is a recovery point, and the run that made it is still at work: it reads it back, or copies it."`
}

func snapshotOf(p catalog.Point) Snapshot {
	return Snapshot{
		ID: p.ID, Surface: p.Surface, SurfaceKind: p.SurfaceKind, Kind: p.Kind, State: p.State, URI: p.URI, Store: p.Store,
		CreatedAt: p.CreatedAt, VerifiedAt: p.VerifiedAt, ProvenAt: p.ProvenAt, ProvenOn: p.ProvenOn, Bytes: p.Bytes, PlainBytes: p.PlainBytes,
		Parts: p.Parts, Copies: p.Copies, Policy: p.Policy, Reason: p.Reason, WorkflowID: p.WorkflowID, Error: p.Error,
		Missing: p.Missing,
	}
}

type createInput struct {
	Idempotent
	Body struct {
		Database string `json:"database,omitempty" doc:"The surface to take a snapshot of."`
		Surface  string `json:"surface,omitempty" doc:"Another name for database."`
		Kind     string `json:"kind,omitempty" doc:"snapshot (the default), or base for a base backup of PostgreSQL."`
		Store    string `json:"store,omitempty" doc:"Where to; default is the store of the surface's policy."`
	}
}

const createAction = "snapshot.create"

func (s *Server) createSnapshot(ctx context.Context, in *createInput) (*startedOutput, error) {
	name, err := s.surfaceToSave(in)
	kind := cmp.Or(in.Body.Kind, config.KindSnapshot)
	if err == nil {
		err = s.checkDestination(ctx, name, kind, in.Body.Store)
	}
	if err != nil {
		return nil, s.failed(ctx, createAction, in.Body.Database+in.Body.Surface, err)
	}
	return s.start(ctx, work{
		action: createAction, target: name, key: in.Key, path: "/v1/admin/snapshots/",
		answer: Started{Operation: workflows.OperationSnapshot, Surface: name, Kind: kind},
		launch: func(ctx context.Context, req launch.Request) (launch.Started, error) {
			return s.launcher.Snapshot(ctx, req, workflows.SnapshotInput{Surface: name, Kind: kind, Store: in.Body.Store})
		},
	})
}

// surfaceToSave is the surface that a request names under either of two names.
func (s *Server) surfaceToSave(in *createInput) (string, error) {
	name := in.Body.Database
	switch {
	case name == "":
		name = in.Body.Surface
	case in.Body.Surface != "" && in.Body.Surface != name:
		return "", fault.New(fault.Invalid, "database and surface are two names of one thing, and differ; send one")
	}
	if name == "" {
		return "", fault.New(fault.Invalid, "database is missing: name the surface to take a snapshot of (%s)", s.surfaceNames())
	}
	if _, known := s.config.Surfaces[name]; !known {
		return "", s.unknownSurface(name)
	}
	switch in.Body.Kind {
	case "", config.KindSnapshot:
		return name, nil
	case config.KindBase:
		return name, s.database(name)
	default:
		return "", fault.New(fault.Invalid, "kind %q must be snapshot or base", clip(in.Body.Kind))
	}
}

// checkDestination asks the store that a snapshot would go to whether it can be used.
func (s *Server) checkDestination(ctx context.Context, surfaceName, kind, asked string) error {
	if len(s.stores) == 0 {
		return fault.New(fault.Conflict, "no store is configured: set SNAPSHOTS_STORAGE_PROVIDER to s3, azure or local "+
			"with the variables it needs, or add one under stores in lifeboat.yaml")
	}
	if asked == "" {
		asked = s.config.FirstStore(surfaceName, kind)
	}
	st, known := s.stores[asked]
	if !known {
		return s.unknownStore(asked)
	}
	return checkStore(ctx, asked, st)
}

type listInput struct {
	Surface string `query:"surface" maxLength:"63" doc:"Only points of this surface."`
	Store   string `query:"store" maxLength:"63" doc:"Only points on this store."`
	Limit   int    `query:"limit" minimum:"1" maximum:"1000" default:"50"`
	Before  string `query:"before" maxLength:"100" doc:"Only points older than the one with this ID."`
}

type listOutput struct {
	Link string     `header:"Link" doc:"rel=next leads to older points."`
	Body []Snapshot `nullable:"false"`
}

func (s *Server) listSnapshots(ctx context.Context, in *listInput) (*listOutput, error) {
	if _, known := s.stores[in.Store]; in.Store != "" && !known {
		return nil, s.unknownStore(in.Store)
	}
	// A surface that is no longer configured may still have points.
	points, err := s.catalog.List(ctx, catalog.Query{Surface: in.Surface, Store: in.Store, Limit: in.Limit, Before: in.Before})
	if err != nil {
		return nil, err
	}
	out := &listOutput{Body: make([]Snapshot, 0, len(points))}
	for _, p := range points {
		out.Body = append(out.Body, snapshotOf(p))
	}
	if len(points) == in.Limit {
		next := url.Values{"limit": {strconv.Itoa(in.Limit)}, "before": {points[len(points)-1].ID}}
		if in.Surface != "" {
			next.Set("surface", in.Surface)
		}
		if in.Store != "" {
			next.Set("store", in.Store)
		}
		out.Link = "</v1/admin/snapshots?" + next.Encode() + `>; rel="next"`
	}
	return out, nil
}

type snapshotOutput struct{ Body Snapshot }

// getSnapshot shows the point as the store has it; before there is one, the run that is to make it.
func (s *Server) getSnapshot(ctx context.Context, in *PathID) (*snapshotOutput, error) {
	p, err := s.catalog.Find(ctx, in.ID)
	if fault.Is(err, fault.Missing) {
		return s.snapshotUnderWay(ctx, in.ID)
	}
	if err != nil {
		return nil, err
	}
	out := &snapshotOutput{Body: snapshotOf(p)}
	if p.VerifiedAt == nil {
		run, err := s.launcher.Find(ctx, workflows.OperationVerify, p.ID)
		if err == nil {
			out.Body.Verification = &run
		}
		made, err := s.launcher.Find(ctx, workflows.OperationSnapshot, p.ID)
		if out.Body.UnderWay = err == nil && made.State == "running"; out.Body.UnderWay {
			out.Body.Progress = s.progressOf(ctx, made)
		}
	}
	return out, nil
}

func (s *Server) snapshotUnderWay(ctx context.Context, id string) (*snapshotOutput, error) {
	run, err := s.launcher.Find(ctx, workflows.OperationSnapshot, id)
	if fault.Is(err, fault.Missing) || err == nil && run.State == "done" {
		// A run that is done has a point, unless that was deleted since.
		return nil, fault.New(fault.Missing, "there is no recovery point %q, and no run that makes it", clip(id))
	}
	if err != nil {
		return nil, err
	}
	return &snapshotOutput{Body: Snapshot{
		ID: id, Surface: run.Surface, Kind: config.KindSnapshot, State: run.State, CreatedAt: run.Started,
		WorkflowID: run.WorkflowID, Error: run.Error, Progress: s.progressOf(ctx, run),
	}}, nil
}

type verifyInput struct {
	Idempotent
	PathID
}

const verifyAction = "snapshot.verify"

func (s *Server) verifySnapshot(ctx context.Context, in *verifyInput) (*startedOutput, error) {
	p, err := s.readable(ctx, in.ID)
	if err != nil {
		return nil, s.failed(ctx, verifyAction, in.ID, err)
	}
	return s.start(ctx, work{
		action: verifyAction, target: p.ID, key: in.Key, path: "/v1/admin/snapshots/",
		answer: Started{Operation: workflows.OperationVerify, Surface: p.Surface, Kind: p.Kind},
		launch: func(ctx context.Context, req launch.Request) (launch.Started, error) {
			return s.launcher.Verify(ctx, req, workflows.VerifyInput{Point: refOf(p)})
		},
	})
}

// refOf names a point for a workflow.
func refOf(p catalog.Point) workflows.PointRef {
	return workflows.PointRef{Store: p.Store, Dir: p.Dir, ID: p.ID, Surface: p.Surface}
}

// readable finds a point whose manifest can be read.
func (s *Server) readable(ctx context.Context, idOrURI string) (catalog.Point, error) {
	p, err := s.catalog.Find(ctx, idOrURI)
	if err == nil && p.State == catalog.StateCorrupt {
		err = fault.New(fault.Corrupt, "the recovery point %s can't be read: %s", p.ID, p.Error)
	}
	return p, err
}
