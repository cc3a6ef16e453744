package activities

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// Every database is read, and each is left as it was: with an extension of its
// own, and without ours, also that of a check that was killed.
func TestAmcheckReadsEveryDatabase(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t)
	server := local.Server{URL: secret.String(pg.URL), BinDir: pg.BinDir}
	ask := func(database string, do func(*pgx.Conn) error) {
		t.Helper()
		u, err := inDatabase(server.URL, database)
		if err == nil {
			err = withConn(t.Context(), u, do)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	run := func(sql ...string) func(*pgx.Conn) error {
		return func(conn *pgx.Conn) (err error) {
			for _, statement := range sql {
				if _, bad := conn.Exec(t.Context(), statement); err == nil {
					err = bad
				}
			}
			return err
		}
	}
	ask("postgres", run(`CREATE DATABASE "it's an = \ odd one"`, `CREATE DATABASE own`, `CREATE DATABASE shut ALLOW_CONNECTIONS false`,
		`ALTER DATABASE own SET default_transaction_read_only = on`))
	ask("own", run("CREATE EXTENSION amcheck"))
	ask(`it's an = \ odd one`, func(conn *pgx.Conn) error { return addAmcheck(t.Context(), conn) })
	ask(`it's an = \ odd one`, run("CREATE TABLE there (id bigint PRIMARY KEY)", "INSERT INTO there SELECT generate_series(1, 3000)"))
	want := []string{`it's an = \ odd one`, "own", "postgres", "template1"}
	databases, err := databasesOf(t.Context(), server.URL)
	if err != nil || len(databases) < len(want) {
		t.Fatalf("%q, %v", databases, err)
	}
	check, err := amcheck(t.Context(), server, databases)
	if err != nil || check.Outcome != "" || slices.ContainsFunc(want, func(name string) bool { return !strings.Contains(check.Result, name) }) {
		t.Fatalf("%+v, %v", check, err)
	}
	if strings.Contains(check.Result, "shut") {
		t.Errorf("%q names a database that nobody can read", check.Result)
	}
	for _, database := range databases {
		ask(database, func(conn *pgx.Conn) error {
			var extensions, schemas int
			err := conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'),
				(SELECT count(*) FROM pg_namespace WHERE nspname = $1)`, amcheckSchema).Scan(&extensions, &schemas)
			if (extensions == 1) != (database == "own") || schemas != 0 {
				t.Errorf("%s is left with %d extensions and %d schemas", database, extensions, schemas)
			}
			return err
		})
	}
	var file string
	ask(`it's an = \ odd one`, func(conn *pgx.Conn) error {
		return conn.QueryRow(t.Context(), "SELECT pg_relation_filepath('there')").Scan(&file)
	})
	ask("postgres", run("CHECKPOINT"))
	damage(t, filepath.Join(pg.Dir, file))
	pg.Restart(t)
	if _, err := amcheck(t.Context(), server, databases); !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "odd one") {
		t.Errorf("a damaged table: %v", err)
	}
	// Where the program is not there, nothing was looked at: that is no pass.
	bare := local.Server{URL: server.URL, BinDir: t.TempDir()}
	if check, err := amcheck(t.Context(), bare, databases); err != nil || check.Outcome != drill.Warn || !strings.Contains(check.Result, "not checked") {
		t.Errorf("without pg_amcheck: %+v, %v", check, err)
	}
	absent, err := absentFrom(databases, secret.String("postgres://u@127.0.0.1:1/shop"))
	if err != nil || !strings.Contains(absent, "shop") || !strings.Contains(absent, "own") {
		t.Errorf("%q, %v", absent, err)
	}
	if absent, err := absentFrom(databases, server.URL); err != nil || absent != "" {
		t.Errorf("%q, %v", absent, err)
	}
}

// damage overwrites where a table's second page says where its rows are.
func damage(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(bytes.Repeat([]byte{0x55}, 64), 8192+24); err != nil {
		t.Fatal(err)
	}
}
