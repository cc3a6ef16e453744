package surface

import "github.com/lifeboat-dr/lifeboat/internal/secret"

// Config is one surface as the configuration file names it.
type Config struct {
	// Kind is postgres or redis.
	Kind string `yaml:"kind" json:"kind"`
	// URL connects to the server; it may hold a password.
	URL secret.String `yaml:"url" json:"url"`
	// StandbyURL connects to a standby of a PostgreSQL server, from which base
	// backups are then read; empty reads them from the server itself.
	StandbyURL secret.String `yaml:"standbyUrl,omitempty" json:"standbyUrl,omitempty"`
	// BinDir is where the server's own tools are (pg_dump, redis-server);
	// empty means the usual places.
	BinDir string `yaml:"binDir,omitempty" json:"binDir,omitempty"`
	// ReloadHook is run by a shell after an in-place restore, with
	// LIFEBOAT_SURFACE and LIFEBOAT_POINT in its environment.
	ReloadHook string `yaml:"reloadHook,omitempty" json:"reloadHook,omitempty"`
	// CAFile, CertFile and KeyFile are PEM files for TLS, where the URL can't say so itself.
	CAFile   string `yaml:"caFile,omitempty" json:"caFile,omitempty"`
	CertFile string `yaml:"certFile,omitempty" json:"certFile,omitempty"`
	KeyFile  string `yaml:"keyFile,omitempty" json:"keyFile,omitempty"`
}
