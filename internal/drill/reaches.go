package drill

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Endpoint is where a server listens: a host in lower case, or the folder of a
// socket, and a port.
type Endpoint struct {
	Host, Port string
	// usual is set for the port that clients take where none is named.
	usual bool
}

// usualPorts are those of the schemes of URLs that need not name one.
var usualPorts = map[string]string{
	"postgres": "5432", "postgresql": "5432", "redis": "6379", "rediss": "6379", "http": "80", "https": "443",
}

// EndpointOf is where a server is by its URL; false for a text that names no host.
func EndpointOf(text secret.String) (Endpoint, bool) {
	u, err := url.Parse(text.Reveal())
	if err != nil {
		return Endpoint{}, false
	}
	host, port := u.Hostname(), u.Port()
	if query := u.Query(); u.Scheme == "postgres" || u.Scheme == "postgresql" {
		// As libpq has it: the folder of a socket stands in the query.
		if query.Has("host") {
			host = query.Get("host")
		}
		if query.Has("port") {
			port = query.Get("port")
		}
	}
	usual := usualPorts[u.Scheme]
	if port == "" {
		port = usual
	}
	return Endpoint{Host: hostName(host), Port: port, usual: port == usual}, host != ""
}

// loopback is how a host is called that is this one.
const loopback = "localhost"

// hostName is a host however it was written. Names are not resolved.
func hostName(host string) string {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.String()
	}
	switch host {
	case "127.0.0.1", "::1", "0.0.0.0", "::":
		return loopback
	}
	return host
}

// Named reports whether the texts of one step name the endpoint: as host:port,
// in a URL, or the host by itself and the port by itself, as in variables and
// options of commands. Another name for the same host is not seen through.
func (e Endpoint) Named(texts ...string) bool {
	host, port := false, false
	for _, text := range texts {
		for _, word := range strings.FieldsFunc(text, between) {
			named, at := authority(word)
			if at == e.Port && named == e.Host {
				return true
			}
			host = host || at == "" && named == e.Host
			port = port || word == e.Port
		}
	}
	return host && (port || e.usual && e.Host != loopback)
}

// between is what stands between the words of a command line, a list, or a connection string.
func between(r rune) bool { return r <= ' ' || strings.ContainsRune("\"'`=,;()<>|&?#", r) }

// authority is the host in a word, and its port where it has one.
func authority(word string) (host, port string) {
	scheme, rest, isURL := strings.Cut(word, "://")
	if !isURL {
		rest = word
	}
	if strings.HasPrefix(rest, "/") {
		return rest, ""
	}
	rest, _, _ = strings.Cut(rest, "/")
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	at := url.URL{Host: rest}
	host, port = at.Hostname(), at.Port()
	if strings.Count(rest, ":") > 1 && !strings.HasPrefix(rest, "[") {
		// An IPv6 address by itself.
		host, port = rest, ""
	}
	if port == "" && isURL {
		port = usualPorts[strings.ToLower(scheme)]
	}
	return hostName(host), port
}

// Reaches are the texts that say what a program connects to. They may hold secrets.
func (p Program) Reaches() []string {
	return append(append([]string{p.Ready}, p.Command...), revealed(p.Env)...)
}

// Reaches are the texts that say what a check connects to. They may hold secrets.
func (c Check) Reaches() []string {
	texts := []string{c.Address, c.URL}
	if c.Kind == CheckCommand {
		texts = append(append(texts, c.Command...), revealed(c.Env)...)
	}
	return texts
}

// Reaches are the texts that say what a reconciliation connects to beside what
// was restored. They may hold secrets.
func (r Reconcile) Reaches() []string {
	if r.Chain == nil {
		return nil
	}
	return []string{r.Chain.URL.Reveal()}
}

// revealed are the values of variables, in their own order.
func revealed(env map[string]secret.String) []string {
	var values []string
	//workflowcheck:ignore the values are sorted
	for _, value := range env {
		values = append(values, value.Reveal())
	}
	slices.Sort(values)
	return values
}
