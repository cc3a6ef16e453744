package postgres_test

import (
	"context"
	_ "embed"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/postgres"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

//go:embed testdata/fill.sql
var fillSQL string

// oddName is a database that must be quoted everywhere.
const oddName = `weird "db'; -- name =ü\`

// source is a cluster with one database on it, and a surface for that.
type source struct {
	*servers.PG
	database string
	surface  *postgres.Surface
}

func newSource(t testing.TB, database string, settings ...string) *source {
	t.Helper()
	pg := servers.Postgres(t, settings...)
	s := &source{PG: pg, database: database}
	run(t, pg.URL, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize())
	s.surface = newSurface(t, s.url())
	return s
}

func (s *source) url() string { return s.DatabaseURL(s.database) }

func newSurface(t testing.TB, url string) *postgres.Surface {
	t.Helper()
	s, err := postgres.New("main", surface.Config{Kind: "postgres", URL: secret.String(url)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var targets atomic.Int32

// newTarget names a database on a cluster that does not exist yet.
func newTarget(t testing.TB, pg *servers.PG) surface.Target {
	t.Helper()
	name := "target " + string('a'+targets.Add(1))
	return surface.Target{URL: secret.String(pg.DatabaseURL(name)), ScratchDir: t.TempDir()}
}

// run runs SQL, any number of statements, each in its own transaction unless the SQL says otherwise.
func run(t testing.TB, url, sql string) {
	t.Helper()
	conn := connect(t, url)
	defer conn.Close(context.Background())
	for _, statement := range topLevel(sql) {
		if _, err := conn.PgConn().Exec(t.Context(), statement).ReadAll(); err != nil {
			t.Fatalf("%v\n%s", err, statement)
		}
	}
}

// topLevel splits SQL at semicolons that end a line.
func topLevel(sql string) []string {
	var list []string
	for statement := range strings.SplitSeq(sql, ";\n") {
		if strings.TrimSpace(statement) != "" {
			list = append(list, statement)
		}
	}
	return list
}

func connect(t testing.TB, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func value[T any](t testing.TB, url, sql string, args ...any) T {
	t.Helper()
	conn := connect(t, url)
	defer conn.Close(context.Background())
	var v T
	if err := conn.QueryRow(t.Context(), sql, args...).Scan(&v); err != nil {
		t.Fatalf("%v\n%s", err, sql)
	}
	return v
}

// unstable is what the server prints differently when it has read it back; see canonical.
var unstable = strings.NewReplacer("(", "", ")", "", "::text", "", "::character varying", "", "[]", "")

// schemaText is what pg_dump says of a database's structure, without the
// lines and casts that differ from run to run.
func schemaText(t testing.TB, pg *servers.PG, url string) string {
	t.Helper()
	cmd := exec.Command(pg.Tool("pg_dump"), "--schema-only", "--dbname", url)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, `\restrict`) && !strings.HasPrefix(line, `\unrestrict`) {
			lines = append(lines, line)
		}
	}
	return unstable.Replace(strings.Join(lines, ""))
}
