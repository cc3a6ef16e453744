package config

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// storeKind says which fields a kind of store needs, and which others it may have.
type storeKind struct{ needs, may []string }

var storeKinds = map[string]storeKind{
	"s3":    {[]string{"bucket"}, []string{"region", "endpoint", "pathStyle", "accessKeyId", "secretAccessKey", "caFile", "lockDays"}},
	"azure": {[]string{"container", "connectionString"}, []string{"caFile", "lockDays"}},
	"gcs":   {[]string{"bucket"}, []string{"endpoint", "credentialsFile", "caFile", "lockDays"}},
	"local": {[]string{"dir"}, nil},
}

// storeFields are the fields that depend on the kind, in the order of messages.
var storeFields = []struct {
	name string
	set  func(store.Config) bool
}{
	{"bucket", func(s store.Config) bool { return s.Bucket != "" }},
	{"region", func(s store.Config) bool { return s.Region != "" }},
	{"endpoint", func(s store.Config) bool { return s.Endpoint != "" }},
	{"pathStyle", func(s store.Config) bool { return s.PathStyle != nil }},
	{"accessKeyId", func(s store.Config) bool { return s.AccessKeyID != "" }},
	{"secretAccessKey", func(s store.Config) bool { return s.SecretAccessKey != "" }},
	{"caFile", func(s store.Config) bool { return s.CAFile != "" }},
	{"container", func(s store.Config) bool { return s.Container != "" }},
	{"connectionString", func(s store.Config) bool { return s.ConnectionString != "" }},
	{"credentialsFile", func(s store.Config) bool { return s.CredentialsFile != "" }},
	{"dir", func(s store.Config) bool { return s.Dir != "" }},
	{"lockDays", func(s store.Config) bool { return s.LockDays != 0 }},
}

func (v *validator) stores() {
	for _, name := range sorted(v.c.Stores) {
		s, path := v.c.Stores[name], "stores."+name
		kind, known := storeKinds[s.Kind]
		if !known {
			v.refuse(path+".kind", "%s.kind %q must be s3, azure, gcs or local", path, s.Kind)
			continue
		}
		for _, field := range storeFields {
			at, set := path+"."+field.name, field.set(s)
			switch {
			case slices.Contains(kind.needs, field.name):
				if !set {
					v.refuse(at, "%s is missing: kind %s needs it", at, s.Kind)
				}
			case set && !slices.Contains(kind.may, field.name):
				v.refuse(at, "%s means nothing for kind %s", at, s.Kind)
			}
		}
		v.storeDetails(path, s)
	}
}

// maxLockDays is a century: nobody can undo a lock that was meant to be shorter.
const maxLockDays = 36525

func (v *validator) storeDetails(path string, s store.Config) {
	if (s.AccessKeyID == "") != (s.SecretAccessKey == "") {
		v.refuse(path, "%s needs accessKeyId and secretAccessKey together, or neither", path)
	}
	if s.Endpoint != "" {
		if _, err := transport.Endpoint(s.Endpoint); err != nil {
			v.refuse(path+".endpoint", "%s.%v", path, err)
		}
	}
	if s.LockDays < 0 || s.LockDays > maxLockDays {
		v.refuse(path+".lockDays", "%s.lockDays must be from 1 to %d", path, maxLockDays)
	}
	if s.Dir != "" && !filepath.IsAbs(s.Dir) {
		v.refuse(path+".dir", "%s.dir %q must be an absolute path", path, s.Dir)
	}
	if s.Prefix != "" && (store.ValidKey(s.Prefix) != nil || len(s.Prefix) > 256) {
		v.refuse(path+".prefix", "%s.prefix must be like a/b/c of at most 256 bytes: no leading, trailing or doubled "+
			"slash, no \".\" or \"..\" element, no backslash", path)
	}
}

// schemes are the schemes of URLs by kind of surface.
var schemes = map[string][]string{
	surface.KindPostgres: {"postgres", "postgresql"},
	surface.KindRedis:    {"redis", "rediss"},
}

