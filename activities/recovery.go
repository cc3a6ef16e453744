package activities

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/basebackup"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// PlanInput asks what serves a target.
type PlanInput struct {
	Surface string `json:"surface"`
	// Store to read from; empty means that of the surface's WAL.
	Store string `json:"store,omitempty"`
	// At is the target as a person writes it; see pitr.ParseTarget.
	At string `json:"at"`
}

// Planned is the plan of a recovery.
type Planned struct {
	Store string    `json:"store"`
	Plan  pitr.Plan `json:"plan"`
	// Managed is set, and nothing else, where a provider runs the recovery.
	Managed *ManagedPlan `json:"managed,omitempty"`
}

// PlanRecovery chooses the base backup and the WAL that reach a target, or says
// what is the nearest that can be had. No byte of a backup is fetched for that.
func (a *Activities) PlanRecovery(ctx context.Context, in PlanInput) (Planned, error) {
	p := startPulse(ctx, "plan the recovery", 0)
	defer p.end()
	target, err := pitr.ParseTarget(in.At)
	if err != nil {
		return Planned{}, err
	}
	if provider := a.Config.Provider(in.Surface, in.Store); provider != nil {
		return a.planManaged(ctx, in.Surface, provider.Kind, target)
	}
	h, err := a.holdings(ctx, in.Surface, in.Store)
	if err != nil {
		return Planned{}, err
	}
	// An incremental base backup by itself is no data directory that PostgreSQL starts on.
	h.holdings.Bases = slices.DeleteFunc(h.holdings.Bases, func(b pitr.Base) bool { return b.Parent != "" })
	plan, err := pitr.Choose(ctx, h.holdings, h.wal, target)
	return Planned{Store: h.store, Plan: plan}, err
}

// RecoveryRef names a recovery under way and what it follows.
type RecoveryRef struct {
	RestoreID string    `json:"restoreId"`
	Surface   string    `json:"surface"`
	Store     string    `json:"store"`
	Plan      pitr.Plan `json:"plan"`
}

// PrepareRecoveryInput says where the server is to be.
type PrepareRecoveryInput struct {
	RecoveryRef
	Dir  string `json:"dir,omitempty"`
	Port int    `json:"port,omitempty"`
}

// PreparedRecovery says where the data directory is, and how much goes into it.
type PreparedRecovery struct {
	Host  string `json:"host"`
	Dir   string `json:"dir"`
	Parts int    `json:"parts"`
	Bytes int64  `json:"bytes"`
}

// PrepareRecovery makes an empty data directory on whichever host takes the step.
func (a *Activities) PrepareRecovery(ctx context.Context, in PrepareRecoveryInput) (PreparedRecovery, error) {
	p := startPulse(ctx, "make the data directory", 0)
	defer p.end()
	l, err := a.baseLoads(ctx, in.RecoveryRef)
	if err != nil {
		return PreparedRecovery{}, err
	}
	spec := a.recoverySpec(in.RecoveryRef)
	spec.DataDir, spec.Port = in.Dir, in.Port
	prepared, err := a.Environment.Prepare(ctx, in.RestoreID, spec)
	if err != nil {
		return PreparedRecovery{}, fault.While(err, "make a data directory")
	}
	return PreparedRecovery{Host: a.Host, Dir: cmp.Or(in.Dir, prepared.DataDir), Parts: len(l.parts), Bytes: l.bytes}, nil
}

func (a *Activities) recoverySpec(in RecoveryRef) local.Spec {
	return local.Spec{
		Kind: "postgres", Major: in.Plan.Base.Major, BinDir: a.Config.Surfaces[in.Surface].BinDir,
		Surface: in.Surface, Point: in.Plan.Base.ID,
	}
}

func (a *Activities) baseLoads(ctx context.Context, in RecoveryRef) (loads, error) {
	return a.loads(ctx, Located{Store: in.Store, Dir: in.Plan.Base.Dir, ID: in.Plan.Base.ID}, archive.OpenParts)
}

// FetchInput names one part of a base backup.
type FetchInput struct {
	RecoveryRef
	Index int `json:"index"`
}

