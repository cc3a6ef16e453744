package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/postgres"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// Writers move money between accounts all the time; no snapshot may see less
// or more than there is.
func TestSnapshotIsConsistentUnderWriters(t *testing.T) {
	t.Parallel()
	src := newSource(t, "bank")
	const accounts, total = 2000, 2000 * 100
	run(t, src.url(), `CREATE TABLE a AS SELECT i AS id, 100 AS money FROM generate_series(1, 1000) i;
		CREATE TABLE b (id int PRIMARY KEY, money int, colour text);
		INSERT INTO b SELECT i, 100, 'red' FROM generate_series(1, 1000) i`)
	ctx, cancel := context.WithCancel(t.Context())
	writing := make(chan error, 1)
	started := make(chan struct{})
	go func() {
		conn, err := pgx.Connect(ctx, src.url())
		for i := 0; err == nil && ctx.Err() == nil; i++ {
			if i == 100 {
				close(started)
			}
			_, err = conn.Exec(ctx, `WITH taken AS (UPDATE a SET money = money - 7 WHERE id = $1 RETURNING 7 AS m)
				UPDATE b SET money = money + taken.m FROM taken WHERE id = $2`, i%1000+1, i*7%1000+1)
		}
		if ctx.Err() != nil {
			err = nil
		}
		writing <- err
	}()
	<-started
	point := surfacetest.Take(t, src.surface)
	cancel()
	if err := <-writing; err != nil {
		t.Fatal(err)
	}
	dst := servers.Postgres(t)
	target := newTarget(t, dst)
	restore(t, src, target, point)
	const sum = "SELECT (SELECT sum(money) FROM a) + (SELECT sum(money) FROM b)"
	if got := value[int64](t, target.URL.Reveal(), sum); got != total {
		t.Errorf("%d accounts hold %d in the snapshot, want %d", accounts, got, total)
	}
	if value[int64](t, src.url(), "SELECT sum(money) FROM a") == value[int64](t, target.URL.Reveal(), "SELECT sum(money) FROM a") {
		t.Error("the writers wrote nothing while the snapshot was taken")
	}
}

func TestViewIsLostWithTheServer(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	run(t, src.url(), "CREATE TABLE t AS SELECT generate_series(1, 1000) i")
	view := hold(t, src)
	part := view.Parts()[0]
	src.Restart(t)
	// A snapshot of the restarted server may have the same name.
	other := hold(t, src)
	if err := view.Check(t.Context()); !fault.Is(err, fault.Lost) {
		t.Errorf("check after a restart: %v", err)
	}
	if _, err := src.surface.Dump(t.Context(), view.Token(), part, io.Discard); !fault.Is(err, fault.Lost) {
		t.Errorf("dump after a restart: %v", err)
	}
	if err := other.Check(t.Context()); err != nil {
		t.Error(err)
	}
	src.Kill()
	if _, err := src.surface.Dump(t.Context(), other.Token(), part, io.Discard); !fault.Is(err, fault.Unavailable) {
		t.Errorf("dump from a dead server: %v", err)
	}
	if _, err := src.surface.Hold(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Errorf("hold on a dead server: %v", err)
	}
}

// trigger is a writer that does something once it has seen some bytes.
type trigger struct {
	after int
	do    func() error
}

func (w *trigger) Write(p []byte) (int, error) {
	if w.after -= len(p); w.after <= 0 && w.do != nil {
		do := w.do
		w.do = nil
		if err := do(); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

func TestDumpEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	run(t, src.url(), "CREATE TABLE t AS SELECT i, repeat('x', 500) FROM generate_series(1, 100000) i")
	postgres.SetLimits(src.surface, 1<<20, 1<<40, 1<<30)
	view := hold(t, src)
	part := view.Parts()[0]
	dump := func(ctx context.Context, do func() error) error {
		_, err := src.surface.Dump(ctx, view.Token(), part, &trigger{after: 1 << 20, do: do})
		return err
	}

	full := errors.New("the store is full")
	if err := dump(t.Context(), func() error { return fault.Wrap(fault.Exhausted, full, "write") }); !errors.Is(err, full) || !fault.Is(err, fault.Exhausted) {
		t.Errorf("a writer that fails: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := dump(ctx, func() error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("a dump that is cancelled in its middle: %v", err)
	}
	terminate := "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = 'lifeboat' AND query LIKE 'COPY%'"
	err := dump(t.Context(), func() error {
		if n := value[int](t, src.URL, terminate); n != 1 {
			t.Errorf("ended %d sessions", n)
		}
		return nil
	})
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("a session that is ended: %v", err)
	}
	awaitSessions(t, src, 1) // the one that holds the view
	if err := dump(t.Context(), func() error { return nil }); err != nil {
		t.Errorf("the same part again: %v", err)
	}
	if err := view.Close(); err != nil {
		t.Error(err)
	}
	awaitSessions(t, src, 0)
}

// Somebody wants to change a table that the view has locked. The dump must not
// wait behind them, for they wait for the view.
func TestDumpDoesNotWaitForLocks(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	run(t, src.url(), "CREATE TABLE t AS SELECT 1 AS i")
	postgres.SetLockWait(src.surface, 300*time.Millisecond)
	view := hold(t, src)
	conn := connect(t, src.url())
	defer conn.Close(context.Background())
	ctx, cancel := context.WithCancel(t.Context())
	altered := make(chan error, 1)
	go func() {
		_, err := conn.Exec(ctx, "ALTER TABLE t ADD COLUMN j int")
		altered <- err
	}()
	awaitValue(t, src.url(), "SELECT count(*) FROM pg_locks WHERE NOT granted", 1)
	if _, err := src.surface.Dump(t.Context(), view.Token(), view.Parts()[0], io.Discard); !fault.Is(err, fault.Unavailable) {
		t.Errorf("dump of a table that somebody waits to change: %v", err)
	}
	if _, err := src.surface.Hold(t.Context()); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "try again") {
		t.Errorf("hold while somebody waits to change a table: %v", err)
	}
	cancel()
	<-altered
}

