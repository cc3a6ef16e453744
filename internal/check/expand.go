package check

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// placeholder is {{NAME}}. Braces around what does not begin with a letter or a
// digit, as in the templates of other programs ({{.State}}), are left as they are.
var placeholder = regexp.MustCompile(`\{\{\s*([A-Za-z0-9][^{}]*?)\s*\}\}`)

// fields are what is known of a restored server, by the name in a placeholder.
var fields = map[string]func(*url.URL) string{
	"host":     (*url.URL).Hostname,
	"port":     port,
	"address":  address,
	"user":     func(u *url.URL) string { return u.User.Username() },
	"password": func(u *url.URL) string { password, _ := u.User.Password(); return password },
	"database": func(u *url.URL) string { return strings.TrimPrefix(u.Path, "/") },
}

// ports are those of the schemes of URLs that need not name one.
var ports = map[string]string{"postgres": "5432", "postgresql": "5432", "redis": "6379", "rediss": "6379"}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return ports[u.Scheme]
}

// address is host:port, an IPv6 address being in brackets.
func address(u *url.URL) string {
	host := strings.TrimSuffix(u.Host, ":"+u.Port())
	return host + ":" + port(u)
}

// Expand puts what was restored in place of placeholders, which are those of
// drill.Check. Values are put in as they are, without an escape. What is put in
// is not looked at again. A placeholder that names nothing is a fault of kind
// Invalid, which says what there is. The result is a secret, as it may hold a
// password.
func Expand(text string, servers map[string]drill.Server, drillID string) (secret.String, error) {
	var problem error
	expanded := placeholder.ReplaceAllStringFunc(text, func(found string) string {
		value, err := lookUp(placeholder.FindStringSubmatch(found)[1], servers, drillID)
		if err != nil && problem == nil {
			problem = err
		}
		return value
	})
	if problem != nil {
		return "", problem
	}
	return secret.String(expanded), nil
}

func lookUp(name string, servers map[string]drill.Server, drillID string) (string, error) {
	if name == "drill.id" {
		return drillID, nil
	}
	surface, field := cutSurface(name, servers)
	if surface == "" {
		return "", fault.New(fault.Invalid, "the placeholder {{%s}} names nothing that was restored: there is {{drill.id}}, and {{SURFACE.FIELD}} of %s",
			name, listed(servers))
	}
	known, err := values(servers[surface].URL)
	if err != nil {
		// The cause would quote the URL with its password.
		return "", fault.New(fault.Internal, "the URL of the restored surface %s can't be parsed", surface)
	}
	value, there := known[field]
	if !there {
		return "", fault.New(fault.Invalid, "the placeholder {{%s}} has no such field: there is %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
	}
	return value, nil
}

// cutSurface parts SURFACE.FIELD after the longest name of a surface, as both
// may hold dots; the surface is empty where there is none of that name.
func cutSurface(name string, servers map[string]drill.Server) (surface, field string) {
	for known := range servers {
		if rest, begins := strings.CutPrefix(name, known+"."); begins && len(known) > len(surface) {
			surface, field = known, rest
		}
	}
	return surface, field
}

// values are what is known of what was restored, by the name in a placeholder.
func values(text secret.String) (map[string]string, error) {
	u, err := url.Parse(text.Reveal())
	if err != nil {
		return nil, err
	}
	out := map[string]string{"url": u.String()}
	switch u.Scheme {
	case "file":
		out["path"] = u.Path
	case cluster.Scheme:
		place, err := cluster.ParsePlace(text)
		if err != nil {
			return nil, err
		}
		out["kubeconfig"], out["context"] = place.Kubeconfig, place.Context
		for old, copied := range place.Namespaces {
			out["namespace."+old] = copied
			if len(place.Namespaces) == 1 {
				out["namespace"] = copied
			}
		}
	default:
		for name, of := range fields {
			out[name] = of(u)
		}
	}
	return out, nil
}

// listed are the names of surfaces, for a message.
func listed(servers map[string]drill.Server) string {
	if len(servers) == 0 {
		return "no surface"
	}
	return strings.Join(slices.Sorted(maps.Keys(servers)), ", ")
}

// expand is a check whose texts have their placeholders replaced. It holds
// secrets, and does not leave this package.
func (r *Runner) expand(c drill.Check) (drill.Check, error) {
	var problem error
	expand := func(text string) string {
		expanded, err := Expand(text, r.Servers, r.DrillID)
		if err != nil && problem == nil {
			problem = err
		}
		return expanded.Reveal()
	}
	for _, text := range []*string{
		&c.Address, &c.URL, &c.Body, &c.JSONPath, &c.Query, &c.Database, &c.Rows, &c.Expect, &c.Service,
		&c.ServerName, &c.CAFile, &c.Kubeconfig, &c.Context, &c.Namespace, &c.Resource,
	} {
		*text = expand(*text)
	}
	c.Command = slices.Clone(c.Command)
	for n, word := range c.Command {
		c.Command[n] = expand(word)
	}
	c.ExpectHeaders = maps.Clone(c.ExpectHeaders)
	for name, text := range c.ExpectHeaders {
		c.ExpectHeaders[name] = expand(text)
	}
	c.Headers, c.Env = maps.Clone(c.Headers), maps.Clone(c.Env)
	for _, secrets := range []map[string]secret.String{c.Headers, c.Env} {
		for name, text := range secrets {
			secrets[name] = secret.String(expand(text.Reveal()))
		}
	}
	return c, problem
}
