// Package postgres protects one database of a PostgreSQL server, version 15 or
// newer. The schema and large objects go through PostgreSQL's own tools, rows
// straight from and to the server by COPY; all of it within one exported snapshot.
package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Kind is the name of this kind of surface in the configuration.
const Kind = "postgres"

// Surface is one PostgreSQL database. It implements surface.Surface and surface.Scoper.
type Surface struct {
	name   string
	config surface.Config
	source *address
	limits limits
}

// New makes a surface from its configuration. It does not connect.
func New(name string, c surface.Config) (*Surface, error) {
	source, err := parseAddress(c.URL, c)
	if err != nil {
		return nil, err
	}
	return &Surface{name: name, config: c, source: source, limits: defaultLimits}, nil
}

// Kind implements surface.Surface.
func (s *Surface) Kind() string { return Kind }

// Probe implements surface.Surface.
func (s *Surface) Probe(ctx context.Context) (surface.Server, error) {
	conn, err := s.source.connect(ctx, "UTF8")
	if err != nil {
		return surface.Server{}, err
	}
	defer goodbye(conn)
	return describeServer(ctx, conn)
}

// Examine implements surface.Surface. Everything is known from dumping.
func (s *Surface) Examine(context.Context, surface.Source) (surface.Fingerprint, error) {
	return nil, nil
}

func describeServer(ctx context.Context, conn *pgx.Conn) (surface.Server, error) {
	server := surface.Server{Product: "PostgreSQL"}
	err := conn.QueryRow(ctx, `
		SELECT split_part(current_setting('server_version'), ' ', 1),
			current_setting('server_version_num')::int / 10000, pg_database_size(current_database())`).
		Scan(&server.Version, &server.Major, &server.Bytes)
	return server, classify(err, "ask PostgreSQL for its version")
}

// target is where a restore goes. On the source's own server, the source's TLS
// files are taken.
func (s *Surface) target(url secret.String) (*address, error) {
	at, err := parseAddress(url, surface.Config{})
	if err != nil || at.config.Host != s.source.config.Host || at.config.Port != s.source.config.Port {
		return at, err
	}
	return parseAddress(url, s.config)
}
