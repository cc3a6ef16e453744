package surface

import (
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// The kinds of surfaces.
const (
	KindPostgres   = "postgres"
	KindRedis      = "redis"
	KindKubernetes = "kubernetes"
	KindVelero     = "velero"
	KindObjects    = "objects"
	KindTelemetry  = "telemetry"
	KindGit        = "git"
)

// Kinds lists every kind of surface.
var Kinds = []string{KindPostgres, KindRedis, KindKubernetes, KindVelero, KindObjects, KindTelemetry, KindGit}

// Config is one surface as the configuration file names it.
type Config struct {
	// Kind is postgres, redis, kubernetes, velero, objects, telemetry or git.
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

	// Cluster is that of kinds kubernetes and velero.
	Cluster `yaml:",inline"`
	// Velero, Bucket, Telemetry and Repository are the settings of kinds
	// velero, objects, telemetry and git; nil for every other kind.
	Velero     *Velero     `yaml:"velero,omitempty" json:"velero,omitempty"`
	Bucket     *Bucket     `yaml:"bucket,omitempty" json:"bucket,omitempty"`
	Telemetry  *Telemetry  `yaml:"telemetry,omitempty" json:"telemetry,omitempty"`
	Repository *Repository `yaml:"repository,omitempty" json:"repository,omitempty"`
}

// Problem is one thing that is wrong with a setting.
type Problem struct {
	// Setting is its name below that of the surface, as the file has it.
	Setting string
	// Text says what is wrong, naming settings; it repeats no secret.
	Text string
}

// Problems lists everything that is wrong with the settings of the kinds that
// are no servers with a URL.
func (c Config) Problems() []Problem {
	var wrong []Problem
	for _, of := range []struct {
		kinds   []string
		setting string
		set     bool
		check   func() []Problem
	}{
		{[]string{KindKubernetes, KindVelero}, "namespaces", c.set(), c.problems},
		{[]string{KindVelero}, "velero", c.Velero != nil, func() []Problem { return c.Velero.problems() }},
		{[]string{KindObjects}, "bucket", c.Bucket != nil, func() []Problem { return c.Bucket.problems() }},
		{[]string{KindTelemetry}, "telemetry", c.Telemetry != nil, func() []Problem { return c.Telemetry.problems() }},
		{[]string{KindGit}, "repository", c.Repository != nil, func() []Problem { return c.Repository.problems() }},
	} {
		switch needed := slices.Contains(of.kinds, c.Kind); {
		case needed && !of.set:
			wrong = append(wrong, Problem{of.setting, of.setting + " is missing: kind " + c.Kind + " needs it"})
		case needed:
			for _, p := range of.check() {
				if of.setting != "namespaces" {
					p.Setting = of.setting + "." + p.Setting
				}
				wrong = append(wrong, p)
			}
		case of.set:
			wrong = append(wrong, Problem{of.setting, of.setting + " means nothing for kind " + c.Kind})
		}
	}
	return wrong
}
