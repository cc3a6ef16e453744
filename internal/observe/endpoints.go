package observe

import (
	"cmp"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// endpoint is a server that may show a certificate.
type endpoint struct {
	// surface is empty for those of stores, and those that are watched.
	surface string
	// address is HOST:PORT.
	address string
	// postgres has TLS asked for as PostgreSQL does.
	postgres bool
	// optional is for servers that may be reached without TLS.
	optional bool
}

// endpoints are the servers of a configuration that speak TLS, each once.
func endpoints(c *config.Config) []endpoint {
	var out []endpoint
	for _, name := range slices.Sorted(maps.Keys(c.Surfaces)) {
		for _, e := range ofSurface(c.Surfaces[name]) {
			e.surface = name
			out = append(out, e)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Stores)) {
		s := c.Stores[name]
		out = append(out, https(s.Endpoint)...)
		out = append(out, https(blobEndpoint(s.ConnectionString.Reveal()))...)
	}
	if c.Temporal.TLS != (config.TLS{}) {
		out = append(out, endpoint{address: c.Temporal.Address})
	}
	for _, address := range c.Watch.Certificates {
		out = append(out, endpoint{address: address})
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(out, func(e endpoint) bool {
		twice := seen[e.address]
		seen[e.address] = true
		return twice
	})
}

func ofSurface(s config.Surface) []endpoint {
	var out []endpoint
	switch s.Kind {
	case surface.KindPostgres:
		out = append(ofPostgres(s.URL.Reveal(), s.CAFile), ofPostgres(s.StandbyURL.Reveal(), s.CAFile)...)
	case surface.KindRedis:
		if u, err := url.Parse(s.URL.Reveal()); err == nil && u.Scheme == "rediss" {
			out = append(out, endpoint{address: at(u, "6379")})
		}
	case surface.KindObjects:
		if s.Bucket != nil {
			out = append(https(s.Bucket.Endpoint), https(blobEndpoint(s.Bucket.ConnectionString.Reveal()))...)
		}
	case surface.KindTelemetry:
		if s.Telemetry != nil {
			out = https(s.Telemetry.URL.Reveal())
		}
	case surface.KindGit:
		if s.Repository != nil {
			out = https(s.Repository.URL.Reveal())
		}
	}
	return out
}

// ofPostgres are the hosts of a PostgreSQL URL that is not told to go without
// TLS. Where the URL leaves the choice to the server, so does this.
func ofPostgres(raw, caFile string) []endpoint {
	// It may name several hosts, and is then no URL by RFC 3986.
	_, rest, _ := strings.Cut(raw, "://")
	rest, text, _ := strings.Cut(rest, "?")
	authority, _, _ := strings.Cut(rest, "/")
	query, err := url.ParseQuery(text)
	if err != nil {
		return nil
	}
	mode := query.Get("sslmode")
	if mode == "" && caFile != "" {
		mode = "verify-full"
	}
	hosts := cmp.Or(authority[strings.LastIndex(authority, "@")+1:], query.Get("host"))
	var out []endpoint
	for host := range strings.SplitSeq(hosts, ",") {
		// A socket in the file system has no TLS.
		if host == "" || strings.HasPrefix(host, "/") || mode == "disable" {
			continue
		}
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), cmp.Or(query.Get("port"), "5432"))
		}
		optional := mode == "" || mode == "allow" || mode == "prefer"
		out = append(out, endpoint{address: host, postgres: true, optional: optional})
	}
	return out
}

// https is the server of a URL whose scheme is https.
func https(raw string) []endpoint {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" {
		return nil
	}
	return []endpoint{{address: at(u, "443")}}
}

func at(u *url.URL, port string) string {
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), port))
}

// blobEndpoint is the URL of an Azure account, of its connection string.
func blobEndpoint(connection string) string {
	fields := map[string]string{}
	for field := range strings.SplitSeq(connection, ";") {
		name, value, _ := strings.Cut(field, "=")
		fields[strings.ToLower(strings.TrimSpace(name))] = value
	}
	if own := fields["blobendpoint"]; own != "" || fields["accountname"] == "" {
		return own
	}
	return cmp.Or(fields["defaultendpointsprotocol"], "https") + "://" + fields["accountname"] + ".blob." + cmp.Or(fields["endpointsuffix"], "core.windows.net")
}
