package postgres_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface/postgres"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// A worker was killed while indexes were made; the next attempt finds some of them.
func TestFinishGoesOnAfterACrash(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	run(t, src.url(), fillSQL)
	point := surfacetest.Take(t, src.surface)
	dst := servers.Postgres(t)
	target := newTarget(t, dst)
	target.Throwaway = true
	if err := src.surface.Begin(t.Context(), target, point); err != nil {
		t.Fatal(err)
	}
	if err := surfacetest.Load(t.Context(), src.surface, target, point); err != nil {
		t.Fatal(err)
	}
	run(t, target.URL.Reveal(), `INSERT INTO lifeboat_restore.done VALUES ('#post-data-begun');
		ALTER TABLE app.people ADD CONSTRAINT people_pkey PRIMARY KEY (id);
		ALTER TABLE app.people ADD CONSTRAINT people_boss_fkey FOREIGN KEY (boss) REFERENCES app.people DEFERRABLE INITIALLY DEFERRED;
		CREATE PUBLICATION pub;
		ALTER TABLE app.people ENABLE ROW LEVEL SECURITY`)
	if err := src.surface.Finish(t.Context(), target, point); err != nil {
		t.Fatal(err)
	}
	surfacetest.RequireSame(t, src.surface, target, point)
	if value[bool](t, target.URL.Reveal(), "SELECT to_regnamespace('lifeboat_restore') IS NOT NULL") {
		t.Error("the bookkeeping is left in a database that is finished")
	}
	if !value[bool](t, target.URL.Reveal(), "SELECT reltuples > 0 FROM pg_class WHERE oid = 'app.people'::regclass") {
		t.Error("a throw-away server has no statistics")
	}
}

func TestGlobalsOnAThrowawayServer(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	space := src.SocketDir + "/space"
	run(t, src.URL, `SET allow_in_place_tablespaces = on; CREATE ROLE spacious; ALTER ROLE postgres SET work_mem = '9MB'`)
	makeTablespace(t, src, space)
	run(t, src.url(), `CREATE ROLE reader LOGIN PASSWORD 'secret;word'; CREATE TABLE elsewhere (i int) TABLESPACE far;
		ALTER DATABASE app SET search_path = 'a b', "$user", public; ALTER DATABASE app SET app.key = 'it''s, "so"';
		ALTER ROLE reader IN DATABASE app SET work_mem = '7MB'; ALTER DATABASE app CONNECTION LIMIT 7; COMMENT ON DATABASE app IS 'the ''app''';
		REVOKE CONNECT ON DATABASE app FROM PUBLIC; GRANT CONNECT ON DATABASE app TO reader; ALTER DATABASE app OWNER TO spacious`)
	point := surfacetest.Take(t, src.surface)
	dst := servers.Postgres(t)
	target := newTarget(t, dst)
	target.Throwaway = true
	restore(t, src, target, point)
	for what, sql := range map[string]string{
		"password of a role":    "SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 'reader'",
		"tablespace":            "SELECT pg_tablespace_location(oid) LIKE 'pg_tblspc/%' FROM pg_tablespace WHERE spcname = 'far' AND spcowner = 'spacious'::regrole",
		"table in a tablespace": "SELECT spcname = 'far' FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace WHERE relname = 'elsewhere'",
		"owner of the database": "SELECT datdba = 'spacious'::regrole AND datconnlimit = 7 FROM pg_database WHERE datname = current_database()",
		"comment":               "SELECT shobj_description(oid, 'pg_database') = 'the ''app''' FROM pg_database WHERE datname = current_database()",
		"search path":           `SELECT current_setting('search_path') = '"a b", "$user", public'`,
		"custom setting":        `SELECT current_setting('app.key') = 'it''s, "so"'`,
	} {
		if !value[bool](t, target.URL.Reveal(), sql) {
			t.Errorf("restored without %s", what)
		}
	}
	// The password of postgres, which both servers have, is still the target's: we are connected.
	if value[string](t, target.URL.Reveal(), "SHOW work_mem") != "9MB" {
		t.Error("settings of a role that both servers have are lost")
	}
}

