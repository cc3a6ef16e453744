package activities

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

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
	return Foresee(ctx, a, in)
}

// Foresee is PlanRecovery for whoever only wants to know. It is no method: every
// exported one of Activities is registered as a step.
func Foresee(ctx context.Context, a *Activities, in PlanInput) (Planned, error) {
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
	if h.holdings.SegmentSize == 0 {
		what := "no WAL"
		if len(h.holdings.Bases) == 0 {
			what = "no base backup and no WAL"
		}
		return Planned{}, fault.New(fault.Missing, "there is %s of %s on the store %s: a recovery to a moment needs both, which policies of kind base and wal put there",
			what, in.Surface, h.store)
	}
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
	spec := a.recoverySpec(in.RecoveryRef)
	spec.DataDir, spec.Port = in.Dir, in.Port
	prepared, err := a.Environment.Prepare(ctx, in.RestoreID, spec)
	if err != nil {
		return PreparedRecovery{}, fault.While(err, "make a data directory")
	}
	links, err := a.chain(ctx, in.RecoveryRef, prepared)
	if err != nil {
		return PreparedRecovery{}, err
	}
	parts, bytes := 0, int64(0)
	for _, l := range links {
		parts, bytes = parts+len(l.parts), bytes+l.bytes
	}
	return PreparedRecovery{Host: a.Host, Dir: cmp.Or(in.Dir, prepared.DataDir), Parts: parts, Bytes: bytes}, nil
}

func (a *Activities) recoverySpec(in RecoveryRef) local.Spec {
	return local.Spec{
		Kind: "postgres", Major: in.Plan.Base.Major, BinDir: a.Config.Surfaces[in.Surface].BinDir,
		Surface: in.Surface, Point: in.Plan.Base.ID,
	}
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
	if prepared.Rebooted {
		return out, errRebooted
	}
	links, err := a.chain(ctx, in.RecoveryRef, prepared)
	if err != nil {
		return out, err
	}
	l, part, err := partOf(links, in.Index)
	if err != nil {
		return out, err
	}
	out = DumpResult{Part: part.Name, PlainBytes: part.Estimate}
	// A worker that was given up may only be paused, half-way through this very
	// part: whoever cut its files short after they were summed would not be noticed.
	mine, err := a.Environment.Exclusively(ctx, in.RestoreID, "part-"+strconv.Itoa(in.Index))
	if err != nil {
		return out, err
	}
	defer mine()
	if _, done, err := basebackup.Done(l.marks, part.Name); err != nil || done || prepared.Begun {
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
	if err := l.open(prepared); err != nil {
		return out, err
	}
	found, err := basebackup.Extract(ctx, &countingReader{r: r, n: &p.plain}, l.dir, basebackup.Options{
		Own: prepared.Owner.UID >= 0, UID: prepared.Owner.UID, GID: prepared.Owner.GID,
		Tablespace: spec.Tablespace, Tablespaces: l.tablespaces,
	})
	if err != nil {
		return out, fault.While(err, "put %s into place", part.Name)
	}
	return out, basebackup.MarkDone(l.marks, part.Name, found)
}

// errRebooted ends a recovery whose files may be torn, as nothing was flushed yet.
var errRebooted = fault.New(fault.Lost, "the host went down while the base backup was put into place: restore again")

// CheckBase compares every file that was put into place with PostgreSQL's own
// manifest of its backup. Sizes and checksums were taken while writing. What
// incremental backups changed is then combined with what they build on.
func (a *Activities) CheckBase(ctx context.Context, in RecoveryRef) error {
	p := startPulse(ctx, "check the base backup", 0)
	defer p.end()
	prepared, err := a.Environment.Prepare(ctx, in.RestoreID, a.recoverySpec(in))
	if err != nil || prepared.Begun {
		return err
	}
	if prepared.Rebooted {
		return errRebooted
	}
	links, err := a.chain(ctx, in, prepared)
	if err != nil {
		return err
	}
	// As with a part: combining begins by emptying the data directory.
	mine, err := a.Environment.Exclusively(ctx, in.RestoreID, "check")
	if err != nil {
		return err
	}
	defer mine()
	if combined(prepared) {
		return nil
	}
	for _, l := range links {
		if err := l.check(ctx); err != nil {
			return fault.While(err, "check base backup %s", l.base.ID)
		}
	}
	if len(links) == 1 {
		return nil
	}
	return combine(ctx, prepared, links)
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
