package activities

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// SealInput has what the manifest says beyond the pieces on the store.
type SealInput struct {
	Point      Point  `json:"point"`
	Held       Held   `json:"held"`
	Kind       string `json:"kind"`
	Policy     string `json:"policy,omitempty"`
	Reason     string `json:"reason,omitempty"`
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
}

// Sealed is the point as it now stands on the store.
type Sealed struct {
	CreatedAt  time.Time `json:"createdAt"`
	Bytes      int64     `json:"bytes"`
	PlainBytes int64     `json:"plainBytes"`
	Parts      int       `json:"parts"`
	Entries    int       `json:"entries"`
}

// Seal gathers the notes, completes the fingerprint, and writes the manifest,
// last of all. From then on the point exists. A repeated call finds it.
func (a *Activities) Seal(ctx context.Context, in SealInput) (Sealed, error) {
	p := startPulse(ctx, "seal", 0)
	defer p.end()
	st, err := a.store(in.Point.Store)
	if err != nil {
		return Sealed{}, err
	}
	if done, err := archive.ReadManifest(ctx, st, in.Point.Dir); err == nil {
		a.dropNotes(ctx, in.Point)
		return sealedOf(done), nil
	} else if !fault.Is(err, fault.Missing) {
		return Sealed{}, err
	}
	entries, base, err := a.gather(ctx, in)
	if err != nil {
		return Sealed{}, err
	}
	m := a.manifest(in, entries)
	m.Base = base
	if base == nil {
		err = a.examine(ctx, in.Point, &m)
	}
	if err != nil {
		return Sealed{}, err
	}
	m.SealedAt = time.Now().UTC()
	m, err = archive.SealPoint(ctx, st, in.Point.Dir, m)
	if err != nil {
		return Sealed{}, fault.While(err, "seal point %s", in.Point.ID)
	}
	a.dropNotes(ctx, in.Point)
	return sealedOf(m), nil
}

// gather reads the notes of the plan and of all parts.
func (a *Activities) gather(ctx context.Context, in SealInput) ([]archive.PartEntry, *archive.Base, error) {
	plan, err := a.readNote(ctx, in.Point, planNote(in.Held.Fresh))
	if err != nil {
		return nil, nil, err
	}
	entries := plan.Entries
	for i := range in.Held.Parts {
		n, err := a.readNote(ctx, in.Point, partNote(in.Held.Fresh, i))
		if err != nil {
			return nil, nil, err
		}
		entries = append(entries, n.Entries...)
	}
	return entries, plan.Base, nil
}

// examine reads the parts back where the surface can't take its fingerprint
// while it dumps. A worker that has only public keys can't; the manifest then says so.
func (a *Activities) examine(ctx context.Context, p Point, m *archive.Manifest) error {
	st := a.Stores[p.Store]
	point, err := archive.OpenUnsealed(ctx, st, p.Dir, *m, a.Keys)
	if fault.Is(err, fault.Denied) {
		m.Notes = append(m.Notes, "no identity was at hand when it was made: parts of the fingerprint may be missing")
		return nil
	}
	if err != nil {
		return err
	}
	extra, err := a.Surfaces[p.Surface].Examine(ctx, point)
	if err != nil || len(extra) == 0 {
		return fault.While(err, "take the fingerprint of %s", p.Surface)
	}
	entry, err := archive.WritePiece(ctx, a.writer(p, seal.RandomID(attemptLength)), "contents", extra)
	if err != nil {
		return fault.While(err, "write the fingerprint of %s", p.Surface)
	}
	m.Parts = append(m.Parts, entry)
	return nil
}

func (a *Activities) manifest(in SealInput, entries []archive.PartEntry) archive.Manifest {
	return archive.Manifest{
		ID: in.Point.ID, Surface: in.Point.Surface, SurfaceKind: a.Surfaces[in.Point.Surface].Kind(), Kind: in.Kind,
		Policy: in.Policy, Reason: in.Reason, CreatedAt: in.Held.OpenedAt, Server: in.Held.Server,
		Compression: "zstd", Encryption: encryption(in.Point), Parts: entries, Notes: in.Held.Notes, Missing: in.Held.Missing, LockedUntil: in.Point.LockedUntil,
		WorkflowID: in.WorkflowID, RunID: in.RunID, Tool: "lifeboat " + a.Version,
	}
}

func encryption(p Point) archive.Encryption {
	if len(p.Recipients) == 0 {
		return archive.Encryption{Scheme: "none"}
	}
	return archive.Encryption{Scheme: "age", Recipients: p.Recipients, IdentityFile: p.IdentityFile}
}

func sealedOf(m archive.Manifest) Sealed {
	return Sealed{CreatedAt: m.CreatedAt, Bytes: m.Bytes, PlainBytes: m.PlainBytes, Parts: len(m.Parts), Entries: m.Entries}
}

// dropNotes removes what only the making of the point needed. The sealed
// point doesn't depend on it, so what can't be removed now is left to the sweep.
func (a *Activities) dropNotes(ctx context.Context, p Point) {
	all := func(store.Object) bool { return true }
	if err := deleteUnder(ctx, a.Stores[p.Store], p.Dir+"/"+NotesDir+"/", all, nil); err != nil {
		activity.GetLogger(ctx).Warn("the notes of a sealed point are left to the sweep", "point", p.ID, "error", err)
	}
}