func (v *validator) surfaces() {
	for _, name := range sorted(v.c.Surfaces) {
		s, path := v.c.Surfaces[name], "surfaces."+name
		v.surface(path, s)
		if (s.CertFile == "") != (s.KeyFile == "") {
			v.refuse(path, "%s needs certFile and keyFile together, or neither", path)
		}
		if s.BinDir != "" && !filepath.IsAbs(s.BinDir) {
			v.refuse(path+".binDir", "%s.binDir %q must be an absolute path", path, s.BinDir)
		}
		if s.StandbyURL != "" {
			v.standby(path, s)
		}
		if s.Managed != nil {
			v.managed(path, s)
		}
	}
	for _, name := range sorted(v.c.Targets) {
		t := v.c.Targets[name]
		if name == "isolated" || name == "in-place" {
			v.refuse("targets."+name, "targets.%s: the name means something else in a restore; take another", name)
		}
		v.target("targets."+name, t)
	}
	v.liveTargets(asWritten)
}

// surface checks what the surface's kind asks for: a server's URL, or settings of its own.
func (v *validator) surface(path string, s Surface) {
	if _, server := schemes[s.Kind]; server || !slices.Contains(surface.Kinds, s.Kind) {
		v.server(path, s.Kind, s.URL)
	} else if s.URL != "" {
		v.refuse(path+".url", "%s.url means nothing for kind %s", path, s.Kind)
	}
	for _, problem := range s.Problems() {
		v.refuse(path+"."+problem.Setting, "%s: %s", path, problem.Text)
	}
	if _, known := v.c.Environments[s.Environment]; s.Environment != "" && !known {
		v.refuse(path+".environment", "%s.environment: there is no %q under environments", path, s.Environment)
	}
}

// server checks the kind and the URL of a server, and never shows the URL.
func (v *validator) server(path, kind string, address secret.String) {
	accepted, known := schemes[kind]
	if !known {
		v.refuse(path+".kind", "%s.kind %q must be one of %s", path, kind, strings.Join(surface.Kinds, ", "))
		return
	}
	if address == "" {
		v.refuse(path+".url", "%s.url is missing", path)
		return
	}
	if !hasScheme(address, accepted) {
		v.refuse(path+".url", "%s.url does not fit kind %s: it must begin with %s://", path, kind,
			strings.Join(accepted, ":// or "))
		return
	}
	if _, err := url.Parse(address.Reveal()); err != nil {
		v.refuse(path+".url", "%s.url is not a valid URL; write special characters of the password as %%XX", path)
	}
}

// targetSchemes are those of the URLs of targets of kinds that are no servers with a URL.
var targetSchemes = map[string][]string{
	surface.KindKubernetes: {cluster.Scheme}, surface.KindVelero: {cluster.Scheme}, surface.KindObjects: {"objects"},
	surface.KindTelemetry: {"http", "https"}, surface.KindGit: {"file"},
}

// target checks where a restore may be sent to by name: a server, namespaces of
// a cluster, a prefix of a bucket, or a folder.
func (v *validator) target(path string, t Target) {
	accepted, known := targetSchemes[t.Kind]
	switch {
	case !known:
		v.server(path, t.Kind, t.URL)
	case !hasScheme(t.URL, accepted):
		v.refuse(path+".url", "%s.url does not fit kind %s: it must begin with %s://", path, t.Kind, strings.Join(accepted, ":// or "))
	case accepted[0] == cluster.Scheme:
		if _, err := cluster.ParsePlace(t.URL); err != nil {
			v.refuse(path+".url", "%s.url: %s", path, fault.Line(err))
		}
	}
}

// standby checks the server that base backups are read from instead of the primary.
func (v *validator) standby(path string, s Surface) {
	switch {
	case s.Kind != "postgres":
		v.refuse(path+".standbyUrl", "%s.standbyUrl means nothing for kind %s", path, s.Kind)
	case !hasScheme(s.StandbyURL, schemes["postgres"]):
		v.refuse(path+".standbyUrl", "%s.standbyUrl must begin with postgres:// or postgresql://", path)
	}
}
