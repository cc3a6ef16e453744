package config

import (
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Surface is a database, and who else keeps backups of it.
type Surface struct {
	surface.Config `yaml:",inline"`
	// Managed is the cloud service that runs the point-in-time recovery of a
	// PostgreSQL server; nil for a server that no service runs.
	Managed *managed.Config `yaml:"managed" json:"managed,omitempty"`
}

// server reports whether the surface is a server with a URL, a database.
func (s Surface) server() bool { return s.Kind == surface.KindPostgres || s.Kind == surface.KindRedis }

// Provider is the service that puts a surface back to a moment, nil where
// Lifeboat does so itself: because no service is configured, because a policy of
// kind wal ships the surface's WAL, or because a store to read from was named.
func (c *Config) Provider(surfaceName, storeName string) *managed.Config {
	if policy, _ := c.WALPolicy(surfaceName); policy != "" || storeName != "" {
		return nil
	}
	return c.Surfaces[surfaceName].Managed
}

// managed checks the service that runs a surface's recovery.
func (v *validator) managed(path string, s Surface) {
	path += ".managed"
	if s.Kind != "postgres" {
		v.refuse(path, "%s means nothing for kind %s", path, s.Kind)
		return
	}
	for _, problem := range s.Managed.Problems() {
		v.refuse(path+"."+problem.Setting, "%s: %s", path, problem.Text)
	}
}
