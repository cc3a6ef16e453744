package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// ending is the end of a transaction, as PostgreSQL's own reader of its WAL tells it.
type ending struct {
	xid       uint32
	start     wal.LSN
	at        time.Time
	committed bool
	// entry is what it wrote to the ledger; zero for other transactions.
	entry entry
}

var (
	endingLine = regexp.MustCompile(`tx: +(\d+), lsn: ([0-9A-F]+/[0-9A-F]+),.* desc: (COMMIT|ABORT) (\S+ \S+) UTC(?:.*subxacts: ([0-9 ]+))?`)
	recordLine = regexp.MustCompile(`lsn: ([0-9A-F]+/[0-9A-F]+),`)
	brokenLine = regexp.MustCompile(`error in WAL record at ([0-9A-F]+/[0-9A-F]+):`)
)

// waldump runs pg_waldump on a live cluster's WAL from a position on. Where that
// ends it names the record, if any, that has no end.
func waldump(t *testing.T, pg *servers.PG, from wal.LSN, args ...string) (out string, broken wal.LSN) {
	t.Helper()
	cmd := exec.Command(pg.Tool("pg_waldump"), append([]string{"-p", filepath.Join(pg.Dir, "pg_wal"), "-s", from.String()}, args...)...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		if m := brokenLine.FindStringSubmatch(stderr.String()); m != nil {
			broken = position(t, m[1])
		}
	}
	return stdout.String(), broken
}

// records lists records of a kind from a position on. A server that was killed
// leaves a record without its end, where pg_waldump ends though the WAL goes on.
func records(t *testing.T, pg *servers.PG, from wal.LSN, kind string) string {
	t.Helper()
	var all strings.Builder
	for {
		out, broken := waldump(t, pg, from, "-r", kind)
		all.WriteString(out)
		next := broken - broken%wal.PageSize + wal.PageSize
		if broken == 0 || next <= from {
			return all.String()
		}
		from = next
	}
}

// endings lists the ends of all transactions from a position on, in the order of the WAL.
func endings(t *testing.T, pg *servers.PG, url string, from wal.LSN) []ending {
	t.Helper()
	wrote := writers(t, url)
	var all []ending
	for _, m := range endingLine.FindAllStringSubmatch(records(t, pg, from, "Transaction"), -1) {
		at, err := time.Parse("2006-01-02 15:04:05.999999", m[4])
		if err != nil {
			t.Fatal(err)
		}
		e := ending{start: position(t, m[2]), at: at, committed: m[3] == "COMMIT"}
		// What follows a savepoint is a transaction's below it.
		for i, id := range append([]string{m[1]}, strings.Fields(m[5])...) {
			xid, err := strconv.ParseUint(id, 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				e.xid = uint32(xid)
			}
			if found, ok := wrote[uint32(xid)]; ok && e.committed {
				e.entry = found
				delete(wrote, uint32(xid))
			}
		}
		all = append(all, e)
	}
	if len(wrote) > 0 {
		t.Fatalf("%d transactions of the ledger are not in the WAL from %s on", len(wrote), from)
	}
	return all
}

// writers says which transaction wrote which entry.
func writers(t *testing.T, url string) map[uint32]entry {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, `SELECT xmin::text::bigint, client, n FROM ledger`)
	if err != nil {
		t.Fatal(err)
	}
	found := map[uint32]entry{}
	var xid int64
	var e entry
	_, err = pgx.ForEachRow(rows, []any{&xid, &e.client, &e.n}, func() error {
		found[uint32(xid)] = e
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// recordFrom is where the first record of any kind begins, at a position or after it.
func recordFrom(t *testing.T, pg *servers.PG, at wal.LSN) wal.LSN {
	t.Helper()
	out, _ := waldump(t, pg, at, "-n", "1")
	m := recordLine.FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no record follows %s", at)
	}
	return position(t, m[1])
}

func position(t *testing.T, s string) wal.LSN {
	t.Helper()
	at, err := wal.ParseLSN(s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// until is the ledger as it was when stop was first true of a transaction's end.
func until(all []ending, stop func(ending) bool) map[entry]bool {
	have := map[entry]bool{}
	for _, e := range all {
		if stop(e) {
			break
		}
		if e.entry != (entry{}) {
			have[e.entry] = true
		}
	}
	return have
}