// FetchPart puts one part of the base backup into the data directory: download,
// decrypt, decompress, extract, all at once. A part that is in place already,
// with every file read and summed, is not fetched again.
func (a *Activities) FetchPart(ctx context.Context, in FetchInput) (DumpResult, error) {
	var out DumpResult
	p := startPulse(ctx, fmt.Sprintf("fetch part %d", in.Index+1), 0)
	defer p.end()
	prepared, err := a.Environment.Prepare(ctx, in.RestoreID, a.recoverySpec(in.RecoveryRef))
	if err != nil {
		return out, err
	}
	l, err := a.baseLoads(ctx, in.RecoveryRef)
	if err != nil {
		return out, err
	}
	part, err := partOf(l, in.Index)
	if err != nil {
		return out, err
	}
	out = DumpResult{Part: part.Name, PlainBytes: part.Estimate}
	if _, done, err := inPlace(prepared, part.Name); err != nil || done || prepared.Begun {
		return out, err
	}
	p.expect(part.Estimate)
	release, err := a.Slots.take(ctx)
	if err != nil {
		return out, err
	}
	defer release()
	spec, err := basebackup.PartSpec(part)
	if err != nil {
		return out, err
	}
	r, err := l.point.Open(ctx, part.Name)
	if err != nil {
		return out, err
	}
	defer func() { _ = r.Close() }()
	found, err := basebackup.Extract(ctx, &countingReader{r: r, n: &p.plain}, prepared.DataDir, basebackup.Options{
		Own: prepared.Owner.UID >= 0, UID: prepared.Owner.UID, GID: prepared.Owner.GID,
		Tablespace: spec.Tablespace, Tablespaces: tablespaceDirs(l.point.Base, prepared),
	})
	if err != nil {
		return out, fault.While(err, "put %s into place", part.Name)
	}
	return out, basebackup.MarkDone(marks(prepared), part.Name, found)
}

// tablespaceDirs maps every tablespace of the base into the environment.
func tablespaceDirs(base *archive.Base, prepared local.Prepared) map[uint32]string {
	out := map[uint32]string{}
	for _, t := range base.Tablespaces {
		out[t.OID] = prepared.TablespaceDir(t.OID)
	}
	return out
}

// marks is the folder, beside the data directory, that remembers which parts are in place.
func marks(prepared local.Prepared) string { return filepath.Join(prepared.Dir, "extracted") }

// inPlace is what an earlier step put into place of a part. After a crash of
// the host nothing counts: what was written then may be torn.
func inPlace(prepared local.Prepared, part string) (basebackup.Extracted, bool, error) {
	if prepared.Rebooted {
		return basebackup.Extracted{}, false, nil
	}
	return basebackup.Done(marks(prepared), part)
}

// CheckBase compares every file that was put into place with PostgreSQL's own
// manifest of the backup. Sizes and checksums were taken while writing.
func (a *Activities) CheckBase(ctx context.Context, in RecoveryRef) error {
	p := startPulse(ctx, "check the base backup", 0)
	defer p.end()
	prepared, err := a.Environment.Prepare(ctx, in.RestoreID, a.recoverySpec(in))
	if err != nil || prepared.Begun {
		return err
	}
	l, err := a.baseLoads(ctx, in)
	if err != nil {
		return err
	}
	r, err := l.point.Open(ctx, baseManifestPart)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	manifest, err := basebackup.ReadManifest(r)
	if err != nil {
		return err
	}
	var all []basebackup.Extracted
	for _, part := range l.parts {
		found, done, err := inPlace(prepared, part.Name)
		if err != nil {
			return err
		}
		if !done {
			return fault.New(fault.Unavailable, "part %s is not in place yet", part.Name)
		}
		all = append(all, found)
	}
	return manifest.CheckExtracted(all...)
}

// Reached is what a recovery came to.
type Reached struct {
	// LSN is the end of the last record that was replayed, on Timeline.
	LSN      wal.LSN `json:"lsn"`
	Timeline uint32  `json:"timeline"`
	// Time is when the last transaction ended that is there; zero when none is in the WAL that was replayed.
	Time time.Time `json:"time,omitzero"`
	// Promised is the moment that a provider said it would reach, where one ran
	// the recovery: what its server says of the others may be nothing.
	Promised time.Time `json:"promised,omitzero"`
	// Marker is the time that the source had written last, where a policy has it
	// write the time; LossSeconds how far it lies before the moment asked for.
	Marker      time.Time `json:"marker,omitzero"`
	LossSeconds *float64  `json:"lossSeconds,omitempty"`
	// Bytes of WAL were replayed. Stopped is why no more were, in PostgreSQL's words.
	Bytes   int64  `json:"bytes"`
	Stopped string `json:"stopped,omitempty"`
}
