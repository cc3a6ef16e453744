package apiserver

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

type rewindInput struct {
	Idempotent
	Surface string `path:"surface" maxLength:"63"`
	Body    struct {
		At     time.Time `json:"at" doc:"The moment, in RFC 3339."`
		Prefix string    `json:"prefix,omitempty" maxLength:"1024" doc:"Only what is below it, as whole keys begin with it; all of the surface by default."`
		To     struct {
			Bucket string `json:"bucket,omitempty" maxLength:"255" doc:"A bucket on the same service; the surface's own by default."`
			Prefix string `json:"prefix,omitempty" maxLength:"1024" doc:"What keys get in place of the prefix."`
		} `json:"to,omitzero" doc:"Where to; left out with inPlace."`
		InPlace  bool   `json:"inPlace,omitempty" doc:"Puts old versions back over what is there, deleted objects included; for the role admin."`
		Conflict string `json:"conflict,omitempty" enum:"fail,skip,update" doc:"What becomes of what is there already; default fail. update is for the role admin."`
	}
}

const rewindAction = "objects.restore"

// rewindObjects starts a restore of a bucket's objects to their versions at a moment.
func (s *Server) rewindObjects(ctx context.Context, in *rewindInput) (*startedOutput, error) {
	input, err := s.planRewind(ctx, in)
	if err != nil {
		return nil, s.failed(ctx, rewindAction, in.Surface, err)
	}
	return s.start(ctx, work{
		action: rewindAction, target: in.Surface + " to " + in.Body.At.UTC().Format(time.RFC3339), key: in.Key, path: "/v1/admin/rewinds/",
		answer: Started{Operation: workflows.OperationRewind, Surface: in.Surface},
		launch: func(ctx context.Context, req launch.Request) (launch.Started, error) {
			return s.launcher.Rewind(ctx, req, input)
		},
	})
}

func (s *Server) planRewind(ctx context.Context, in *rewindInput) (workflows.RewindInput, error) {
	b := in.Body
	out := workflows.RewindInput{
		Surface: in.Surface, At: b.At, Prefix: b.Prefix,
		To: surface.Destination{Bucket: b.To.Bucket, Prefix: b.To.Prefix, Conflict: b.Conflict},
	}
	c, known := s.config.Surfaces[in.Surface]
	placed := b.To.Bucket != "" || b.To.Prefix != ""
	switch {
	case !known:
		return out, s.unknownSurface(in.Surface)
	case c.Kind != surface.KindObjects:
		return out, fault.New(fault.Unsupported, "surface %s is of kind %s: only a bucket's objects can be restored in this way", in.Surface, c.Kind)
	case placed == b.InPlace:
		return out, fault.New(fault.Invalid, "say where to: either to, or inPlace")
	case !b.InPlace && b.Conflict == surface.ConflictUpdate:
		if err := requireAdmin(ctx, "changing what a place holds"); err != nil {
			return out, err
		}
	}
	if !b.InPlace {
		if what, live := s.config.LiveObjects(in.Surface, b.To.Bucket, b.To.Prefix); live {
			return out, fault.New(fault.Invalid, "the place to restore to is among what %s has: restore to another bucket or prefix", what)
		}
		return out, nil
	}
	if out.To.Prefix = b.Prefix; out.To.Prefix == "" {
		out.To.Prefix = c.Bucket.LivePrefix()
	}
	return out, requireAdmin(ctx, "a restore in place")
}

// RewindRun is a restore of objects to a moment with what came of it.
type RewindRun struct {
	launch.Run
	Result *workflows.RewindResult `json:"result,omitempty" doc:"What was restored, once it is done."`
}

type rewindOutput struct{ Body RewindRun }

func (s *Server) getRewind(ctx context.Context, in *PathID) (*rewindOutput, error) {
	run, result, err := finished[workflows.RewindResult](ctx, s, workflows.OperationRewind, in.ID)
	return &rewindOutput{Body: RewindRun{run, result}}, err
}

// describeRewinds lists the operations on the objects of buckets.
func (s *Server) describeRewinds(api huma.API, startErrors, readErrors []int) {
	add(s, api, route{
		id: "restore-objects", method: http.MethodPost, path: "/v1/objects/{surface}/restore", tag: "objects", role: Operator,
		status: http.StatusAccepted, summary: "Restore objects of a versioned bucket to their versions at a moment", errors: startErrors,
	}, s.rewindObjects)
	add(s, api, route{
		id: "get-rewind", method: http.MethodGet, path: "/v1/admin/rewinds/{id}", tag: "objects", role: Viewer,
		summary: "Show a restore of objects to a moment", errors: readErrors,
	}, s.getRewind)
}
