package config

import (
	"cmp"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// allNamespaces stands for every namespace of a cluster.
const allNamespaces = "*"

// SameCluster reports whether two places are on one cluster. What is written
// tells it where it is written in the same way; who connects to clusters knows
// more (package clients).
type SameCluster func(a, b cluster.Config) bool

// asWritten is the SameCluster that looks at nothing outside the configuration.
func asWritten(a, b cluster.Config) bool { return a == b }

// LiveTarget says what live thing a restore of a kind to a URL would overwrite,
// such as "the live surface main" or "the store primary"; live is false where
// there is none, also for a URL that can't be read. Names of hosts are compared
// as they are written, and buckets by name alone.
func (c *Config) LiveTarget(kind string, u secret.String, same SameCluster) (what string, live bool) {
	var of func(Surface) bool
	switch kind {
	case surface.KindKubernetes, surface.KindVelero:
		place, err := cluster.ParsePlace(u)
		if err != nil {
			return "", false
		}
		of = func(s Surface) bool { return len(s.Namespaces) > 0 && overwrites(place, s.Cluster, same) }
	case surface.KindObjects:
		at, err := url.Parse(u.Reveal())
		if err != nil || at.Query().Has("id") {
			// An isolated copy has its own place, which the surface checks.
			return "", false
		}
		name, prefix, _ := strings.Cut(strings.TrimPrefix(at.Path, "/"), "/")
		return c.liveObjects(nil, name, prefix)
	default:
		of = func(s Surface) bool {
			return s.Kind == kind && (sameServer(kind, s.URL, u) || sameServer(kind, s.StandbyURL, u) ||
				s.Telemetry != nil && sameServer(kind, s.Telemetry.URL, u))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Surfaces)) {
		if of(c.Surfaces[name]) {
			return "the live surface " + name, true
		}
	}
	return "", false
}

// CheckTargets is the part of Validate that looks for live things among the
// targets, with another way to know clusters: same may read kubeconfigs.
func (c *Config) CheckTargets(same SameCluster) error {
	v := &validator{c: c}
	v.liveTargets(same)
	return v.found.err()
}

func (v *validator) liveTargets(same SameCluster) {
	for _, name := range sorted(v.c.Targets) {
		t := v.c.Targets[name]
		if what, live := v.c.LiveTarget(t.Kind, t.URL, same); live {
			v.refuse("targets."+name, "targets.%s is %s itself, or in it: name another place; what is live is restored with \"in-place\"", name, what)
		}
	}
}

// LiveObjects says what live thing a copy of a surface's objects to a prefix of a
// bucket on the same service would be among: another surface, or a store. An
// empty bucket is the surface's own. What is the surface's itself, the surface checks.
func (c *Config) LiveObjects(surfaceName, bucket, prefix string) (what string, live bool) {
	own := c.Surfaces[surfaceName].Bucket
	if own == nil {
		return "", false
	}
	others := *c
	others.Surfaces = maps.Clone(c.Surfaces)
	delete(others.Surfaces, surfaceName)
	return others.liveObjects(own, cmp.Or(bucket, own.Holder()), prefix)
}

// liveObjects looks for live things on the service of a bucket; nil looks on all.
func (c *Config) liveObjects(on *surface.Bucket, bucket, prefix string) (what string, live bool) {
	for _, name := range slices.Sorted(maps.Keys(c.Surfaces)) {
		b := c.Surfaces[name].Bucket
		if b == nil || b.Holder() != bucket || on != nil && (b.Kind != on.Kind || b.Endpoint != on.Endpoint) {
			continue
		}
		copies := b.Copies()
		if overlap(prefix, b.LivePrefix()) && !(copies.Bucket == bucket && strings.HasPrefix(prefix, copies.Prefix)) {
			return "the live surface " + name, true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Stores)) {
		s := c.Stores[name]
		if cmp.Or(s.Bucket, s.Container) == bucket && (on == nil || s.Kind == on.Kind && s.Endpoint == on.Endpoint) && overlap(prefix, folderOf(s)) {
			return "the store " + name, true
		}
	}
	return "", false
}

func folderOf(s store.Config) string {
	if s.Prefix == "" {
		return ""
	}
	return s.Prefix + "/"
}

// overlap reports whether one prefix is above the other, or is the other.
func overlap(a, b string) bool { return strings.HasPrefix(a, b) || strings.HasPrefix(b, a) }

// overwrites reports whether a restore to a place may write into a live namespace.
func overwrites(p cluster.Place, live surface.Cluster, same SameCluster) bool {
	if !same(p.Config, live.Config) {
		return false
	}
	for from, to := range p.Namespaces {
		if slices.Contains(live.Namespaces, to) || from == to && slices.Contains(live.Namespaces, allNamespaces) {
			return true
		}
	}
	// In an isolated environment nothing keeps its name by itself.
	return p.ID == "" && slices.ContainsFunc(live.Namespaces, func(name string) bool {
		_, renamed := p.Namespaces[name]
		return !renamed
	})
}

// sameServer compares host, port and, for PostgreSQL, the database: a restore
// of Redis empties all databases of a server.
func sameServer(kind string, a, b secret.String) bool {
	if a == "" || b == "" {
		return false
	}
	first, ok := drill.EndpointOf(a)
	second, other := drill.EndpointOf(b)
	return a == b || ok && other && first == second && (kind != surface.KindPostgres || database(a) == database(b))
}

// database is the one that libpq takes.
func database(text secret.String) string {
	u, err := url.Parse(text.Reveal())
	if err != nil {
		return ""
	}
	query := u.Query()
	return cmp.Or(query.Get("dbname"), strings.TrimPrefix(u.Path, "/"), query.Get("user"), u.User.Username())
}
