package config

import (
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// Validate reports everything that contradicts itself or cannot work, as one
// fault of kind Invalid with a line per problem. It looks at nothing outside
// the configuration: no file, no server.
func (c *Config) Validate() error {
	v := &validator{c: c}
	v.process()
	v.temporal()
	v.encryption()
	v.stores()
	v.environments()
	v.surfaces()
	v.policies()
	v.drills()
	v.evidence()
	v.watch()
	v.admin()
	v.pages()
	v.metrics()
	v.alerts()
	v.tracing()
	return v.found.err()
}

// validator collects problems under the origin of the value they are about.
type validator struct {
	c     *Config
	found problems
}

func (v *validator) refuse(path, format string, args ...any) {
	v.found.add(v.c.origins.of(path), format, args...)
}

func (v *validator) process() {
	c := v.c
	if err := hostPort(c.Listen); err != "" {
		v.refuse("listen", "listen %s", err)
	}
	if !filepath.IsAbs(c.DataDir) {
		v.refuse("dataDir", "dataDir %q must be an absolute path", c.DataDir)
	}
	if !filepath.IsAbs(c.Audit.File) && filepath.IsAbs(c.DataDir) {
		v.refuse("audit.file", "audit.file %q must be an absolute path", c.Audit.File)
	}
	if l := c.Compression.Level; l < -7 || l == 0 || l > 19 {
		v.refuse("compression.level", "compression.level is %d; it must be 1 to 19, or -1 to -7", l)
	}
	if c.Parallel < 1 || c.Parallel > 64 {
		v.refuse("parallel", "parallel is %d; it must be 1 to 64", c.Parallel)
	}
	v.prefix("pointsPrefix", c.PointsPrefix)
}

// hostPort says what is wrong with an address, or nothing.
func hostPort(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return strconv.Quote(address) + " must be HOST:PORT"
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return strconv.Quote(address) + " needs a port of 0 to 65535"
	}
	return ""
}

// templates are the functions that a prefix may hold, each with a value of its shape.
var templates = strings.NewReplacer("${iso_date()}", "2006-01-02", "${iso_datetime()}", "2006-01-02T15:04:05Z")

// prefix checks what is put before the keys of points.
func (v *validator) prefix(path, prefix string) {
	expanded := templates.Replace(prefix)
	if strings.Contains(expanded, "${") {
		v.refuse(path, "%s may hold ${iso_date()} and ${iso_datetime()}, and no other function", path)
		return
	}
	// A point's own folders and object names follow, so the rest must stay short.
	if err := store.ValidKey(expanded); err != nil || len(expanded) > 512 {
		v.refuse(path, "%s must be like a/b/c of at most 512 bytes: no leading, trailing or doubled slash, "+
			"no \".\" or \"..\" element, no backslash", path)
	}
}

func (v *validator) temporal() {
	t := v.c.Temporal
	if t.Namespace == "" {
		v.refuse("temporal.namespace", "temporal.namespace must not be empty")
	}
	if (t.TLS.Cert == "") != (t.TLS.Key == "") {
		v.refuse("temporal.tls", "temporal.tls needs cert and key together, or neither")
	}
	if !t.Embedded() {
		if err := hostPort(t.Address); err != "" {
			v.refuse("temporal.address", "temporal.address %s", err)
		}
	} else if t.TLS != (TLS{}) || t.APIKey != "" {
		v.refuse("temporal", "temporal.tls and temporal.apiKey mean nothing without temporal.address")
	}
	if len(t.OldCodecKeys) > 0 && t.CodecKey == "" {
		v.refuse("temporal.oldCodecKeys", "temporal.oldCodecKeys means nothing without temporal.codecKey")
	}
}

// encryption must be said one way or the other as soon as there is something to encrypt.
func (v *validator) encryption() {
	e := v.c.Encryption
	none := len(e.Recipients) == 0 && e.Identity == "" && e.Passphrase == "" && !e.Unencrypted
	if none && len(v.c.Stores) == 0 {
		return
	}
	if none {
		v.refuse("encryption", "encryption needs recipients, an identity or a passphrase; "+
			"or, to store readable copies, unencrypted: true")
		return
	}
	if _, err := seal.NewKeyring(e); err != nil {
		v.refuse("encryption", "%s", err)
	}
}

// Roles are what a key of the API may be, from the least to the most.
var Roles = []string{"viewer", "operator", "approver", "admin"}

func (v *validator) admin() {
	seen := make(map[string]bool)
	for i, key := range v.c.Admin.Keys {
		path := "admin.keys." + strconv.Itoa(i)
		switch {
		case !ValidKeyName(key.Name):
			v.refuse(path+".name", "%s.name %q must be 1 to 40 lower-case letters, digits or \"-\"", path, key.Name)
		case key.Name == "admin":
			v.refuse(path+".name", "%s.name \"admin\" is the key of LIFEBOAT_ADMIN_KEY; take another name", path)
		case seen[key.Name]:
			v.refuse(path+".name", "%s.name %q is there twice", path, key.Name)
		}
		seen[key.Name] = true
		if !strings.HasPrefix(key.Hash.Reveal(), "$argon2id$") {
			v.refuse(path+".hash", "%s.hash must be an argon2id hash ($argon2id$…)", path)
		}
		if !slices.Contains(Roles, key.Role) {
			v.refuse(path+".role", "%s.role %q must be one of %s", path, key.Role, strings.Join(Roles, ", "))
		}
	}
}

// ValidKeyName reports whether a name can be the id of an API key.
func ValidKeyName(name string) bool {
	return name != "" && len(name) <= 40 && strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// hasScheme reports whether a URL begins with one of the schemes.
func hasScheme(url secret.String, schemes []string) bool {
	scheme, _, found := strings.Cut(url.Reveal(), "://")
	return found && slices.Contains(schemes, scheme)
}

// sorted returns the names of a section, in order.
func sorted[V any](section map[string]V) []string { return slices.Sorted(maps.Keys(section)) }
