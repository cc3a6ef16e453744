package activities

import (
	"context"
	"fmt"
	"io"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/replication"
)

// incrementalSince is the first PostgreSQL that can send a base backup of what has changed alone.
const incrementalSince = 17

// BaseInput names the point that a base backup becomes.
type BaseInput struct {
	Point  Point  `json:"point"`
	Policy string `json:"policy,omitempty"`
}

// Base streams a base backup from the server, or from its standby, into parts,
// with PostgreSQL's own manifest beside them. It leaves a note for the step
// that seals the point.
func (a *Activities) Base(ctx context.Context, in BaseInput) (Held, error) {
	if _, err := a.store(in.Point.Store); err != nil {
		return Held{}, err
	}
	p := startPulse(ctx, "stream a base backup", 0)
	defer p.end()
	release, err := a.Slots.take(ctx)
	if err != nil {
		return Held{}, err
	}
	defer release()
	policy := a.Config.Policies[in.Policy]
	held, n, err := a.streamBase(ctx, in, policy, p)
	if fault.Is(err, fault.Lost) {
		// What an incremental one builds on, or the role of the server, is gone for good.
		policy.Incrementals = 0
		held, n, err = a.streamBase(ctx, in, policy, p)
	}
	if err != nil {
		return held, fault.While(err, "take a base backup of %s", in.Point.Surface)
	}
	return held, a.writeNote(ctx, in.Point, planNote(held.Fresh), n)
}

func (a *Activities) streamBase(ctx context.Context, in BaseInput, policy config.Policy, p *pulse) (Held, note, error) {
	server := ReplicationServer(a.Config, in.Point.Surface)
	if standby := a.Config.Surfaces[in.Point.Surface].StandbyURL; standby != "" {
		server.URL = standby
	}
	probed, err := a.Surfaces[in.Point.Surface].Probe(ctx)
	if err != nil {
		return Held{}, note{}, err
	}
	superuser, err := replication.Superuser(ctx, server)
	if err != nil {
		return Held{}, note{}, err
	}
	conn, err := replication.Connect(ctx, server)
	if err != nil {
		return Held{}, note{}, err
	}
	defer conn.Close()
	system, err := conn.Identify(ctx)
	if err != nil {
		return Held{}, note{}, err
	}
	size, err := conn.SegmentSize(ctx)
	if err != nil {
		return Held{}, note{}, err
	}
	major, _ := conn.ServerVersion()
	parent, manifest, err := a.parent(ctx, in, policy, major)
	if err != nil {
		return Held{}, note{}, err
	}
	if manifest != nil {
		defer func() { _ = manifest.Close() }()
	}
	sink := a.baseSink(ctx, in.Point, p)
	options := replication.BaseOptions{Label: "lifeboat " + in.Point.ID, Fast: true, MaxRateKBps: int(policy.MaxRate >> 10)}
	if manifest != nil {
		options.IncrementalManifest = manifest
	}
	started, err := replication.Now(ctx, server)
	if err != nil {
		return Held{}, note{}, err
	}
	result, err := conn.BaseBackup(ctx, options, sink)
	if err := sink.finish(err); err != nil {
		return Held{}, note{}, err
	}
	// A moment is asked for by the server's clock, not by this host's.
	stopped, err := replication.Now(ctx, server)
	if err != nil {
		return Held{}, note{}, err
	}
	base := archive.Base{
		SystemID: system.ID, Timeline: result.Timeline, StartLSN: result.Start, StopLSN: result.Stop,
		StartedAt: started, StoppedAt: stopped, SegmentSize: size, Superuser: superuser, Parent: parent,
	}
	for _, t := range result.Tablespaces {
		base.Tablespaces = append(base.Tablespaces, archive.BaseTablespace{OID: t.OID, Location: t.Location})
	}
	held := Held{Fresh: 1, Server: probed, OpenedAt: base.StoppedAt, Bytes: p.plain.Load(), Notes: remarks(result)}
	return held, note{Entries: sink.sorted(), Base: &base}, nil
}

// maxRemarks keeps what the server remarked small enough for a history.
const maxRemarks = 20

// remarks are what a reader of the manifest should know of the backup.
func remarks(r replication.BaseResult) []string {
	var out []string
	if n := len(r.ChecksumFailures); n > 0 {
		out = append(out, fmt.Sprintf("the server found pages with wrong checksums, and they are in the backup as they are: %d or more lines follow", n))
	}
	out = append(append(out, r.ChecksumFailures...), r.Warnings...)
	return out[:min(len(out), maxRemarks)]
}

// parent chooses the base backup that an incremental one builds on, and opens
// its manifest. There is none where the policy asks for none, where the server
// can't, and where it is time for a full one.
func (a *Activities) parent(ctx context.Context, in BaseInput, policy config.Policy, major int) (string, io.ReadCloser, error) {
	if policy.Incrementals == 0 || major < incrementalSince {
		return "", nil, nil
	}
	bases, err := a.bases(ctx, in.Point.Surface, in.Point.Store)
	if err != nil {
		return "", nil, err
	}
	known := map[string]string{}
	newest := -1
	for i, b := range bases {
		known[b.ID] = b.Parent
		// Another policy's retention may take away what is its own.
		if b.Policy == in.Policy && (newest < 0 || b.ID > bases[newest].ID) {
			newest = i
		}
	}
	if newest < 0 {
		return "", nil, nil
	}
	chain := 0
	for id := bases[newest].ID; known[id] != ""; id = known[id] {
		chain++
	}
	if chain >= policy.Incrementals {
		return "", nil, nil
	}
	point, err := archive.OpenParts(ctx, a.Stores[in.Point.Store], bases[newest].Dir, a.Keys)
	if fault.Is(err, fault.Denied) {
		return "", nil, fault.While(err, "an incremental base backup needs the manifest of the one before, and so a key to read it")
	}
	if err != nil {
		return "", nil, err
	}
	r, err := point.Open(ctx, baseManifestPart)
	return bases[newest].ID, r, err
}
