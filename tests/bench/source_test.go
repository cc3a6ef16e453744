//go:build bench

package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const database = "company"

// schema is pgbench's tables' company: documents, prose, and an order's usual tables.
const schema = `
CREATE TABLE customers (id bigint, email text NOT NULL, name text NOT NULL, since timestamptz NOT NULL, profile jsonb NOT NULL);
CREATE TABLE orders (id bigint, customer_id bigint NOT NULL, placed timestamptz NOT NULL, status text NOT NULL, total numeric(10,2) NOT NULL, note text);
CREATE TABLE order_lines (order_id bigint, line int, sku text NOT NULL, quantity int NOT NULL, price numeric(10,2) NOT NULL);
CREATE TABLE events (id uuid, at timestamptz NOT NULL, kind text NOT NULL, payload jsonb NOT NULL);
CREATE TABLE articles (id bigint, published timestamptz NOT NULL, title text NOT NULL, body text NOT NULL);
`

// indexes are made when the rows are in, as a restore makes them.
const indexes = `
ALTER TABLE customers ADD PRIMARY KEY (id);
ALTER TABLE orders ADD PRIMARY KEY (id);
ALTER TABLE order_lines ADD PRIMARY KEY (order_id, line);
ALTER TABLE events ADD PRIMARY KEY (id);
ALTER TABLE articles ADD PRIMARY KEY (id);
ALTER TABLE orders ADD FOREIGN KEY (customer_id) REFERENCES customers;
CREATE INDEX ON orders (placed);
CREATE INDEX ON events (at);
`

// source is the database that is backed up.
type source struct {
	*servers.PG
	url string
}

// newSource fills a database until its rows have about so many 10^9 bytes as
// text. Three tenths are pgbench's accounts.
func newSource(b *testing.B, gigabytes float64) *source {
	b.Helper()
	began := time.Now()
	pg := servers.Postgres(b, "shared_buffers = 256MB", "max_wal_size = 8GB", "checkpoint_timeout = 1h", "maintenance_work_mem = 256MB", "autovacuum = off")
	s := &source{PG: pg, url: pg.DatabaseURL(database)}
	execute(b, pg.URL, "CREATE DATABASE "+database)
	// An account takes 97 bytes as text, and there are 100,000 per unit of scale.
	scale := max(1, int(0.3*gigabytes*1e9/9.7e6))
	init := exec.Command(pg.Tool("pgbench"), "--initialize", "--quiet", "--scale", strconv.Itoa(scale), s.url)
	if out, err := init.CombinedOutput(); err != nil {
		b.Fatalf("pgbench: %v\n%s", err, out)
	}
	execute(b, s.url, schema)
	s.fill(b, int64(gigabytes*1e9))
	execute(b, s.url, indexes)
	execute(b, s.url, "VACUUM (FREEZE, ANALYZE)")
	execute(b, s.url, "CHECKPOINT")
	fmt.Fprintf(os.Stdout, "database of %.1f GB made in %.0f s: %.2f GB on disk, indexes included\n", gigabytes, time.Since(began).Seconds(), s.size(b)/1e9)
	return s
}

func (s *source) fill(b *testing.B, size int64) {
	b.Helper()
	var group errgroup.Group
	group.SetLimit(2)
	for i, t := range []struct {
		name  string
		share float64
		row   func(*rowMaker, int) string
	}{
		{"events", 0.30, (*rowMaker).event},
		{"articles", 0.20, (*rowMaker).article},
		{"order_lines", 0.12, (*rowMaker).line},
		{"orders", 0.06, (*rowMaker).order},
		{"customers", 0.03, (*rowMaker).customer},
	} {
		m := newRowMaker(uint64(i))
		rows := &rowReader{size: int64(t.share * float64(size)), row: func(id int) string { return t.row(m, id) }}
		group.Go(func() error { return copyRows(s.url, t.name, rows) })
	}
	group.Go(func() error { return s.smallTables() })
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
}

// smallTables are what most databases have most of.
func (s *source) smallTables() error {
	ctx := context.Background()
	db, err := pgx.Connect(ctx, s.url)
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	for i := range 60 {
		_, err := db.Exec(ctx, fmt.Sprintf(`CREATE TABLE lookup_%02d AS
			SELECT n AS id, md5(n::text || '%[1]d') AS code, 'entry ' || n AS label FROM generate_series(1, 2000) n`, i))
		if err != nil {
			return err
		}
	}
	return nil
}

func copyRows(url, table string, rows *rowReader) error {
	ctx := context.Background()
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer db.Close(ctx)
	if _, err := db.PgConn().CopyFrom(ctx, rows, "COPY "+table+" FROM STDIN"); err != nil {
		return fmt.Errorf("fill %s: %w", table, err)
	}
	return nil
}

func execute(b *testing.B, url, sql string) {
	b.Helper()
	ctx := context.Background()
	db, err := pgx.Connect(ctx, url)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close(ctx)
	if _, err := db.PgConn().Exec(ctx, sql).ReadAll(); err != nil {
		b.Fatalf("%.60s: %v", sql, err)
	}
}

func (s *source) size(b *testing.B) float64 {
	b.Helper()
	ctx := context.Background()
	db, err := pgx.Connect(ctx, s.url)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close(ctx)
	var size int64
	if err := db.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&size); err != nil {
		b.Fatal(err)
	}
	return float64(size)
}

// postmaster is the ID of a cluster's main process.
func postmaster(b *testing.B, pg *servers.PG) int {
	b.Helper()
	raw, err := os.ReadFile(filepath.Join(pg.Dir, "postmaster.pid"))
	if err != nil {
		b.Fatal(err)
	}
	first, _, _ := strings.Cut(string(raw), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		b.Fatal(err)
	}
	return pid
}
