package e2e

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// entry is one numbered transaction of a client.
type entry struct{ client, n int }

// ledger is what clients write while things go wrong.
type ledger struct {
	url     string
	end     context.CancelFunc
	clients sync.WaitGroup

	mu    sync.Mutex
	acked []ack
	told  error
}

// ack is a transaction that was acknowledged, and how far the WAL was then.
type ack struct {
	entry
	at wal.LSN
}

// pace is how often a client of a ledger commits.
const pace = 10 * time.Millisecond

// keepLedger lets clients commit numbered transactions of about 4 KB of WAL until settled.
func keepLedger(t *testing.T, url string, clients int) *ledger {
	t.Helper()
	execSQL(t, url, `CREATE TABLE IF NOT EXISTS ledger (client int, n int, filler text, PRIMARY KEY (client, n))`,
		`ALTER TABLE ledger ALTER filler SET STORAGE EXTERNAL`)
	first, err := strconv.Atoi(text(t, url, `SELECT coalesce(max(client) + 1, 0) FROM ledger`))
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.Background())
	l := &ledger{url: url, end: end}
	t.Cleanup(func() { end(); l.clients.Wait() })
	for n := range clients {
		l.clients.Go(func() { l.write(ctx, first+n) })
	}
	return l
}

// write commits until ctx ends, which breaks off no transaction: the server
// might end it later. A number whose fate is unknown is not used again.
func (l *ledger) write(ctx context.Context, client int) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	var conn *pgx.Conn
	defer func() {
		if conn != nil {
			conn.Close(context.Background())
		}
	}()
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if conn == nil || conn.IsClosed() {
			var err error
			if conn, err = pgx.Connect(context.Background(), l.url); err != nil {
				l.note(err)
				continue
			}
		}
		if err := l.commit(conn, entry{client, n}); err != nil {
			l.note(err)
			// What the transaction did is asked of the database in the end.
			conn.Close(context.Background())
		}
	}
}

// commit writes an entry. Every seventh is rolled back in part, every eleventh as a whole.
func (l *ledger) commit(conn *pgx.Conn, e entry) error {
	ctx := context.Background()
	const insert = `INSERT INTO ledger VALUES ($1, $2, repeat('x', 2000))`
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if e.n%7 == 0 {
		inner, err := tx.Begin(ctx)
		if err != nil {
			return err
		}
		if _, err := inner.Exec(ctx, insert, e.client, -e.n); err != nil {
			return err
		}
		if err := inner.Rollback(ctx); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, insert, e.client, e.n); err != nil {
		return err
	}
	if e.n%11 == 0 {
		return tx.Rollback(ctx)
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	var at string
	if err := conn.QueryRow(ctx, `SELECT pg_current_wal_insert_lsn()::text`).Scan(&at); err != nil {
		return err
	}
	lsn, err := wal.ParseLSN(at)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.acked = append(l.acked, ack{e, lsn})
	return nil
}

func (l *ledger) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = err
}

// count is how many transactions were acknowledged.
func (l *ledger) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.acked)
}

// more waits until the clients have committed so many more transactions.
func (l *ledger) more(t *testing.T, n int) {
	t.Helper()
	from := l.count()
	eventually(t, time.Minute, "the clients go on", func() bool { return l.count() >= from+n })
}

// settle ends the clients and returns what the database has: all that it had acknowledged.
func (l *ledger) settle(t *testing.T, url string) map[entry]bool {
	t.Helper()
	l.end()
	l.clients.Wait()
	have := entries(t, url)
	lost := 0
	for _, a := range l.acked {
		if !have[a.entry] {
			lost++
		}
	}
	if lost > 0 || len(l.acked) == 0 {
		t.Fatalf("of %d acknowledged transactions the source itself has lost %d; the clients' last error: %v", len(l.acked), lost, l.told)
	}
	return have
}

// entries reads the whole ledger.
func entries(t *testing.T, url string) map[entry]bool {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT client, n FROM ledger`)
	if err != nil {
		t.Fatal(err)
	}
	have := map[entry]bool{}
	var e entry
	_, err = pgx.ForEachRow(rows, []any{&e.client, &e.n}, func() error {
		have[e] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return have
}

// same compares a restored ledger with what it must be: no more and no less.
func same(t *testing.T, what string, got, want map[entry]bool) {
	t.Helper()
	var missing, extra []entry
	for e := range want {
		if !got[e] {
			missing = append(missing, e)
		}
	}
	for e := range got {
		if !want[e] {
			extra = append(extra, e)
		}
	}
	if len(missing)+len(extra) > 0 {
		t.Errorf("%s: of %d transactions %d are missing, such as %v, and %d should not be there, such as %v", what, len(want),
			len(missing), missing[:min(len(missing), 5)], len(extra), extra[:min(len(extra), 5)])
	}
}
