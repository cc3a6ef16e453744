package activities

import (
	"cmp"
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/internal/walarchive"
)

// held is what a store has of a surface for recovery.
type held struct {
	store    string
	wal      *walarchive.Archive
	holdings pitr.Holdings
}

// holdings reads what a store has for the recovery of a surface. An empty store
// name means that of the surface's WAL.
func (a *Activities) holdings(ctx context.Context, surfaceName, storeName string) (held, error) {
	return a.holdingsBy(ctx, surfaceName, storeName, means{a.walHoldings, a.bases})
}

// means are the ways to read what a store has for recovery.
type means struct {
	wal   func(ctx context.Context, surfaceName, storeName string) (*walarchive.Archive, pitr.Holdings, error)
	bases basesOn
}

// basesOn lists the base backups of a surface on a store.
type basesOn func(ctx context.Context, surfaceName, storeName string) ([]pitr.Base, error)

func (a *Activities) holdingsBy(ctx context.Context, surfaceName, storeName string, by means) (held, error) {
	if storeName == "" {
		storeName = a.Config.FirstStore(surfaceName, config.KindWAL)
	}
	out := held{store: storeName}
	var err error
	if out.wal, out.holdings, err = by.wal(ctx, surfaceName, storeName); err != nil {
		return out, err
	}
	out.holdings.Bases, err = by.bases(ctx, surfaceName, storeName)
	return out, err
}

// walHoldings lists the WAL that a store has, all of it.
func (a *Activities) walHoldings(ctx context.Context, surfaceName, storeName string) (*walarchive.Archive, pitr.Holdings, error) {
	archived, err := a.walArchive(surfaceName, storeName)
	if err != nil {
		return nil, pitr.Holdings{}, err
	}
	found, err := archived.Holdings(ctx)
	return archived, found, fault.While(err, "list the WAL of %s on %s", surfaceName, storeName)
}

func (a *Activities) walArchive(surfaceName, storeName string) (*walarchive.Archive, error) {
	if _, err := a.surface(surfaceName); err != nil {
		return nil, err
	}
	st, err := a.store(storeName)
	if err != nil {
		return nil, err
	}
	return walarchive.Open(st, surfaceName, a.Keys, a.Config.Compression.Level), nil
}

// bases lists the sealed base backups of a surface on a store.
func (a *Activities) bases(ctx context.Context, surfaceName, storeName string) ([]pitr.Base, error) {
	st := a.Stores[storeName]
	one := catalog.New([]catalog.Named{{Name: storeName, Store: st, Prefix: a.Config.PointsPrefix}})
	points, err := one.List(ctx, catalog.Query{Surface: surfaceName})
	if err != nil {
		return nil, fault.While(err, "list the base backups of %s on %s", surfaceName, storeName)
	}
	var out []pitr.Base
	for _, p := range points {
		if p.Kind != archive.KindBase || p.State == catalog.StateCorrupt {
			continue
		}
		m, err := archive.ReadManifest(ctx, st, p.Dir)
		if err != nil {
			return nil, fault.While(err, "read the manifest of %s", p.ID)
		}
		out = append(out, baseOf(m, storeName, p.Dir, pitr.Marks{Verified: p.VerifiedAt != nil, Proven: p.ProvenAt != nil}))
	}
	return out, nil
}

func baseOf(m archive.Manifest, storeName, dir string, marks pitr.Marks) pitr.Base {
	return pitr.Base{
		ID: m.ID, Store: storeName, Dir: dir, Major: m.Server.Major, Timeline: m.Base.Timeline,
		Start: m.Base.StartLSN, Stop: m.Base.StopLSN, StartedAt: m.Base.StartedAt, StoppedAt: m.Base.StoppedAt,
		Parent: m.Base.Parent, Policy: m.Policy, Bytes: m.Bytes, Marks: marks,
	}
}

// serverWithin bounds how long the status waits for the live server.
const serverWithin = 10 * time.Second

