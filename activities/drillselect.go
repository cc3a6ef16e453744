package activities

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"path"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/fence"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// SelectPoint chooses what one surface of a drill is restored from, and notes
// all that is known of it before it is restored.
func (a *Activities) SelectPoint(ctx context.Context, in SelectInput) (SelectedPoint, error) {
	p := startPulse(ctx, "choose the recovery point of "+in.Surface, 0)
	defer p.end()
	plan, err := a.planOf(in.DrillRef)
	if err != nil {
		return SelectedPoint{}, err
	}
	if _, err := a.surface(in.Surface); err != nil {
		return SelectedPoint{}, err
	}
	how := in.Selection.Select
	storeName := cmp.Or(in.Selection.Store, plan.Store)
	switch {
	case in.Selection.ID != "":
		return a.selectPoint(ctx, in, plan.PointName(in.Selection), drill.SelectPoint)
	case in.Selection.At != "":
		return a.selectMoment(ctx, in, storeName, in.Selection.At, drill.SelectMoment)
	case how == drill.SelectRandom, how == drill.SelectSnapshot:
		return a.selectSnapshot(ctx, in, storeName, how, how)
	case how == drill.SelectPoint, how == drill.SelectMoment:
		return SelectedPoint{}, fault.New(fault.Invalid, "points.%s of plan %s selects a %s and does not say which", in.Surface, in.Plan, how)
	}
	if !a.ships(in.Surface, storeName) {
		return a.selectSnapshot(ctx, in, storeName, drill.SelectSnapshot, drill.SelectLatest)
	}
	out, err := a.selectMoment(ctx, in, storeName, "latest", drill.SelectLatest)
	if !fault.Is(err, fault.Missing) || a.hasBase(ctx, in.Surface, storeName) {
		return out, err
	}
	// WAL without a base backup is no way back; a snapshot may be one. WAL that
	// has a base backup and a gap is what a drill has to find.
	snapshot, without := a.selectSnapshot(ctx, in, storeName, drill.SelectSnapshot, drill.SelectLatest)
	if without != nil {
		return out, err
	}
	snapshot.Restored.Selection += ", as its WAL is of no use: " + fault.Line(err)
	return snapshot, nil
}

// hasBase reports whether a store has a base backup that the WAL of a surface could go on from.
func (a *Activities) hasBase(ctx context.Context, surfaceName, storeName string) bool {
	h, err := a.holdings(ctx, surfaceName, storeName)
	return err == nil && len(h.holdings.Bases) > 0
}

// ships reports whether a policy ships the WAL of a surface to a store, or to any when none is named.
func (a *Activities) ships(surfaceName, storeName string) bool {
	for _, p := range a.Config.Policies {
		if p.Kind == config.KindWAL && p.Surface == surfaceName && (storeName == "" || p.Store == storeName) {
			return true
		}
	}
	return a.Config.Provider(surfaceName, storeName) != nil
}