// Parts that are not what was written never end as a restored database.
func TestBadParts(t *testing.T) {
	t.Parallel()
	src := newSource(t, "app")
	run(t, src.url(), `CREATE TABLE big AS SELECT i, repeat('x', 100) AS x FROM generate_series(1, 5000) i;
		CREATE TABLE small AS SELECT i, '\.' AS x FROM generate_series(1, 10) i`)
	postgres.SetLimits(src.surface, 100<<10, 1<<40, 1<<30)
	point := surfacetest.Take(t, src.surface)
	target := newTarget(t, src.PG)
	if err := src.surface.Begin(t.Context(), target, point); err != nil {
		t.Fatal(err)
	}
	var binary, text surface.Part
	for _, part := range point.Parts() {
		switch {
		case part.Role == surface.RoleData && part.Format == postgres.FormatBinary:
			binary = part
		case part.Role == surface.RoleData:
			text = part
		}
	}
	load := func(part surface.Part, plain []byte) error {
		return src.surface.Load(t.Context(), target, part, bytes.NewReader(plain))
	}
	b, s := point.Data[binary.Name], point.Data[text.Name]
	other := func(part surface.Part, format string) surface.Part { part.Format = format; return part }
	cases := map[string]struct {
		part  surface.Part
		plain []byte
		kind  fault.Kind
	}{
		"empty binary":         {binary, nil, fault.Corrupt},
		"header only":          {binary, b[:30], fault.Corrupt},
		"no signature":         {binary, append([]byte("x"), b[1:]...), fault.Corrupt},
		"text as binary":       {other(text, postgres.FormatBinary), s, fault.Corrupt},
		"binary as text":       {other(binary, postgres.FormatSQL), b, fault.Corrupt},
		"rows cut":             {text, s[:len(s)-4], fault.Corrupt},
		"cut in a statement":   {text, s[:bytes.Index(s, []byte("COPY "))+7], fault.Corrupt},
		"another statement":    {text, []byte("DROP TABLE big;\n"), fault.Corrupt},
		"a setting that isn't": {text, []byte("SET role = 'x'; DROP TABLE big;\n"), fault.Corrupt},
		"unknown format":       {other(text, "csv"), s, fault.Unsupported},
		"no such table":        {text, []byte("COPY \"public\".\"gone\" FROM stdin;\n\\.\n"), fault.Missing},
	}
	for name, c := range cases {
		if err := load(c.part, c.plain); !fault.Is(err, c.kind) {
			t.Errorf("%s: %v, not of kind %s", name, err, c.kind)
		}
	}
	broken := io.MultiReader(bytes.NewReader(b[:len(b)/2]), failing{fault.New(fault.Corrupt, "the part was cut")})
	if err := src.surface.Load(t.Context(), target, binary, broken); !fault.Is(err, fault.Corrupt) {
		t.Errorf("a reader that fails: %v", err)
	}
	if n := value[int](t, target.URL.Reveal(), "SELECT count(*) FROM big"); n != 0 {
		t.Errorf("%d rows of bad parts are in the table", n)
	}
	if err := src.surface.Finish(t.Context(), target, point); !fault.Is(err, fault.Invalid) {
		t.Errorf("finish with parts that were not loaded: %v", err)
	}
	if err := surfacetest.Load(t.Context(), src.surface, target, point); err != nil {
		t.Fatal(err)
	}
	if err := src.surface.Finish(t.Context(), target, point); err != nil {
		t.Fatal(err)
	}
	surfacetest.RequireSame(t, src.surface, target, point)
	if err := load(text, s); !fault.Is(err, fault.Missing) {
		t.Errorf("load into a database that is finished: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func hold(t *testing.T, src *source) surface.View {
	t.Helper()
	view, err := src.surface.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { view.Close() })
	return view
}

func awaitSessions(t *testing.T, src *source, want int) {
	t.Helper()
	awaitValue(t, src.URL, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lifeboat'", want)
}

func awaitValue(t *testing.T, url, sql string, want int) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		got := value[int](t, url, sql)
		if got == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %d, want %d", sql, got, want)
		}
		time.Sleep(10 * time.Millisecond)
	}
}
