// Package redis protects Redis 6.2 to 8 and Valkey over the network alone: a
// snapshot is what a replica gets, so it is consistent, and needs no access to
// the server's host. It holds all databases and functions of one server; users,
// settings and modules are not in it. A restore fills an empty server by
// playing its primary, or a live one key by key.
package redis

import (
	"context"
	"encoding/json"
	"io"

	"github.com/redis/go-redis/v9/logging"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Kind is the name of this surface in the configuration.
const Kind = "redis"

// The one part of a point: the RDB file as the server sent it.
const (
	partName   = "rdb"
	partFormat = "rdb"
)

// Surface is one Redis or Valkey server. It implements surface.Surface and surface.Expirer.
type Surface struct {
	name   string
	binDir string
	source address
}

// New makes a surface of a server's URL: redis://, or rediss:// for TLS, with
// user and password. The number of a database in it is ignored: a snapshot is
// of all. It does not connect; it fails with fault.Invalid for a bad URL or
// certificate file.
func New(name string, c surface.Config) (*Surface, error) {
	// The client returns what goes wrong; it need not print it, too.
	logging.Disable()
	source, err := parse(c.URL, c)
	if err != nil {
		return nil, fault.While(err, "surface %s", name)
	}
	return &Surface{name: name, binDir: c.BinDir, source: source}, nil
}

// Kind implements surface.Surface.
func (s *Surface) Kind() string { return Kind }

// Probe implements surface.Surface. A user who may not run INFO gets no size.
func (s *Surface) Probe(ctx context.Context) (surface.Server, error) {
	info, err := s.source.probe(ctx)
	return info.server(), err
}

// Hold implements surface.Surface. Redis keeps no old state to come back to, so
// the view is only a plan: Dump takes the state of its own moment, and taken
// again, that of the later moment. There is nothing for other sessions to notice.
func (s *Surface) Hold(ctx context.Context) (surface.View, error) {
	info, err := s.source.probe(ctx)
	if err != nil {
		return nil, err
	}
	if err := info.mayBeDumped(); err != nil {
		return nil, fault.While(err, "snapshot of %s", s.source)
	}
	spec, err := json.Marshal(partSpec{Product: info.Product, Version: info.Version, Major: info.Major})
	if err != nil {
		return nil, err
	}
	return &view{source: s.source, server: info.server(), part: surface.Part{
		Name: partName, Role: surface.RoleData, Format: partFormat, Estimate: info.UsedMemory, Spec: spec,
	}}, nil
}

// partSpec says which server a part comes from, so that one that can read it is chosen.
type partSpec struct {
	Product string `json:"product"`
	Version string `json:"version"`
	Major   int    `json:"major"`
}

func specOf(part surface.Part) (partSpec, error) {
	var spec partSpec
	if err := json.Unmarshal(part.Spec, &spec); err != nil {
		return spec, fault.New(fault.Corrupt, "part %s does not say which server it comes from", part.Name)
	}
	return spec, nil
}

// Dump implements surface.Surface. What the RDB holds is only known once a
// server has read it, so the fingerprint comes from Examine.
func (s *Surface) Dump(ctx context.Context, _ string, _ surface.Part, w io.Writer) (surface.Fingerprint, error) {
	return nil, fault.While(s.source.replicate(ctx, w), "snapshot of %s", s.source)
}

// Examine implements surface.Surface. It starts a scratch server on this host,
// which needs as much memory as the source and writes nothing to disk.
func (s *Surface) Examine(ctx context.Context, src surface.Source) (surface.Fingerprint, error) {
	for _, part := range src.Parts() {
		if part.Name == partName {
			return s.examine(ctx, src, part)
		}
	}
	return nil, fault.New(fault.Corrupt, "the point has no part %s", partName)
}

func (s *Surface) examine(ctx context.Context, src surface.Source, part surface.Part) (surface.Fingerprint, error) {
	r, err := src.Open(ctx, part.Name)
	if err != nil {
		return nil, fault.While(err, "open part %s", part.Name)
	}
	defer r.Close()
	scratch, err := s.startScratch(ctx, part, r)
	if err != nil {
		return nil, err
	}
	defer scratch.stop()
	return fingerprint(ctx, scratch.address)
}

// Fingerprint implements surface.Surface: the same reading of a running target.
func (s *Surface) Fingerprint(ctx context.Context, t surface.Target) (surface.Fingerprint, error) {
	target, err := s.target(t)
	if err != nil {
		return nil, err
	}
	return fingerprint(ctx, target)
}
