// Package telemetry protects the observability data that a Prometheus keeps. A
// point is a snapshot that Prometheus makes by its API: its blocks, that of
// what is still in memory among them, as far back as is wanted. It is restored
// into the data directory of another Prometheus.
package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Kind is the name of this surface in the configuration.
const Kind = surface.KindTelemetry

// partFormat is a tar archive of one block's files.
const partFormat = "prometheus-block-tar"

// Surface is one Prometheus server. It implements surface.Surface.
type Surface struct {
	name   string
	config surface.Config
	source *api
	// dir is the data directory where the configuration names it.
	dir   string
	reach time.Duration
}

// New makes a surface of a server. It does not connect; it fails with
// fault.Invalid for settings that make no sense.
func New(name string, c surface.Config) (*Surface, error) {
	c.Kind = Kind
	if wrong := c.Problems(); len(wrong) > 0 {
		return nil, fault.New(fault.Invalid, "surface %s: %s", name, wrong[0].Text)
	}
	source, err := newAPI(c.Telemetry.URL, c)
	if err != nil {
		return nil, fault.While(err, "surface %s", name)
	}
	return &Surface{name: name, config: c, source: source, dir: c.Telemetry.Dir, reach: c.Telemetry.Reach()}, nil
}

// Kind implements surface.Surface.
func (s *Surface) Kind() string { return Kind }

// Probe implements surface.Surface. The size is known on a host that sees the
// data directory, and 0 elsewhere.
func (s *Surface) Probe(ctx context.Context) (surface.Server, error) {
	server, err := s.source.server(ctx)
	if err != nil {
		return server, err
	}
	dir, err := s.dataDir(ctx)
	if err != nil {
		return server, err
	}
	server.Bytes = sizeOf(dir)
	return server, nil
}

// sizeOf is how large the files in a folder are, without those of snapshots.
func sizeOf(dir string) (total int64) {
	_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			// It was compacted meanwhile, or is not seen from here.
			return nil
		case entry.IsDir() && path == filepath.Join(dir, snapshotsName):
			return fs.SkipDir
		case entry.Type().IsRegular():
			if info, err := entry.Info(); err == nil {
				total += info.Size()
			}
		}
		return nil
	})
	return total
}

// dataDir is the source's data directory as this host sees it.
func (s *Surface) dataDir(ctx context.Context) (string, error) {
	if s.dir != "" {
		return s.dir, nil
	}
	return s.source.dataDir(ctx)
}

// partSpec says which block a part holds.
type partSpec struct {
	Block   string    `json:"block"`
	From    time.Time `json:"from"`
	Until   time.Time `json:"until"`
	Samples int64     `json:"samples"`
}

func specOf(part surface.Part) (partSpec, error) {
	var spec partSpec
	if err := json.Unmarshal(part.Spec, &spec); err != nil || !ulid.MatchString(spec.Block) || part.Name != partName(spec.Block) {
		return spec, fault.New(fault.Corrupt, "part %s does not say which block it holds", part.Name)
	}
	return spec, nil
}

// token is what any worker needs to find the snapshot.
type token struct {
	Snapshot string `json:"snapshot"`
}

// Dump implements surface.Surface. The worker must see the data directory of
// the source; it fails with fault.Lost when the snapshot is gone.
func (s *Surface) Dump(ctx context.Context, held string, part surface.Part, w io.Writer) (surface.Fingerprint, error) {
	spec, err := specOf(part)
	if err != nil {
		return nil, err
	}
	var t token
	if err := json.Unmarshal([]byte(held), &t); err != nil || !snapshotName.MatchString(t.Snapshot) {
		return nil, fault.New(fault.Invalid, "the token names no snapshot")
	}
	dir, err := s.dataDir(ctx)
	if err != nil {
		return nil, err
	}
	at := filepath.Join(dir, snapshotsName, t.Snapshot)
	entry, err := writeTar(filepath.Join(at, spec.Block), &stopping{ctx, w})
	if errors.Is(err, fs.ErrNotExist) {
		if _, seen := os.Stat(dir); seen != nil {
			return nil, fault.New(fault.Missing, "this host does not see %s, where Prometheus keeps its data: mount it here, or set telemetry.dir", dir)
		}
		return nil, fault.New(fault.Lost, "the snapshot %s of Prometheus is gone", t.Snapshot)
	}
	if err != nil {
		return nil, fault.While(err, "dump block %s", spec.Block)
	}
	return surface.Fingerprint{entry}, nil
}

// stopping ends a copy between files and the network when ctx ends.
type stopping struct {
	ctx context.Context
	w   io.Writer
}

func (s *stopping) Write(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(p)
}

// Examine implements surface.Surface.
func (s *Surface) Examine(context.Context, surface.Source) (surface.Fingerprint, error) {
	return nil, nil
}
