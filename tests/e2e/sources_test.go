package e2e

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// exec runs statements on a database.
func execSQL(t *testing.T, url string, statements ...string) {
	t.Helper()
	ctx := context.Background()
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(ctx)
	for _, statement := range statements {
		if _, err := db.Exec(ctx, statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// text returns the one value of a query as text.
func text(t *testing.T, url, statement string) string {
	t.Helper()
	value, err := query(url, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return value
}

func query(url, statement string) (value string, err error) {
	ctx := context.Background()
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		return "", err
	}
	defer db.Close(ctx)
	err = db.QueryRow(ctx, "SELECT ("+statement+")::text").Scan(&value)
	return value, err
}

// shop is a small database with the things that matter; rows is how large it is.
func shop(t *testing.T, pg *servers.PG, rows int) (url string) {
	t.Helper()
	execSQL(t, pg.URL, "CREATE DATABASE shop")
	url = pg.DatabaseURL("shop")
	execSQL(t, url,
		`CREATE TABLE orders (id bigint PRIMARY KEY, note text NOT NULL, at timestamptz NOT NULL DEFAULT now())`,
		`CREATE TABLE lines (order_id bigint REFERENCES orders, n int, price numeric, PRIMARY KEY (order_id, n))`,
		`CREATE SEQUENCE tickets START 7`,
		fmt.Sprintf(`INSERT INTO orders SELECT n, repeat(md5(n::text), 8) FROM generate_series(1, %d) n`, rows),
		fmt.Sprintf(`INSERT INTO lines SELECT n, l, n * l / 7.0 FROM generate_series(1, %d) n, generate_series(1, 2) l`, rows),
		`SELECT nextval('tickets')`,
	)
	return url
}

// noise adds a table whose rows hardly compress, a thousand bytes each.
func noise(t *testing.T, url string, rows int) {
	t.Helper()
	execSQL(t, url, `CREATE TABLE noise (id int PRIMARY KEY, body text)`, fmt.Sprintf(`INSERT INTO noise
		SELECT n, (SELECT string_agg(md5(n || '-' || i), '') FROM generate_series(1, 32) i) FROM generate_series(1, %d) n`, rows))
}

// sessions counts those that Lifeboat has on a database.
func sessions(t *testing.T, url string) string {
	t.Helper()
	return text(t, url, `SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'lifeboat%' AND datname = current_database()`)
}
