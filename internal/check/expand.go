package check

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// placeholder is {{NAME}}. Braces around what does not begin with a letter or a
// digit, as in the templates of other programs ({{.State}}), are left as they are.
var placeholder = regexp.MustCompile(`\{\{\s*([A-Za-z0-9][^{}]*?)\s*\}\}`)

// fields are what is known of a restored server, by the name in a placeholder.
var fields = map[string]func(*url.URL) string{
	"url":      (*url.URL).String,
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

// Expand puts what was restored in place of placeholders: {{main.url}},
// {{main.host}}, {{main.port}}, {{main.address}} (host:port), {{main.user}},
// {{main.password}} and {{main.database}} of the surface main, and {{drill.id}}.
// Values are put in as they are, without an escape. What is put in is not
// looked at again. A placeholder that names nothing is a fault of kind Invalid,
// which says what there is. The result is a secret, as it may hold a password.
func Expand(text string, servers map[string]Server, drillID string) (secret.String, error) {
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

func lookUp(name string, servers map[string]Server, drillID string) (string, error) {
	if name == "drill.id" {
		return drillID, nil
	}
	// The name of a surface may hold a dot; that of a field does not.
	cut := strings.LastIndexByte(name, '.')
	server, known := servers[name[:max(cut, 0)]]
	if !known {
		return "", fault.New(fault.Invalid, "the placeholder {{%s}} names nothing that was restored: there is {{drill.id}}, and {{SURFACE.FIELD}} of %s",
			name, listed(servers))
	}
	field, known := fields[name[cut+1:]]
	if !known {
		return "", fault.New(fault.Invalid, "the placeholder {{%s}} has no such field: there is %s", name, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
	}
	u, err := url.Parse(server.URL.Reveal())
	if err != nil {
		// The cause would quote the URL with its password.
		return "", fault.New(fault.Internal, "the URL of the restored surface %s can't be parsed", name[:cut])
	}
	return field(u), nil
}

// listed are the names of surfaces, for a message.
func listed(servers map[string]Server) string {
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
