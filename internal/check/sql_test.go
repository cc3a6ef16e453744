package check_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/check"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// database is a PostgreSQL with a database shop, restored as the surface main.
func database(t *testing.T) (*servers.PG, *check.Runner) {
	t.Helper()
	pg := servers.Postgres(t)
	execute(t, pg.URL, "CREATE DATABASE shop")
	execute(t, pg.DatabaseURL("shop"),
		"CREATE TABLE orders (id bigint PRIMARY KEY, amount numeric(40, 20), paid boolean, note text)",
		"INSERT INTO orders SELECT n, n + 0.5, n % 2 = 0, NULL FROM generate_series(1, 250) n",
		"CREATE SEQUENCE numbers")
	return pg, &check.Runner{Servers: map[string]drill.Server{
		"main":  {Kind: "postgres", URL: secret.String(pg.DatabaseURL("shop") + "?sslmode=disable")},
		"cache": {Kind: "redis", URL: "redis://localhost"},
	}}
}

func execute(t *testing.T, url string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestSQL(t *testing.T) {
	t.Parallel()
	pg, r := database(t)
	for _, c := range []struct {
		query, expect, rows string
		want                want
	}{
		{"SELECT count(*) FROM orders", "250", "", want{drill.Pass, "main: SELECT count(*) FROM orders", "first value = 250", "1 row, first value 250", ""}},
		{"SELECT count(*) FROM orders", "", "", want{drill.Pass, "", "the query succeeds", "1 row, first value 250", ""}},
		{"SELECT id FROM orders ORDER BY id", "1", "250", want{drill.Pass, "", "first value = 1; rows = 250", "250 rows, first value 1", ""}},
		{"SELECT id FROM orders WHERE id > 1000", "", "0", want{drill.Pass, "", "rows = 0", "0 rows", ""}},
		{"SELECT amount FROM orders WHERE id = 3", "3.5", "", pass("1 row, first value 3.50000000000000000000")},
		{"SELECT 115792089237316195423570985008687907853269984665640564039457584007913129639935::numeric",
			"> 115792089237316195423570985008687907853269984665640564039457584007913129639934", "", pass("")},
		{"SELECT paid FROM orders WHERE id = 2", "true", "", pass("1 row, first value true")},
		{"SELECT paid FROM orders WHERE id = 1", "false", "", pass("1 row, first value false")},
		{"SELECT note FROM orders WHERE id = 2", "NULL", "", pass("1 row, first value NULL")},
		{"SELECT ARRAY[1, 2]", "{1,2}", "", pass("{1,2}")},
		{"SELECT current_database()", "~ ^shop$", "", pass("shop")},
		{"SELECT repeat('x', 1000000)", "*= x", "", pass("…")},
		{"TABLE orders", "", ">= 100", pass("250 rows, first value 1")},
		{"SELECT repeat('x', 100000) FROM generate_series(1, 100)", "", "100", pass("100 rows")},
		{"SHOW transaction_read_only", "on", "", pass("on")},
		{"SELECT 1 WHERE '{{main.host}}' = '127.0.0.1'", "1", "", pass("1 row, first value 1")},

		{"SELECT count(*) FROM orders", "> 250", "", want{drill.Fail, "", "", "1 row, first value 250", "expected the first value > 250, observed 250"}},
		{"SELECT id FROM orders ORDER BY id", "1", "> 250", want{drill.Fail, "", "", "250 rows, first value 1", "expected the number of rows > 250, observed 250"}},
		{"SELECT id FROM orders WHERE id > 1000", "!= 5", "", want{drill.Fail, "", "", "0 rows", "the query answered no row, expected a value"}},
		{"SELECT FROM orders", "!= 5", "", fail("the query answers no columns, expected a value")},
		{"SELECT note FROM orders WHERE id = 2", "> 0", "", fail("expected the first value > 0, observed NULL")},
		{"SELECT * FROM invoices", "", "", want{drill.Fail, "", "", "", `query main: ERROR: relation "invoices" does not exist`}},
		{"SELECT 1 / (id - 250) FROM orders ORDER BY id", "", "250", fail("division by zero")},
		{"SELECT 1; SELECT 2", "", "", fail("cannot insert multiple commands into a prepared statement")},
		{"SELECT repeat('x', 2000000)", "*= x", "", fail("a row is longer than 1048576 bytes")},
		{"DELETE FROM orders", "", "", fail("cannot execute DELETE in a read-only transaction")},
		{"SELECT nextval('numbers')", "", "", fail("cannot execute nextval() in a read-only transaction")},
		{"SET TRANSACTION READ WRITE", "", "", pass("0 rows")},
		{"COMMIT", "", "", pass("0 rows")},
	} {
		try(t, r, drill.Check{Kind: drill.CheckSQL, Surface: "main", Query: c.query, Expect: c.expect, Rows: c.rows}, c.want)
	}
	other := drill.Check{Kind: drill.CheckSQL, Surface: "main", Query: "SELECT current_database()", Expect: "postgres", Database: "postgres"}
	try(t, r, other, pass("postgres"))
	other.Database = "absent"
	got := try(t, r, other, want{drill.Fail, "", "", "no connection", `database "absent" does not exist`})
	holdsNone(t, got, servers.PGPassword)
	try(t, r, drill.Check{Kind: drill.CheckSQL, Surface: "cache", Query: "SELECT 1"}, fail("surface cache is of kind redis, which a check of kind sql can't ask"))
	execute(t, pg.DatabaseURL("shop"), "DO $$ BEGIN ASSERT (SELECT count(*) FROM orders) = 250; END $$")
}

func TestSQLTakesTooLong(t *testing.T) {
	t.Parallel()
	_, r := database(t)
	try(t, r, drill.Check{Kind: drill.CheckSQL, Surface: "main", Query: "SELECT pg_sleep(600)", Timeout: impatience}, fail("no answer within 300ms"))
}

func TestSQLUnreachable(t *testing.T) {
	t.Parallel()
	const password = "hunter22"
	r := &check.Runner{Servers: map[string]drill.Server{
		"gone":   {Kind: "postgres", URL: secret.String("postgres://joe:" + password + "@" + servers.Address(t) + "/db?sslmode=disable")},
		"mute":   {Kind: "postgres", URL: secret.String("postgres://joe:" + password + "@" + mute(t) + "/db?sslmode=disable")},
		"broken": {Kind: "postgres", URL: secret.String("postgres://joe:" + password + "@local host:%zz/db")},
	}}
	for surface, detail := range map[string]string{"gone": "connection refused", "mute": "no answer within", "broken": "can't be parsed"} {
		c := drill.Check{Kind: drill.CheckSQL, Surface: surface, Query: "SELECT '" + password + "'"}
		if surface == "mute" {
			c.Timeout = impatience
		}
		holdsNone(t, try(t, r, c, want{drill.Fail, surface + ": SELECT '", "", "no connection", detail}), password)
	}
}

func TestSQLHidesSecrets(t *testing.T) {
	t.Parallel()
	_, r := database(t)
	// It would be cut in the middle by whoever shortens a text first: the first
	// length is for what was observed, the second for the detail.
	for _, length := range []int{177, 357} {
		filler := strings.Repeat("y", length)
		got := try(t, r, drill.Check{Kind: drill.CheckSQL, Surface: "main", Query: "SELECT '" + filler + "{{main.password}}'", Expect: "x"}, fail(filler))
		holdsNone(t, got, servers.PGPassword[:2])
	}
	try(t, r, drill.Check{Kind: drill.CheckSQL, Surface: "main", Query: "SELECT '{{main.password}}'", Expect: "{{main.password}}"},
		want{drill.Pass, "main: SELECT '**redacted**'", "first value = **redacted**", "1 row, first value **redacted**", ""})
	wrong := *r
	wrong.Servers = map[string]drill.Server{"main": {Kind: "postgres", URL: secret.String(strings.Replace(r.Servers["main"].URL.Reveal(), "p%40ss", "no-pass", 1))}}
	got := try(t, &wrong, drill.Check{Kind: drill.CheckSQL, Surface: "main", Query: "SELECT 1"}, fail("password authentication failed"))
	holdsNone(t, got, "no-pass")
}