// PITRStatusInput names a surface, and the store to look at; empty means that of its WAL.
type PITRStatusInput struct {
	Surface string `json:"surface"`
	Store   string `json:"store,omitempty"`
}

// PITRStatus says which moments a surface can be put back to, and how far the
// store is behind the server.
func (a *Activities) PITRStatus(ctx context.Context, in PITRStatusInput) (pitr.Status, error) {
	return a.pitrStatus(ctx, in, means{a.walHoldings, a.bases})
}

func (a *Activities) pitrStatus(ctx context.Context, in PITRStatusInput, by means) (pitr.Status, error) {
	if provider := a.Config.Provider(in.Surface, in.Store); provider != nil {
		return a.managedWindow(ctx, in.Surface, provider.Kind)
	}
	out := pitr.Status{Surface: in.Surface, Alarms: []string{}}
	h, err := a.holdingsBy(ctx, in.Surface, in.Store, by)
	out.Store = h.store
	if err != nil {
		return out, err
	}
	if out.Window, err = pitr.Assess(ctx, h.holdings, h.wal); err != nil {
		return out, fault.While(err, "assess what is held of %s", in.Surface)
	}
	a.lag(ctx, &out, h)
	out.Alarms = append(out.Alarms, windowAlarms(out.Window)...)
	return out, nil
}

// lag asks the live server how far it is. That it can't be asked is a finding, not a failure.
func (a *Activities) lag(ctx context.Context, out *pitr.Status, h held) {
	ctx, cancel := context.WithTimeout(ctx, serverWithin)
	defer cancel()
	name, policy := a.walPolicy(out.Surface, h.store)
	if name == "" {
		out.Alarms = append(out.Alarms, "no policy of kind wal ships the WAL of "+out.Surface+" to "+h.store)
	}
	state, err := replication.Held(ctx, ReplicationServer(a.Config, out.Surface), policy.Slot)
	if err != nil {
		out.ServerProblem = fault.Line(err)
		return
	}
	l := &pitr.Lag{ServerLSN: state.At, Active: state.Active}
	if state.At > out.LatestLSN {
		l.Bytes = int64(state.At - out.LatestLSN)
	}
	if l.Bytes > 0 && !out.Latest.IsZero() {
		l.Seconds = max(0, time.Since(out.Latest).Seconds())
	}
	if name != "" && !policy.Push {
		l.Slot, l.HeldBack, l.HoldBackLimit = policy.Slot, state.HeldBytes, int64(policy.HoldBack)
		out.Alarms = append(out.Alarms, slotAlarms(policy, state)...)
	}
	if policy.Push {
		l.Pushed = pushed(h.holdings, state.At)
	}
	out.Lag = l
}

// pushed is how the whole segments stand of a server whose WAL has come to a
// position. Before any is on the store, their size is taken for the usual one.
func pushed(h pitr.Holdings, at wal.LSN) *pitr.Pushed {
	size := wal.LSN(cmp.Or(h.SegmentSize, wal.DefaultSegmentSize))
	out := &pitr.Pushed{Server: at - at%size}
	for _, t := range h.Timelines {
		if n := len(t.Segments); n > 0 {
			out.Stored = max(out.Stored, wal.LSN(t.Segments[n-1].Number+1)*size)
		}
	}
	return out
}

// walPolicy is the policy that ships a surface's WAL to a store; its name is empty when there is none.
func (a *Activities) walPolicy(surfaceName, storeName string) (string, config.Policy) {
	for name, p := range a.Config.Policies {
		if p.Kind == config.KindWAL && p.Surface == surfaceName && p.Store == storeName {
			return name, p
		}
	}
	return "", config.Policy{}
}

// ReplicationServer is where the replication protocol reaches a surface. It is no
// method: every exported one of Activities is registered as a step.
func ReplicationServer(configured *config.Config, surfaceName string) replication.Config {
	c := configured.Surfaces[surfaceName]
	return replication.Config{URL: c.URL, CAFile: c.CAFile, CertFile: c.CertFile, KeyFile: c.KeyFile}
}
