package surface

import (
	"context"
	"time"
)

// Partial is a View that could not see everything. What it names is written
// into the manifest, and the point is marked as partial.
type Partial interface {
	// Missing names what is not in the point, and why, one line each; empty
	// when nothing is missing.
	Missing() []string
}

// Dated is a View of a moment other than the one when it was opened, such as
// that of a backup that another program has made.
type Dated interface {
	// Moment is that whose state the point holds.
	Moment() time.Time
}

// Namespaced is a surface whose points hold Kubernetes namespaces.
type Namespaced interface {
	// InPoint are the namespaces that a point holds, by its parts.
	InPoint(parts []Part) ([]string, error)
}

// Keeper is a surface with something on its source that has to be as the
// configuration says, such as the schedule of another program.
type Keeper interface {
	// Keep makes it so, and says what it changed, one line each.
	Keep(ctx context.Context) ([]string, error)
}

// Differ is a surface that can tell what a restore would change.
type Differ interface {
	// Diff compares a target with what a restore would make of it, and changes
	// nothing. No more than limit changes are returned, in order of kind and name.
	Diff(ctx context.Context, t Target, src Source, limit int) ([]Change, error)
}

// Change is one thing that a restore would do.
type Change struct {
	// Action is create, update, skip or conflict.
	Action string `json:"action"`
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	// Fields are the paths that would change of what is there already, such as
	// spec.replicas, without their values, which may be secret; at most 20.
	Fields []string `json:"fields,omitempty"`
}
