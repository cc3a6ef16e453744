// Package config is what a Lifeboat is told: one YAML file, or the variables of
// the environment alone. Load reads it, Validate refuses what contradicts
// itself, Fingerprint names it.
package config

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// Config is the whole configuration, with every default filled in.
type Config struct {
	Temporal Temporal `yaml:"temporal" json:"temporal"`
	// Listen is the host:port of the API; LIFEBOAT_LISTEN overrides it.
	Listen string `yaml:"listen" json:"listen"`
	// DataDir is the absolute folder of the embedded engine, of restored
	// servers, API keys and the audit log; LIFEBOAT_DATA_DIR overrides it.
	DataDir     string                  `yaml:"dataDir" json:"dataDir"`
	Encryption  seal.Config             `yaml:"encryption" json:"encryption"`
	Compression Compression             `yaml:"compression" json:"compression"`
	Stores      map[string]store.Config `yaml:"stores" json:"stores"`
	Surfaces    map[string]Surface      `yaml:"surfaces" json:"surfaces"`
	// Environments are clusters that points are restored into, by name.
	Environments map[string]Environment `yaml:"environments" json:"environments,omitempty"`
	// Targets are servers that a restore may be sent to by name.
	Targets  map[string]Target `yaml:"targets" json:"targets"`
	Policies map[string]Policy `yaml:"policies" json:"policies"`
	// Drills are the plans of drills, by name.
	Drills map[string]drill.Plan `yaml:"drills" json:"drills,omitempty"`
	// Evidence says where drills and audit entries are kept, and who signs them.
	Evidence Evidence `yaml:"evidence" json:"evidence"`
	// Watch is looked at beside what is protected.
	Watch Watch `yaml:"watch" json:"watch"`
	// PointsPrefix is put before SURFACE/ID on every store. It may hold
	// ${iso_date()} and ${iso_datetime()}.
	PointsPrefix string `yaml:"pointsPrefix" json:"pointsPrefix"`
	// Parallel is how many parts of one snapshot are dumped at once.
	Parallel int   `yaml:"parallel" json:"parallel"`
	Admin    Admin `yaml:"admin" json:"admin"`
	Audit    Audit `yaml:"audit" json:"audit"`
	// Pages says how people sign in to the admin pages.
	Pages Pages `yaml:"pages" json:"pages"`
	// Metrics says who may read /metrics.
	Metrics Metrics `yaml:"metrics" json:"metrics"`
	// Alerts says who is told when something is wrong.
	Alerts Alerts `yaml:"alerts" json:"alerts"`
	// Tracing says where traces go.
	Tracing Tracing `yaml:"tracing" json:"tracing"`

	// origins says where each value was read: "lifeboat.yaml:12", or a variable's name.
	origins origins
	// written are the texts of plans in which variables stand, by their paths.
	written map[string]writtenText
	// warnings were found while reading.
	warnings []string
}

// Temporal says which cluster to use. An empty Address means the embedded engine.
type Temporal struct {
	Address   string        `yaml:"address" json:"address,omitempty"`
	Namespace string        `yaml:"namespace" json:"namespace"`
	TLS       TLS           `yaml:"tls" json:"tls"`
	APIKey    secret.String `yaml:"apiKey" json:"apiKey,omitempty"`
	// CodecKey encrypts the payloads of histories; OldCodecKeys are for reading older ones.
	CodecKey     secret.String   `yaml:"codecKey" json:"codecKey,omitempty"`
	OldCodecKeys []secret.String `yaml:"oldCodecKeys" json:"oldCodecKeys,omitempty"`
}

// Embedded reports whether the engine runs inside this process.
func (t Temporal) Embedded() bool { return t.Address == "" }

// TLS names PEM files for the connection to a Temporal cluster.
type TLS struct {
	CA         string `yaml:"ca" json:"ca,omitempty"`
	Cert       string `yaml:"cert" json:"cert,omitempty"`
	Key        string `yaml:"key" json:"key,omitempty"`
	ServerName string `yaml:"serverName" json:"serverName,omitempty"`
}

