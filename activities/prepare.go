package activities

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// PrepareInput says which point is to be made.
type PrepareInput struct {
	Surface string `json:"surface"`
	// Kind is snapshot or base; empty means snapshot.
	Kind    string `json:"kind,omitempty"`
	PointID string `json:"pointId,omitempty"`
	Policy  string `json:"policy,omitempty"`
	Store   string `json:"store,omitempty"`
	// Now is the workflow's time: it dates the point's ID and folder.
	Now time.Time `json:"now"`
}

// Prepared is the point with what the policy says of it.
type Prepared struct {
	Point  Point    `json:"point"`
	Copies []string `json:"copies,omitempty"`
	// Parallel is how many parts may be dumped at once.
	Parallel int `json:"parallel"`
	// Verify asks for the point to be read back once it is sealed.
	Verify bool `json:"verify"`
	// Keep is set when the policy has a retention to apply afterwards.
	Keep bool `json:"keep"`
	// Drills are the plans that are to run on the point.
	Drills []string `json:"drills,omitempty"`
}

// Prepare chooses the point's ID, store, folder and key, and puts the point's
// own identity, where it has one, on the store.
func (a *Activities) Prepare(ctx context.Context, in PrepareInput) (Prepared, error) {
	out, storeName, err := a.policyOf(in)
	if err != nil {
		return out, err
	}
	st, err := a.store(storeName)
	if err != nil {
		return out, err
	}
	if err := st.Check(ctx); err != nil {
		return out, fault.While(err, "store %s", storeName)
	}
	id := in.PointID
	if id == "" {
		id = archive.NewID(in.Now)
	}
	at, err := archive.ParseID(id)
	if err != nil {
		return out, err
	}
	// The catalog finds a folder with dates by the time in the ID.
	prefix, err := catalog.ExpandPrefix(a.Config.PointsPrefix, at)
	if err != nil {
		return out, err
	}
	out.Point = Point{ID: id, Surface: in.Surface, Store: storeName, Dir: archive.Dir(prefix, in.Surface, id)}
	if out.Point.LockedUntil, err = a.lockedUntil(ctx, storeName, at); err != nil {
		return out, err
	}
	e, err := archive.NewEncryption(ctx, st, out.Point.Dir, a.Keys, out.Point.LockedUntil)
	out.Point.Recipients, out.Point.IdentityFile = e.Recipients, e.IdentityFile
	return out, err
}

// lockedUntil is until when a store keeps what is written now. A lock that is
// asked for and can't be had is an error: nobody should rely on it.
func (a *Activities) lockedUntil(ctx context.Context, storeName string, now time.Time) (time.Time, error) {
	days := a.Config.Stores[storeName].LockDays
	if days == 0 {
		return time.Time{}, nil
	}
	features, err := a.Stores[storeName].Features(ctx)
	if err == nil && !features.ObjectLock {
		err = fault.New(fault.Unsupported, "it has lockDays, and no object lock: enable object lock on the bucket, or remove lockDays")
	}
	return now.AddDate(0, 0, days).UTC().Truncate(time.Second), fault.While(err, "store %s", storeName)
}

// policyOf merges what was asked for with what the policy says. A point that a
// person asks for goes where the surface's first policy would put it.
func (a *Activities) policyOf(in PrepareInput) (Prepared, string, error) {
	out := Prepared{Parallel: max(1, a.Config.Parallel), Verify: true}
	if _, err := a.surface(in.Surface); err != nil {
		return out, "", err
	}
	storeName := in.Store
	if policy, ok := a.policy(in); ok {
		out.Verify = policy.Verify != config.VerifyNever
		out.Keep = in.Policy != "" && policy.Keep != config.Keep{}
		out.Drills = a.drillsAfter(in.Policy)
		if storeName == "" {
			storeName, out.Copies = policy.Store, policy.Copies
		}
	}
	if storeName == "" {
		storeName = a.Config.FirstStore(in.Surface, cmp.Or(in.Kind, config.KindSnapshot))
	}
	if storeName == "" {
		return out, "", fault.New(fault.Invalid, "no store is configured: add one under stores, or set SNAPSHOTS_STORAGE_PROVIDER")
	}
	return out, storeName, nil
}

func (a *Activities) policy(in PrepareInput) (config.Policy, bool) {
	if in.Policy != "" {
		policy, ok := a.Config.Policies[in.Policy]
		return policy, ok
	}
	kind := cmp.Or(in.Kind, config.KindSnapshot)
	for _, name := range slices.Sorted(maps.Keys(a.Config.Policies)) {
		if policy := a.Config.Policies[name]; policy.Surface == in.Surface && policy.Kind == kind {
			return policy, true
		}
	}
	return config.Policy{}, false
}

// drillsAfter are the plans that run after each point of a policy.
func (a *Activities) drillsAfter(policy string) []string {
	var plans []string
	for _, name := range slices.Sorted(maps.Keys(a.Config.Drills)) {
		if plan := a.Config.Drills[name]; policy != "" && !plan.Paused && slices.Contains(plan.After, policy) {
			plans = append(plans, name)
		}
	}
	return plans
}
