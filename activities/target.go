package activities

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// The kinds of a restore's target.
const (
	// TargetIsolated is a server of its own on a worker's host.
	TargetIsolated = "isolated"
	// TargetNamed is an entry under targets in the configuration, or the server of the SealedURL.
	TargetNamed = "named"
	// TargetBeside is a new database on the live server, beside the live one.
	TargetBeside = "beside"
	// TargetLive is the live surface itself.
	TargetLive = "live"
)

// TargetRef names a target without its credentials, which each step looks up where it runs.
type TargetRef struct {
	Kind      string            `json:"kind"`
	Name      string            `json:"name,omitempty"`
	SealedURL string            `json:"sealedUrl,omitempty"`
	RestoreID string            `json:"restoreId"`
	Surface   string            `json:"surface"`
	Replace   bool              `json:"replace,omitempty"`
	Conflict  string            `json:"conflict,omitempty"`
	Selection surface.Selection `json:"selection"`
}

// Swapper is a surface that can restore beside the live database and swap the
// two at the end, so that a restore that fails has touched nothing.
type Swapper interface {
	// Beside is a target beside the live database, named after the restore.
	Beside(restoreID string) (surface.Target, error)
	// Swap puts what was restored beside in the live one's place, and returns
	// the name under which the replaced database is kept. It is idempotent.
	Swap(ctx context.Context, restoreID string) (kept string, err error)
	// Discard removes what was restored beside and not swapped in.
	Discard(ctx context.Context, restoreID string) error
}

// target finds the server that a reference names.
func (a *Activities) target(ctx context.Context, ref TargetRef) (surface.Target, error) {
	src, err := a.surface(ref.Surface)
	if err != nil {
		return surface.Target{}, err
	}
	t := surface.Target{Replace: ref.Replace, Conflict: ref.Conflict, Selection: ref.Selection}
	switch ref.Kind {
	case TargetIsolated:
		restored, err := a.find(ctx, ServerRef{RestoreID: ref.RestoreID, Surface: ref.Surface})
		t.Throwaway, t.URL = true, restored.url
		return t, err
	case TargetNamed:
		if ref.SealedURL != "" {
			if t.URL, err = a.Keys.OpenSecret(ref.SealedURL); err != nil {
				return t, fault.While(err, "the URL to restore to")
			}
			if what, live := a.Config.LiveTarget(src.Kind(), t.URL, clients.Same); live {
				return t, fault.New(fault.Invalid, "the URL to restore to is %s, or in it: what is live is restored in place, with a confirmation", what)
			}
			return t, nil
		}
		named, ok := a.Config.Targets[ref.Name]
		if !ok {
			return t, fault.New(fault.Missing, "target %q is not in the configuration", ref.Name)
		}
		t.URL = named.URL
		return t, nil
	case TargetBeside:
		swapper, ok := src.(Swapper)
		if !ok {
			return t, fault.New(fault.Unsupported, "surface %s can't be restored beside itself", ref.Surface)
		}
		t, err := swapper.Beside(ref.RestoreID)
		t.Selection = ref.Selection
		return t, err
	case TargetLive:
		live := a.Config.Surfaces[ref.Surface]
		t.URL, t.Replace = live.URL, true
		if placed, ok := src.(interface{ LiveURL() secret.String }); ok {
			t.URL = placed.LiveURL()
		}
		if len(live.Namespaces) > 0 {
			t.URL = cluster.Place{Config: live.Cluster.Config}.URL()
		}
		return t, nil
	default:
		return t, fault.New(fault.Invalid, "unknown kind of target %q", ref.Kind)
	}
}