// Compression of every part by zstd.
type Compression struct {
	// Level is 1 (the default) to 19, or -1 to -7, which are quicker and store more.
	Level int `yaml:"level" json:"level"`
}

// Target is a running server that a restore may be sent to.
type Target struct {
	Kind string        `yaml:"kind" json:"kind"`
	URL  secret.String `yaml:"url" json:"url"`
}

// The choices of Policy.Verify.
const (
	// VerifyAfter reads every byte back right after sealing.
	VerifyAfter = "after"
	// VerifyNever leaves verifying to whoever asks for it.
	VerifyNever = "never"
)

// The kinds of policies.
const (
	// KindSnapshot makes logical snapshots on a schedule.
	KindSnapshot = "snapshot"
	// KindBase makes physical base backups on a schedule.
	KindBase = "base"
	// KindWAL ships write-ahead log without end.
	KindWAL = "wal"
)

// What a policy of kind wal does when it isn't told.
const (
	defaultInterval = 5 * time.Second
	defaultHoldBack = 16e9
)

// Policy is a schedule with the retention of what it makes.
type Policy struct {
	Surface string `yaml:"surface" json:"surface"`
	// Kind is KindSnapshot (the default), KindBase or KindWAL.
	Kind string `yaml:"kind" json:"kind"`
	// Cron has five fields, or is a name such as @daily.
	Cron string `yaml:"cron" json:"cron,omitempty"`
	// TimeZone is an IANA name; default UTC.
	TimeZone string `yaml:"timeZone" json:"timeZone"`
	// Paused keeps the policy but lets its schedule rest.
	Paused bool `yaml:"paused" json:"paused,omitempty"`
	// Store is where points go first, Copies where they are copied to.
	Store  string   `yaml:"store" json:"store"`
	Copies []string `yaml:"copies" json:"copies,omitempty"`
	// Keep is the retention; all zero keeps everything.
	Keep Keep `yaml:"keep" json:"keep"`
	// Verify is VerifyAfter (the default) or VerifyNever.
	Verify string `yaml:"verify" json:"verify"`

	// MaxRate limits a base backup to so many bytes a second; 0 for no limit.
	MaxRate Bytes `yaml:"maxRate" json:"maxRate,omitempty"`
	// Incrementals is how many incremental base backups follow a full one; it
	// needs PostgreSQL 17 with summarize_wal.
	Incrementals int `yaml:"incrementals" json:"incrementals,omitempty"`

	// Interval is how often the WAL of the open segment is stored: what a
	// disaster can lose. Default 5 s.
	Interval Duration `yaml:"interval" json:"interval,omitempty"`
	// HoldBack bounds the WAL that the server keeps for a stream that can't
	// store it. Beyond it the slot is dropped: a gap is better than a full disk. Default 16 GB.
	HoldBack Bytes `yaml:"holdBack" json:"holdBack,omitempty"`
	// Slot is the replication slot; default lifeboat_ and the policy's name.
	Slot string `yaml:"slot" json:"slot,omitempty"`
	// Push is set for a server that ships its WAL by archive_command: nothing is streamed.
	Push bool `yaml:"push" json:"push,omitempty"`
	// Marker lets Lifeboat write a row with the time into a table of its own on
	// the source each second, by which a restore measures what it lost.
	Marker bool `yaml:"marker" json:"marker,omitempty"`
}

// Keep says which points of a policy stay: whatever any of its rules asks for.
type Keep struct {
	Days    int `yaml:"days" json:"days,omitempty"`
	Last    int `yaml:"last" json:"last,omitempty"`
	Hourly  int `yaml:"hourly" json:"hourly,omitempty"`
	Daily   int `yaml:"daily" json:"daily,omitempty"`
	Weekly  int `yaml:"weekly" json:"weekly,omitempty"`
	Monthly int `yaml:"monthly" json:"monthly,omitempty"`
	Yearly  int `yaml:"yearly" json:"yearly,omitempty"`
}

