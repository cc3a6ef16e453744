package config

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// PlanDigest is a digest (blake3:HEX) of a plan with all its defaults, and empty
// when there is no such plan. Values of secrets don't count, only whether they
// are set; but the hosts of the nodes that chains are read from do.
func (c *Config) PlanDigest(name string) string {
	p, known := c.Drills[name]
	if !known {
		return ""
	}
	return digestOf(p, nodes(p))
}

// The names of the parts of a proof. Those of stores, surfaces and policies are
// followed by a name.
const (
	PartPlan        = "plan"
	PartKeys        = "keys"
	PartRestorePath = "restore-path"
	PartRouteSwitch = "route-switch"
	PartStore       = "store:"
	PartSurface     = "surface:"
	PartEnvironment = "environment:"
	PartPolicies    = "policies:"
)

// ProofParts are the short fingerprints (16 hexadecimal digits), by name, of all
// in the configuration that a passed drill of a plan has proved: while each of
// them is the same, what was proved then holds still, and the name of one that
// differs says what has changed. There are none when there is no such plan.
//
//   - plan: what is restored, started, checked, compared and promised. When the
//     drill comes, who takes part and how it is signed off is not in it.
//   - keys: who can open new points.
//   - store:NAME: where each store is that the plan reads from.
//   - surface:NAME: where each surface is, and by what tools it is restored.
//   - environment:NAME: the cluster that a surface is restored to, where it names one.
//   - policies:NAME: how the points of each surface are made and kept.
//   - restore-path: how points are written, named and read.
//   - route-switch: the procedure by which clients are sent to what was restored.
//
// Values of secrets don't count, only whether they are set. A plan that restores
// nothing proves only itself and its route-switch.
func (c *Config) ProofParts(name string) map[string]string {
	parts := make(map[string]string)
	p, known := c.Drills[name]
	if !known {
		return parts
	}
	parts[PartPlan], parts[PartRouteSwitch] = short(substance(p), nodes(p)), short(p.RouteSwitch)
	if len(p.Surfaces) > 0 {
		parts[PartKeys] = short(c.keys())
		parts[PartRestorePath] = short(c.Compression, c.PointsPrefix, c.Parallel)
	}
	for _, surfaceName := range p.Surfaces {
		parts[PartSurface+surfaceName] = short(surfacePart(c.Surfaces[surfaceName]))
		if environment := c.Surfaces[surfaceName].Environment; environment != "" {
			parts[PartEnvironment+environment] = short(c.Environments[environment])
		}
		parts[PartPolicies+surfaceName] = short(c.policiesOf(surfaceName))
		for _, storeName := range c.DrillStores(name, surfaceName) {
			parts[PartStore+storeName] = short(storePart(c.Stores[storeName]))
		}
	}
	return parts
}

// substance is a plan without what does not touch what a drill of it proves.
func substance(p drill.Plan) drill.Plan {
	p.Cron, p.TimeZone, p.Paused, p.After, p.Keep = "", "", false, nil, 0
	p.SignOff = drill.SignOff{}
	p.Owner, p.Operator, p.Reviewer, p.AbsentKeyPerson = "", "", "", ""
	p.Observers, p.Participants = nil, nil
	// It is a part of its own.
	p.RouteSwitch = ""
	return p
}

// nodes are the hosts of the nodes that a plan's chains are read from, by the
// name of the reconciliation. Nodes have their keys in paths, queries and
// passwords; which chain it is stands in the plan.
func nodes(p drill.Plan) map[string]string {
	out := make(map[string]string)
	for _, r := range p.Reconcile {
		if r.Chain == nil {
			continue
		}
		if u, err := url.Parse(publicURL(r.Chain.URL)); err == nil {
			out[r.Name] = u.Scheme + "://" + u.Host
		}
	}
	return out
}

// keys says who can open new points: the holders of public keys, or of a passphrase.
func (c *Config) keys() any {
	if c.Encryption.Passphrase != "" {
		return "passphrase"
	}
	keyring, err := seal.NewKeyring(c.Encryption)
	if err != nil {
		return nil
	}
	// Without a passphrase it makes no new key.
	key, err := keyring.NewPointKey()
	if err != nil {
		return nil
	}
	return []any{key.Scheme, slices.Sorted(slices.Values(key.Recipients))}
}

func (c *Config) policiesOf(surfaceName string) map[string]Policy {
	out := maps.Clone(c.Policies)
	maps.DeleteFunc(out, func(_ string, p Policy) bool { return p.Surface != surfaceName })
	return out
}

// storePart is where a store is. Who may read it is no part of that: access keys change.
func storePart(s store.Config) any {
	at := place(s)
	at.Region, at.PathStyle = s.Region, s.PathStyle
	return []any{at, publicConnection(s.ConnectionString)}
}

// surfacePart is where a surface is, and what its recovery is done with.
func surfacePart(s Surface) any {
	part := []any{s.Kind, publicURL(s.URL), publicURL(s.StandbyURL), s.BinDir}
	if !s.server() {
		part = append(part, s.Cluster, s.Velero, s.Bucket, s.Telemetry, s.Repository, s.places())
	}
	if s.Managed != nil {
		m := *s.Managed
		m.URL, m.AccessKeyID, m.SecretAccessKey = "", "", ""
		m.TenantID, m.ClientID, m.ClientSecret = "", "", ""
		part = append(part, m, publicURL(s.Managed.URL))
	}
	return part
}

// places are where a surface is that is no server, without what is secret of it.
func (s Surface) places() []string {
	var out []string
	if s.Repository != nil {
		if remote, err := s.Repository.Remote(); err == nil {
			out = append(out, remote.Address)
		}
	}
	if s.Telemetry != nil {
		out = append(out, publicURL(s.Telemetry.URL))
	}
	if s.Bucket != nil {
		out = append(out, publicConnection(s.Bucket.ConnectionString))
	}
	return out
}

// digestOf is the digest of things as JSON, in which maps are in order and secrets redacted.
func digestOf(things ...any) string {
	text, err := json.Marshal(things)
	if err != nil {
		panic("config: a configuration always has a JSON form: " + err.Error())
	}
	return seal.DigestOf(text)
}

// short is the beginning of digestOf, for people to compare.
func short(things ...any) string {
	_, digits, _ := strings.Cut(digestOf(things...), ":")
	return digits[:16]
}
