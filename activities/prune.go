package activities

import (
	"context"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/catalog/retention"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// PruneInput asks for a policy's retention on one store.
type PruneInput struct {
	Policy string    `json:"policy"`
	Store  string    `json:"store"`
	DryRun bool      `json:"dryRun,omitempty"`
	Now    time.Time `json:"now"`
}

// Pruned is the plan, carried out unless it was a dry run.
type Pruned struct {
	Kept    int `json:"kept"`
	Deleted int `json:"deleted"`
	// Lines are the decisions, at most maxLines of them, deletions first.
	Lines []retention.Decision `json:"lines"`
}

// maxLines keeps a result within what a history can hold.
const maxLines = 1000

// PolicyStores names the stores that hold a policy's points.
func (a *Activities) PolicyStores(_ context.Context, policy string) ([]string, error) {
	p, ok := a.Config.Policies[policy]
	if !ok {
		return nil, fault.New(fault.Missing, "policy %q is not in the configuration", policy)
	}
	return append([]string{p.Store}, p.Copies...), nil
}

// Prune applies a policy's retention to one store. The plan is made from a
// complete listing or not at all: a store that can't be listed loses nothing.
func (a *Activities) Prune(ctx context.Context, in PruneInput) (Pruned, error) {
	var out Pruned
	policy, ok := a.Config.Policies[in.Policy]
	if !ok {
		return out, fault.New(fault.Missing, "policy %q is not in the configuration", in.Policy)
	}
	st, err := a.store(in.Store)
	if err != nil {
		return out, err
	}
	p := startPulse(ctx, "list "+in.Store, 0)
	defer p.end()
	one := catalog.New([]catalog.Named{{Name: in.Store, Store: st, Prefix: a.Config.PointsPrefix}})
	points, err := one.List(ctx, catalog.Query{Surface: policy.Surface})
	if err != nil {
		return out, fault.While(err, "list the points on %s: nothing is deleted", in.Store)
	}
	dirs := map[string]string{}
	var candidates []retention.Point
	for _, pt := range points {
		// A point of another policy, or made by hand, is not this policy's to delete.
		if pt.Policy != in.Policy || pt.State == catalog.StateCorrupt {
			continue
		}
		dirs[pt.ID] = pt.Dir
		candidates = append(candidates, retention.Point{
			ID: pt.ID, At: pt.CreatedAt, Verified: pt.VerifiedAt != nil, Proven: pt.ProvenAt != nil, LockedUntil: pt.LockedUntil,
		})
	}
	planned := retention.Plan
	if policy.Kind == config.KindBase {
		planned = retention.PlanBases
		if err := a.addParents(ctx, in.Store, policy.Surface, candidates); err != nil {
			return out, err
		}
	}
	plan := planned(candidates, retention.Keep(policy.Keep), in.Now)
	slices.SortStableFunc(plan, func(x, y retention.Decision) int { return order(x.Keep) - order(y.Keep) })
	for _, d := range plan {
		if d.Keep {
			out.Kept++
			continue
		}
		if !in.DryRun {
			if err := deletePoint(ctx, st, dirs[d.ID]); err != nil {
				return out, fault.While(err, "delete point %s from %s", d.ID, in.Store)
			}
		}
		out.Deleted++
	}
	out.Lines = plan[:min(len(plan), maxLines)]
	if policy.Kind != config.KindBase || in.DryRun {
		return out, nil
	}
	return out, a.pruneWAL(ctx, policy.Surface, in.Store)
}

// order puts deletions before what is kept.
func order(keep bool) int {
	if keep {
		return 1
	}
	return 0
}

// deletePoint removes the manifest first: from then on the point is garbage, not a point with holes.
func deletePoint(ctx context.Context, st store.Store, dir string) error {
	if err := st.Delete(ctx, dir+"/"+archive.ManifestName); err != nil {
		return err
	}
	return deleteUnder(ctx, st, dir+"/", func(store.Object) bool { return true }, nil)
}

// deleteUnder removes the objects under a prefix that match, in batches.
func deleteUnder(ctx context.Context, st store.Store, prefix string, match func(store.Object) bool, count *int) error {
	const batch = 500
	var keys []string
	flush := func() error {
		if len(keys) == 0 {
			return nil
		}
		if count != nil {
			*count += len(keys)
		}
		err := st.Delete(ctx, keys...)
		keys = keys[:0]
		return err
	}
	for entry, err := range st.List(ctx, store.ListOptions{Prefix: prefix}) {
		if err != nil {
			return err
		}
		if match(entry.Object) {
			keys = append(keys, entry.Key)
		}
		if len(keys) == batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}
