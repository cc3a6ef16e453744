package postgres

import (
	"context"
	"encoding/json"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// The names of the parts that are not rows of tables.
const (
	// partSchema is an archive of everything but rows.
	partSchema = "schema"
	// partGlobals is a script of roles and tablespaces, which belong to the
	// whole server.
	partGlobals = "globals"
	// partDatabase is a script of what belongs to the database itself: owner,
	// privileges, settings. It applies to the database that psql is connected to.
	partDatabase = "database"
	// partLargeObjects is an archive of large objects; it is there if they are.
	partLargeObjects = "large-objects"
)

// schemaSpec is the Spec of partSchema: what must be known to create the
// database that the archive is restored into.
type schemaSpec struct {
	// Major is the version of the server, Tools that of the pg_dump which made the archive.
	Major int `json:"major"`
	Tools int `json:"tools"`
	// Encoding, Provider (c, i, b), Collate, CType, Locale and Rules are as in pg_database.
	Encoding string `json:"encoding"`
	Provider string `json:"provider"`
	Collate  string `json:"collate"`
	CType    string `json:"ctype"`
	Locale   string `json:"locale,omitempty"`
	Rules    string `json:"rules,omitempty"`
	// NoPublic and NoPlpgsql are set where the source has dropped what every
	// new database has.
	NoPublic  bool `json:"noPublic,omitempty"`
	NoPlpgsql bool `json:"noPlpgsql,omitempty"`
}

// metaParts plans the parts beside the rows, and finds the tools for them, so
// that a missing tool is known before any work is done.
func (s *Surface) metaParts(ctx context.Context, conn *pgx.Conn) ([]surface.Part, error) {
	spec, err := describeDatabase(ctx, conn)
	if err != nil {
		return nil, err
	}
	found, err := findTools(ctx, s.config.BinDir, spec.Major)
	if err != nil {
		return nil, err
	}
	spec.Tools = found.major
	text, err := json.Marshal(spec)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "describe the database")
	}
	var classes int64
	if err := conn.QueryRow(ctx, "SELECT count(*) FROM pg_class").Scan(&classes); err != nil {
		return nil, classify(err, "count the catalog")
	}
	const bytesPerClass = 500
	parts := []surface.Part{
		{Name: partSchema, Role: surface.RoleMeta, Format: FormatArchive, Estimate: classes * bytesPerClass, Spec: text},
		{Name: partGlobals, Role: surface.RoleMeta, Format: FormatSQL},
		{Name: partDatabase, Role: surface.RoleMeta, Format: FormatSQL},
	}
	large, err := planLargeObjects(ctx, conn)
	return append(large, parts...), err
}

// describeDatabase reads the properties that can only be given when a database
// is created. The columns differ between versions, so the row is read as JSON.
func describeDatabase(ctx context.Context, conn *pgx.Conn) (schemaSpec, error) {
	var spec schemaSpec
	err := conn.QueryRow(ctx, `
		SELECT current_setting('server_version_num')::int / 10000, pg_encoding_to_char(encoding),
			datlocprovider::text, datcollate, datctype,
			coalesce(to_jsonb(d) ->> 'datlocale', to_jsonb(d) ->> 'daticulocale', ''), coalesce(to_jsonb(d) ->> 'daticurules', ''),
			to_regnamespace('public') IS NULL,
			NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'plpgsql')
		FROM pg_database d WHERE datname = current_database()`).
		Scan(&spec.Major, &spec.Encoding, &spec.Provider, &spec.Collate, &spec.CType, &spec.Locale, &spec.Rules, &spec.NoPublic, &spec.NoPlpgsql)
	return spec, classify(err, "describe the database")
}

// dumpSchema writes everything but rows. pg_dump joins the same snapshot.
func (s *Surface) dumpSchema(ctx context.Context, conn *pgx.Conn, at *address, t token, w io.Writer) error {
	found, err := s.toolsFor(ctx, conn)
	if err != nil {
		return err
	}
	_, err = at.run(ctx, nil, w, found.program("pg_dump"), "--format=custom", "--compress=0", "--schema-only",
		"--exclude-schema="+bookkeeping, "--snapshot="+t.Snapshot, s.lockWaitFlag(), "--no-password")
	return err
}

// lockWaitFlag keeps pg_dump from waiting behind a session that waits to
// change a table: that one waits for us.
func (s *Surface) lockWaitFlag() string {
	return "--lock-wait-timeout=" + s.limits.dumpLockWait.String()
}

// dumpGlobals writes roles and tablespaces. A user who may not read passwords
// gets roles without.
func (s *Surface) dumpGlobals(ctx context.Context, conn *pgx.Conn, at *address, w io.Writer) error {
	found, err := s.toolsFor(ctx, conn)
	if err != nil {
		return err
	}
	readable, err := passwordsReadable(ctx, conn)
	if err != nil {
		return err
	}
	args := []string{"--globals-only", "--no-password", "--database=" + at.conninfo()}
	if !readable {
		args = append(args, "--no-role-passwords")
	}
	_, err = at.run(ctx, nil, w, found.program("pg_dumpall"), args...)
	return err
}

func passwordsReadable(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var readable bool
	err := conn.QueryRow(ctx, "SELECT has_table_privilege('pg_catalog.pg_authid', 'SELECT')").Scan(&readable)
	return readable, classify(err, "ask for privileges")
}

func (s *Surface) toolsFor(ctx context.Context, conn *pgx.Conn) (tools, error) {
	var major int
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version_num')::int / 10000").Scan(&major); err != nil {
		return tools{}, classify(err, "ask PostgreSQL for its version")
	}
	return findTools(ctx, s.config.BinDir, major)
}

// notes says what a restored copy will not have, one line each.
func notes(ctx context.Context, conn *pgx.Conn) ([]string, error) {
	rows, err := conn.Query(ctx, `
		SELECT 'index ' || i.indexrelid::regclass || ' is invalid and left out: REINDEX INDEX CONCURRENTLY makes it whole'
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE NOT (i.indisvalid AND i.indisready) AND t.relkind <> 'p' AND `+userSchema+`
		UNION ALL
		SELECT 'the rows of unlogged table ' || c.oid::regclass || ' are left out: a standby does not have them'
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND pg_is_in_recovery() AND `+userSchema+`
		UNION ALL
		SELECT 'roles are without their passwords: the user may not read pg_authid'
		WHERE NOT has_table_privilege('pg_catalog.pg_authid', 'SELECT')
		UNION ALL
		SELECT 'subscription ' || quote_ident(subname) || ' comes back disabled'
		FROM pg_stat_subscription WHERE subname IS NOT NULL AND pid IS NOT NULL
		ORDER BY 1`)
	if err != nil {
		return nil, classify(err, "look for what can't be dumped")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (string, error) {
		var line string
		err := row.Scan(&line)
		return display([]byte(line)), err
	})
	return list, classify(err, "look for what can't be dumped")
}
