package kubernetes

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// The parts of a point.
const (
	clusterPart   = "cluster.tar"
	resourcesPart = "resources.tar"
)

// partSpec is what a part says of itself.
type partSpec struct {
	// Namespaces are those of the point, sorted.
	Namespaces []string `json:"namespaces"`
}

const (
	// maxSpec bounds the names of a point's namespaces, which travel with its parts.
	maxSpec = 48 << 10
	// maxToken bounds what was missing when a view was opened.
	maxToken = 60 << 10
	// clusterBytes is about how large an object of the cluster is; most are definitions.
	clusterBytes = 32 << 10
)

// view is a plan of what to read. It keeps nothing open, and nothing on the cluster.
type view struct {
	server  surface.Server
	parts   []surface.Part
	token   string
	missing []string
	closed  atomic.Bool
}

// token is what the dumps of a view agree on: what they may find unreadable.
type token struct {
	// Refused are names of types, as TYPE@NAMESPACE, or TYPE where it was refused
	// in too many namespaces to list.
	Refused []string `json:"refused,omitempty"`
}

// Probe implements surface.Surface. Every Kubernetes has been version 1, so
// that Major is the number after it: 36 of 1.36.3.
func (s *Surface) Probe(ctx context.Context) (surface.Server, error) {
	src, seen, err := s.open(ctx)
	if err != nil {
		return surface.Server{}, err
	}
	if err := src.look(ctx, seen); err != nil {
		return surface.Server{}, err
	}
	return src.server(seen)
}

func (s *source) server(seen *survey) (surface.Server, error) {
	out := surface.Server{Product: "Kubernetes", Bytes: max(1, seen.bytes())}
	version, err := s.client.Discovery.ServerVersion()
	if err != nil {
		return out, cluster.Failure(err, "ask the API server for its version")
	}
	out.Version = strings.TrimPrefix(version.GitVersion, "v")
	// Some providers write 36+.
	if out.Major, err = strconv.Atoi(strings.TrimRight(version.Minor, "+")); err != nil {
		return out, fault.New(fault.Unsupported, "the API server is of version %q", shorten(version.GitVersion))
	}
	return out, nil
}

// Hold implements surface.Surface. It finds out what there is and what may be
// read of it, and is fault.Denied where that is nothing. It is fault.Missing
// exactly where none of the surface's namespaces is there. What is forbidden or
// broken is named by the view, which implements surface.Partial.
func (s *Surface) Hold(ctx context.Context) (surface.View, error) {
	src, seen, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	if err := src.look(ctx, seen); err != nil {
		return nil, present(err)
	}
	out := &view{missing: seen.missing(src.namespaces)}
	if out.server, err = src.server(seen); err != nil {
		return nil, present(err)
	}
	spec, err := json.Marshal(partSpec{Namespaces: src.namespaces})
	if err != nil {
		return nil, err
	}
	if len(spec) > maxSpec {
		return nil, fault.New(fault.Unsupported, "%d namespaces are too many for one surface: protect some of them by another", len(src.namespaces))
	}
	if out.token, err = seen.token(); err != nil {
		return nil, err
	}
	about := int64(len(src.namespaces)+len(src.definitions(seen))+len(src.wanted(seen))) * clusterBytes
	out.parts = []surface.Part{
		{Name: resourcesPart, Role: surface.RoleData, Format: partFormat, Estimate: seen.bytes(), Spec: spec},
		{Name: clusterPart, Role: surface.RoleMeta, Format: partFormat, Estimate: about, Spec: spec},
	}
	return out, nil
}

// token writes what was refused. Where that is too much, a type that was
// refused in some namespaces stands for itself in all of them.
func (v *survey) token() (string, error) {
	for _, full := range []bool{true, false} {
		text, err := json.Marshal(token{Refused: v.names(full)})
		if err != nil || len(text) <= maxToken {
			return string(text), err
		}
	}
	return "", fault.New(fault.Unsupported, "more types can't be read than a point can name: permit Lifeboat to list them, or exclude them")
}

// Token implements surface.View.
func (v *view) Token() string { return v.token }

// Server implements surface.View.
func (v *view) Server() surface.Server { return v.server }

// Parts implements surface.View.
func (v *view) Parts() []surface.Part { return v.parts }

// Fingerprint implements surface.View: entries come from dumping.
func (v *view) Fingerprint() surface.Fingerprint { return nil }

// Missing implements surface.Partial.
func (v *view) Missing() []string { return v.missing }

// Check implements surface.View. There is nothing on the cluster that could be
// lost: an API server that starts anew meanwhile has the same to show.
func (v *view) Check(context.Context) error {
	if v.closed.Load() {
		return fault.New(fault.Lost, "the view was closed")
	}
	return nil
}

// Close implements surface.View.
func (v *view) Close() error {
	v.closed.Store(true)
	return nil
}

// InPoint implements surface.Namespaced.
func (s *Surface) InPoint(parts []surface.Part) ([]string, error) {
	for _, part := range parts {
		if part.Name == clusterPart || part.Name == resourcesPart {
			return namespacesOf(part)
		}
	}
	return nil, fault.New(fault.Corrupt, "the point has neither part %s nor %s", clusterPart, resourcesPart)
}

func namespacesOf(part surface.Part) ([]string, error) {
	var spec partSpec
	if err := json.Unmarshal(part.Spec, &spec); err != nil || len(spec.Namespaces) == 0 {
		return nil, fault.New(fault.Corrupt, "part %s does not say which namespaces it holds", part.Name)
	}
	return spec.Namespaces, nil
}
