// Package environment is where points are restored into, apart from what is
// live. The folder local has servers on the worker's own host; a Place is for
// what needs no such server.
package environment

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Place makes isolated places for the points of one surface: namespaces, a
// folder, a prefix in a bucket. Every implementation passes the suite in
// placetest. IDs are those of restores: at most 80 letters, digits, dots and
// dashes. Errors are classified by package fault. All methods may be called
// concurrently, and by several workers.
type Place interface {
	// Make makes an empty place, or returns the one that an earlier call with
	// the same id has made, with what is in it.
	Make(ctx context.Context, id string, of Origin) (Made, error)
	// Find returns a place; fault.Missing when there is none.
	Find(ctx context.Context, id string) (Made, error)
	// TryIsolation tries what the place should refuse, and looks at what it
	// should not let out. What can't be looked at counts as failed.
	TryIsolation(ctx context.Context, id string) ([]drill.Attempt, error)
	// Remove removes a place with all that is in it, and returns once nothing
	// is left of it. One that isn't there is fine.
	Remove(ctx context.Context, id string) error
	// Left says what is still there of a place, one line each; empty for nothing.
	Left(ctx context.Context, id string) ([]string, error)
	// IDs are those of all places that are there.
	IDs(ctx context.Context) ([]string, error)
	// Where says in words where its places are, Limits what they don't keep apart.
	Where() string
	Limits() []string
}

// Origin is what comes into a place.
type Origin struct {
	// Surface and Point are named for those who look at the place.
	Surface, Point string
	// Namespaces are those that the point holds, for a place on a cluster.
	Namespaces []string
}

// Made is a place that is there.
type Made struct {
	ID string
	// Address is short, for people: a namespace, a folder, a prefix.
	Address string
	// URL is what the surface's Target takes.
	URL secret.String
	// Version is that of what it is on, such as Kubernetes 1.36.3.
	Version string
}