// selectSnapshot takes the newest snapshot, or any.
func (a *Activities) selectSnapshot(ctx context.Context, in SelectInput, storeName, which, asked string) (SelectedPoint, error) {
	query := catalog.Query{Surface: in.Surface, Store: storeName}
	if which != drill.SelectRandom {
		// Base backups may stand among them.
		query.Limit = newestPoints
	}
	points, err := a.Catalog.List(ctx, query)
	if err != nil && len(points) == 0 {
		return SelectedPoint{}, fault.While(err, "look for snapshots of %s", in.Surface)
	}
	var fit []catalog.Point
	for _, p := range points {
		if p.Kind == archive.KindSnapshot && p.State != catalog.StateCorrupt && !p.CreatedAt.After(in.Declared) {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 && query.Limit > 0 && len(points) == query.Limit {
		return a.selectSnapshot(ctx, in, storeName, drill.SelectRandom, asked)
	}
	if len(fit) == 0 {
		where := "any store"
		if storeName != "" {
			where = "store " + storeName
		}
		return SelectedPoint{}, fault.New(fault.Missing, "there is no snapshot of %s on %s from before the failure: take one, or look at its policy", in.Surface, where)
	}
	chosen, selection := fit[0], asked+": the newest snapshot"
	if which == drill.SelectRandom && asked == drill.SelectRandom {
		chosen, selection = fit[rand.IntN(len(fit))], fmt.Sprintf("random: one of %d snapshots", len(fit))
	}
	return a.describe(ctx, chosen, selection, "")
}

// newestPoints is how many points are looked at for the newest snapshot.
const newestPoints = 50

func (a *Activities) selectPoint(ctx context.Context, in SelectInput, name, asked string) (SelectedPoint, error) {
	found, err := a.Catalog.FindSnapshot(ctx, name, in.Surface)
	if err != nil {
		return SelectedPoint{}, err
	}
	return a.describe(ctx, found, asked, in.Selection.ID)
}

// describe notes what is known of a snapshot.
func (a *Activities) describe(ctx context.Context, p catalog.Point, selection, asked string) (SelectedPoint, error) {
	m, digest, err := a.manifestOf(ctx, p.Store, p.Dir)
	if err != nil {
		return SelectedPoint{}, err
	}
	return SelectedPoint{
		Point: &Located{Store: p.Store, Dir: p.Dir, ID: p.ID},
		Restored: drill.Restored{
			Surface: p.Surface, Kind: p.SurfaceKind, Selection: selection, Asked: asked, Point: p.ID, PointKind: p.Kind, URI: p.URI,
			Store: p.Store, Missing: p.Missing, Manifest: digest, CreatedAt: p.CreatedAt, Bytes: p.Bytes, PlainBytes: p.PlainBytes, LockedUntil: p.LockedUntil,
			Recipients: m.Encryption.Recipients, Reached: p.CreatedAt, ReachedBy: "the moment whose state the snapshot holds",
		},
	}, nil
}

// maxManifest bounds what is read of a manifest for its digest; archive reads no larger one.
const maxManifest = 64 << 20

// manifestOf reads a manifest, and the SHA-256 of its bytes as stored.
func (a *Activities) manifestOf(ctx context.Context, storeName, dir string) (archive.Manifest, string, error) {
	st, err := a.store(storeName)
	if err != nil {
		return archive.Manifest{}, "", err
	}
	m, err := archive.ReadManifest(ctx, st, dir)
	if err != nil {
		return m, "", err
	}
	body, err := st.Get(ctx, path.Join(dir, archive.ManifestName), 0, -1)
	if err != nil {
		return m, "", err
	}
	var text bytes.Buffer
	_, err = io.Copy(&text, io.LimitReader(body, maxManifest))
	if err := cmp.Or(err, body.Close()); err != nil {
		return m, "", fault.Wrap(fault.Unavailable, err, "read the manifest of %s", m.ID)
	}
	return m, seal.SHA256(text.Bytes()), nil
}

// selectMoment plans a recovery to a moment.
func (a *Activities) selectMoment(ctx context.Context, in SelectInput, storeName, at, selection string) (SelectedPoint, error) {
	at, err := before(at, in.Declared)
	if err != nil {
		return SelectedPoint{}, err
	}
	source, known := a.sourceAt(ctx, in)
	planned, err := a.PlanRecovery(ctx, PlanInput{Surface: in.Surface, Store: storeName, At: at})
	if err != nil {
		return SelectedPoint{}, err
	}
	out := SelectedPoint{At: at, Store: planned.Store, Restored: drill.Restored{
		Surface: in.Surface, Kind: a.Config.Surfaces[in.Surface].Kind, Selection: selection, Asked: at, PointKind: archive.KindBase, Store: planned.Store,
	}}
	if planned.Managed != nil {
		out.Restored.PointKind = "managed"
		return out, nil
	}
	if err := a.describeBase(ctx, &out.Restored, planned); err != nil {
		return out, err
	}
	window, err := a.windowOf(ctx, in.Surface, planned.Store)
	if err != nil {
		return out, err
	}
	for _, gap := range window.Gaps {
		out.Restored.Gaps = append(out.Restored.Gaps, fmt.Sprintf("timeline %d, %s to %s", gap.Timeline, gap.From, gap.To))
	}
	r := &out.Restored
	switch target := planned.Plan.Target; {
	case target.Kind == pitr.AtTime:
		r.Reached, r.ReachedBy = target.Time, "every transaction up to the moment that was asked for is on the store"
	case target.Kind != pitr.AtLatest:
		// The recovery itself will say.
	case known && source.At <= planned.Plan.Until:
		r.Reached, r.ReachedBy = in.Declared, "the position of the live server when the failure was declared, "+source.At.String()+", is on the store: nothing was lost"
	case !window.Latest.IsZero():
		r.Reached, r.ReachedBy = window.Latest, "the end of the WAL on the store"
	}
	return out, nil
}

func (a *Activities) describeBase(ctx context.Context, r *drill.Restored, planned Planned) error {
	base := planned.Plan.Base
	m, digest, err := a.manifestOf(ctx, planned.Store, base.Dir)
	if err != nil {
		return err
	}
	r.Point, r.URI, r.Manifest, r.CreatedAt = m.ID, "/"+base.Dir, digest, m.CreatedAt
	r.Bytes, r.PlainBytes, r.LockedUntil, r.Recipients = m.Bytes+planned.Plan.Bytes, m.PlainBytes, m.LockedUntil, m.Encryption.Recipients
	r.StartLSN, r.Timeline = planned.Plan.From.String(), planned.Plan.Timeline
	return nil
}

// sourceAt is where the live server is, for a drill that may ask it: by that
// what was lost is measured instead of guessed.
func (a *Activities) sourceAt(ctx context.Context, in SelectInput) (replication.SlotState, bool) {
	if a.Config.Surfaces[in.Surface].Kind != "postgres" || a.Fence.Touch(ctx, fence.Surface, in.Surface) != nil {
		return replication.SlotState{}, false
	}
	ctx, cancel := context.WithTimeout(ctx, serverWithin)
	defer cancel()
	state, err := replication.Held(ctx, ReplicationServer(a.Config, in.Surface), "")
	return state, err == nil
}

// windowOf says which moments a store can give back.
func (a *Activities) windowOf(ctx context.Context, surfaceName, storeName string) (pitr.Window, error) {
	h, err := a.holdings(ctx, surfaceName, storeName)
	if err != nil {
		return pitr.Window{}, err
	}
	return pitr.Assess(ctx, h.holdings, h.wal)
}

// before turns "-10m" into the moment so long before the failure, and leaves other targets as they are.
func before(at string, declared time.Time) (string, error) {
	if !strings.HasPrefix(at, "-") {
		return at, nil
	}
	back, err := time.ParseDuration(at[1:])
	if err != nil || back <= 0 {
		return "", fault.New(fault.Invalid, "%q is not a time before the failure: write one such as -10m", at)
	}
	return declared.Add(-back).UTC().Format(time.RFC3339Nano), nil
}