func makeTablespace(t *testing.T, src *source, dir string) {
	t.Helper()
	conn := connect(t, src.URL)
	defer conn.Close(t.Context())
	// COPY TO PROGRAM makes the folder as the user that the server runs as.
	for _, sql := range []string{"COPY (SELECT 1) TO PROGRAM 'mkdir " + dir + "'", "CREATE TABLESPACE far OWNER spacious LOCATION '" + dir + "'"} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhatANewDatabaseHasStaysDropped(t *testing.T) {
	t.Parallel()
	src := newSource(t, "bare")
	run(t, src.url(), `DROP SCHEMA public; DROP EXTENSION plpgsql; CREATE SCHEMA app; CREATE TABLE app.t AS SELECT 1 AS i`)
	point := surfacetest.Take(t, src.surface)
	target := newTarget(t, src.PG)
	restore(t, src, target, point)
	if value[bool](t, target.URL.Reveal(), "SELECT to_regnamespace('public') IS NOT NULL OR EXISTS (SELECT FROM pg_extension)") {
		t.Error("schema public or plpgsql is back")
	}
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	for encoding, raw := range map[string]struct{ table, row string }{
		"LATIN1":    {"caf\xe9", "na\xefve"},
		"WIN1252":   {"caf\xe9", "\x80 and \x81, which is no character"},
		"SQL_ASCII": {"caf\xe9", "\xc3\xa9 and \xff\xfe"},
		"EUC_JP":    {"\xa4\xc6", "\xa4\xa2"},
	} {
		name := "db " + strings.ToLower(encoding)
		run(t, pg.URL, `CREATE DATABASE "`+name+`" TEMPLATE template0 ENCODING '`+encoding+`' LOCALE 'C'`)
		src := &source{PG: pg, database: name, surface: newSurface(t, pg.DatabaseURL(name))}
		// Bytes go to the server as they are.
		run(t, src.url()+"?client_encoding="+encoding, `CREATE TABLE "`+raw.table+`" AS SELECT text '`+raw.row+`' AS t; CREATE SEQUENCE "s`+raw.table+`"`)
		for _, single := range []int64{1, 1 << 30} { // in binary, and in text
			postgres.SetLimits(src.surface, single, 1<<40, 1<<40)
			restore(t, src, newTarget(t, pg), surfacetest.Take(t, src.surface))
		}
	}
}

// The extension is made up: hstore, with tables that it does not have. In the
// target they are made by hand where CREATE EXTENSION would have made them.
func TestExtensionTablesKeepTheirOwnRows(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	const tables = `CREATE TABLE settings (k text, v text); INSERT INTO settings VALUES ('default', 'made by the extension');
		CREATE TABLE internals AS SELECT 1 AS i;
		ALTER EXTENSION hstore ADD TABLE settings; ALTER EXTENSION hstore ADD TABLE internals;
		UPDATE pg_extension SET extconfig = ARRAY['settings'::regclass::oid], extcondition = ARRAY['WHERE k <> ''default'''] WHERE extname = 'hstore'`
	run(t, src.url(), "CREATE EXTENSION hstore;\n"+tables)
	run(t, src.url(), "INSERT INTO settings VALUES ('mine', 'kept'); INSERT INTO internals VALUES (2)")
	point := surfacetest.Take(t, src.surface)
	target := newTarget(t, src.PG)
	if err := src.surface.Begin(t.Context(), target, point); err != nil {
		t.Fatal(err)
	}
	url := target.URL.Reveal()
	run(t, url, tables)
	for range 2 {
		if err := surfacetest.Load(t.Context(), src.surface, target, point); err != nil {
			t.Fatal(err)
		}
	}
	if err := src.surface.Finish(t.Context(), target, point); err != nil {
		t.Fatal(err)
	}
	surfacetest.RequireSame(t, src.surface, target, point)
	if got := value[string](t, url, "SELECT string_agg(k || '=' || v, ',' ORDER BY k) FROM settings"); got != "default=made by the extension,mine=kept" {
		t.Errorf("settings: %s", got)
	}
	if n := value[int](t, url, "SELECT count(*) FROM internals"); n != 1 {
		t.Errorf("%d rows in a table that is the extension's own, want the 1 it makes", n)
	}
}

func TestTargetDatabases(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	run(t, src.url(), "CREATE TABLE t AS SELECT 1 AS i")
	point := surfacetest.Take(t, src.surface)
	target := newTarget(t, src.PG)
	config, err := pgx.ParseConfig(target.URL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	name := pgx.Identifier{config.Database}.Sanitize()

	run(t, src.URL, "CREATE DATABASE "+name+" TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'")
	if err := src.surface.Begin(t.Context(), target, point); !fault.Is(err, fault.Conflict) {
		t.Errorf("an empty database of another encoding: %v", err)
	}
	run(t, src.URL, "DROP DATABASE "+name)
	run(t, src.URL, "CREATE DATABASE "+name)
	made := value[uint32](t, src.URL, "SELECT oid FROM pg_database WHERE datname = $1", config.Database)
	restore(t, src, target, point)
	if value[uint32](t, src.URL, "SELECT oid FROM pg_database WHERE datname = $1", config.Database) != made {
		t.Error("an empty database that fits was made anew")
	}
	target.URL = secret.String(src.DatabaseURL("template1"))
	if err := src.surface.Begin(t.Context(), target, point); !fault.Is(err, fault.Invalid) {
		t.Errorf("a restore into template1: %v", err)
	}
	target.URL = secret.String(src.DatabaseURL("never begun"))
	if err := src.surface.Finish(t.Context(), target, point); !fault.Is(err, fault.Missing) {
		t.Errorf("finish without a database: %v", err)
	}
}
