package config

import (
	"encoding/json"
	"net/url"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Fingerprint is a digest (blake3:HEX) of everything in the configuration that
// a recovery depends on: two configurations with the same fingerprint protect
// the same data in the same way. Values of secrets don't count, only whether
// they are set; but the server, database and account that a URL or connection
// string names do. What concerns one process alone (temporal, listen, dataDir,
// admin, audit) is left out, and what is merely watched; and so are drills and
// evidence: see PlanDigest and ProofParts.
func (c *Config) Fingerprint() string {
	locations := make(map[string]string)
	for name, s := range c.Surfaces {
		locations["surfaces."+name] = publicURL(s.URL)
		if s.StandbyURL != "" {
			locations["surfaces."+name+".standby"] = publicURL(s.StandbyURL)
		}
		if s.Managed != nil && s.Managed.URL != "" {
			locations["surfaces."+name+".managed"] = publicURL(s.Managed.URL)
		}
	}
	for name, t := range c.Targets {
		locations["targets."+name] = publicURL(t.URL)
	}
	for name, s := range c.Stores {
		locations["stores."+name] = publicConnection(s.ConnectionString)
	}
	// Maps are written in order of their keys, and secrets as redacted, so the
	// text is the same for the same configuration.
	text, err := json.Marshal(struct {
		Encryption, Compression, Stores, Surfaces, Targets, Policies, PointsPrefix, Parallel, Locations any
	}{
		c.Encryption, c.Compression, c.Stores, c.Surfaces, c.Targets, c.Policies, c.PointsPrefix, c.Parallel, locations,
	})
	if err != nil {
		panic("config: a configuration always has a JSON form: " + err.Error())
	}
	return seal.DigestOf(text)
}

// publicURL is a URL without its password and without whatever its query says
// beyond names that are known to be harmless.
func publicURL(address secret.String) string {
	u, err := url.Parse(address.Reveal())
	if err != nil {
		return ""
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	query := u.Query()
	for name := range query {
		switch name {
		case "host", "port", "dbname", "user", "sslmode", "target_session_attrs", "db":
		default:
			query.Del(name)
		}
	}
	u.RawQuery, u.Fragment = query.Encode(), ""
	return u.String()
}

// publicConnection is a connection string without keys and signatures.
func publicConnection(connection secret.String) string {
	var public []string
	for field := range strings.SplitSeq(connection.Reveal(), ";") {
		switch name, _, _ := strings.Cut(field, "="); strings.ToLower(name) {
		case "accountname", "blobendpoint", "endpointsuffix", "defaultendpointsprotocol":
			public = append(public, field)
		}
	}
	return strings.Join(public, ";")
}