// Admin has the keys of the API that the configuration fixes.
type Admin struct {
	Keys []AdminKey `yaml:"keys" json:"keys,omitempty"`
	// FirstKey is LIFEBOAT_ADMIN_KEY.
	FirstKey secret.String `yaml:"-" json:"-"`
}

// AdminKey is one API key: whoever knows the secret that Hash was made of has the role.
type AdminKey struct {
	// Name is the key's id: lower-case letters, digits and "-".
	Name string `yaml:"name" json:"name"`
	// Hash is an argon2id hash in PHC notation.
	Hash secret.String `yaml:"hash" json:"hash"`
	// Role is viewer, operator, approver or admin.
	Role string `yaml:"role" json:"role"`
}

// Audit says where the audit log goes.
type Audit struct {
	// File is absolute; default audit.jsonl in DataDir.
	File string `yaml:"file" json:"file"`
}

// FirstStore is the store for a point of a kind when nobody names one: that of
// the surface's first policy of the kind by name; for a base backup then that
// of its WAL; then that of any policy of the surface; then the first store by
// name. It is empty when there is no store.
func (c *Config) FirstStore(surfaceName, kind string) string {
	kinds := []string{kind}
	if kind == KindBase {
		kinds = append(kinds, KindWAL)
	}
	for _, kind := range append(kinds, "") {
		for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
			if p := c.Policies[name]; p.Surface == surfaceName && p.Store != "" && (kind == "" || p.Kind == kind) {
				return p.Store
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Stores)) {
		return name
	}
	return ""
}

// PushStores are those that a server's archive_command stores to, each once and
// in order: of every policy of kind wal that is pushed to, also a paused one, as
// a pause does not keep the server from handing over WAL that it then forgets.
// Without such a policy it is that of FirstStore.
func (c *Config) PushStores(surfaceName string) []string {
	var stores []string
	for _, p := range c.Policies {
		if p.Surface == surfaceName && p.Kind == KindWAL && p.Push {
			stores = append(stores, p.Store)
		}
	}
	if len(stores) == 0 {
		return []string{c.FirstStore(surfaceName, KindWAL)}
	}
	slices.Sort(stores)
	return slices.Compact(stores)
}

// WALPolicy is the surface's first policy of kind wal by name, and its name; the
// name is empty when there is none.
func (c *Config) WALPolicy(surfaceName string) (string, Policy) {
	for _, name := range slices.Sorted(maps.Keys(c.Policies)) {
		if p := c.Policies[name]; p.Surface == surfaceName && p.Kind == KindWAL {
			return name, p
		}
	}
	return "", Policy{}
}

// slotName makes a name that PostgreSQL takes for a slot: lower-case letters, digits and "_".
func slotName(policy string) string {
	name := "lifeboat_" + strings.ReplaceAll(strings.ToLower(policy), "-", "_")
	return name[:min(len(name), 63)]
}

// Warnings are lines that whoever starts Lifeboat should read: what is legal,
// and yet probably not what was meant. made are the names of API keys that there
// are beside those of the configuration.
func (c *Config) Warnings(made ...string) []string {
	var out []string
	if c.Encryption.Unencrypted {
		out = append(out, "recovery points are NOT encrypted: whoever can read the store can read the data; "+
			"set SNAPSHOTS_ENCRYPTION_KEY, or encryption.recipients in the configuration file")
	}
	if k := c.Admin.FirstKey; k != "" && len(k) < 16 {
		out = append(out, "LIFEBOAT_ADMIN_KEY is shorter than 16 characters, and can be guessed")
	}
	out = append(append(out, c.keptWarnings()...), c.drillWarnings(made)...)
	return append(out, c.warnings...)
}
