package wal_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// stretch is WAL that a real server wrote: whole segments that follow each
// other, and what pg_waldump reads in them.
type stretch struct {
	size     int64
	segments []wal.Segment
	data     []byte // of all segments
	endings  []wal.Ending
	points   []wal.RestorePoint
	last     wal.LSN // where the last record begins
}

func (s stretch) start() wal.LSN { return s.segments[0].Start(s.size) }

// cluster starts a server whose segments are of a size in MiB.
func cluster(t testing.TB, mebibytes int) *servers.PG {
	t.Helper()
	pg := servers.Postgres(t, "max_prepared_transactions = 10", "wal_level = logical", "wal_keep_size = 1GB",
		"autovacuum = off", "max_wal_size = 2GB", "min_wal_size = 64MB", "timezone = UTC")
	if mebibytes == 16 {
		return pg
	}
	query(t, pg, "CHECKPOINT")
	pg.Kill()
	if err := os.Remove(filepath.Join(pg.Dir, "postmaster.pid")); err != nil {
		t.Fatal(err)
	}
	asOwner(t, pg, "pg_resetwal", "-f", "--wal-segsize", strconv.Itoa(mebibytes), "-D", pg.Dir)
	pg.Restart(t)
	return pg
}

// asOwner runs a tool of the server as the user that owns the data.
func asOwner(t testing.TB, pg *servers.PG, tool string, args ...string) []byte {
	t.Helper()
	info, err := os.Stat(pg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(pg.Tool(tool), args...)
	if os.Getuid() == 0 {
		owner := info.Sys().(*syscall.Stat_t)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: owner.Uid, Gid: owner.Gid}}
	}
	cmd.Dir = pg.Dir
	cmd.Env = append(os.Environ(), "TZ=UTC", "PGTZ=UTC", "LC_ALL=C")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", tool, err, stderr.Bytes())
	}
	return stdout.Bytes()
}

// query runs statements and returns the last value of the last one as text.
func query(t testing.TB, pg *servers.PG, statements ...string) string {
	t.Helper()
	conn := connect(t, pg)
	defer conn.Close(context.Background())
	return run(t, conn, statements...)
}

func connect(t testing.TB, pg *servers.PG) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), pg.URL)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func run(t testing.TB, conn *pgx.Conn, statements ...string) string {
	t.Helper()
	value := ""
	for _, statement := range statements {
		results, err := conn.PgConn().Exec(t.Context(), statement).ReadAll()
		if err != nil {
			t.Errorf("%s: %v", statement, err)
			return ""
		}
		for _, result := range results {
			for _, row := range result.Rows {
				value = string(row[len(row)-1])
			}
		}
	}
	return value
}

// busy makes several sessions commit, abort, prepare, nest and change tables.
func busy(t testing.TB, pg *servers.PG, rounds int) {
	t.Helper()
	query(t, pg, "CREATE TABLE IF NOT EXISTS numbers (n int, filler text)",
		"SELECT pg_replication_origin_create('elsewhere')")
	var sessions sync.WaitGroup
	for session := range 4 {
		conn := connect(t, pg)
		sessions.Go(func() {
			defer conn.Close(context.Background())
			random := rand.New(rand.NewPCG(uint64(session), 1))
			if session == 0 {
				run(t, conn, "SELECT pg_replication_origin_session_setup('elsewhere')")
			}
			for round := range rounds {
				run(t, conn, transaction(random, fmt.Sprintf("%d_%d", session, round))...)
			}
		})
	}
	sessions.Wait()
	for i := range 3 {
		query(t, pg, fmt.Sprintf("SELECT pg_create_restore_point('point %d')", i))
	}
	query(t, pg, "SELECT pg_switch_wal()")
	query(t, pg, "INSERT INTO numbers VALUES (1, 'after the switch')", "SELECT pg_create_restore_point('last')", "SELECT pg_switch_wal()")
}

// transaction is one of several sorts; id is like no other's.
func transaction(random *rand.Rand, id string) []string {
	insert := fmt.Sprintf("INSERT INTO numbers SELECT i, repeat(md5(random()::text), %d) FROM generate_series(1, %d) i",
		1+random.IntN(200), 1+random.IntN(30))
	many := "DO $$ BEGIN FOR i IN 1..80 LOOP BEGIN INSERT INTO numbers VALUES (i, 'nested'); EXCEPTION WHEN division_by_zero THEN NULL; END; END LOOP; END $$"
	switch random.IntN(9) {
	case 0:
		return []string{"BEGIN", insert, "ROLLBACK"}
	case 1:
		return []string{"BEGIN", insert, "SAVEPOINT s", insert, "ROLLBACK TO s", insert, "COMMIT"}
	case 2:
		return []string{"BEGIN", many, insert, "PREPARE TRANSACTION 'p" + id + "'", "COMMIT PREPARED 'p" + id + "'"}
	case 3:
		return []string{"BEGIN", insert, "PREPARE TRANSACTION 'p" + id + "'", "ROLLBACK PREPARED 'p" + id + "'"}
	case 4:
		return []string{
			"BEGIN", "CREATE TABLE t" + id + " (n int PRIMARY KEY, filler text)", many, "COMMIT",
			"BEGIN", "DROP TABLE t" + id, many, "PREPARE TRANSACTION 'p" + id + "'", "COMMIT PREPARED 'p" + id + "'",
		}
	case 5:
		return []string{"INSERT INTO numbers SELECT 1, string_agg(md5(i::text), '') FROM generate_series(1, 20000) i"}
	case 6:
		return []string{"SELECT pg_logical_emit_message(false, 'long', repeat('x', 300000))"}
	default:
		return []string{insert}
	}
}

// shipped is all that the server wrote so far, up to the current segment, and
// what pg_waldump says of it.
func shipped(t testing.TB, pg *servers.PG) stretch {
	t.Helper()
	s := shippedBytes(t, pg)
	first, last := s.segments[0].Name(s.size), s.segments[len(s.segments)-1].Name(s.size)
	s.read(t, string(asOwner(t, pg, "pg_waldump", "-p", filepath.Join(pg.Dir, "pg_wal"), first, last)))
	return s
}

func shippedBytes(t testing.TB, pg *servers.PG) stretch {
	t.Helper()
	size, err := strconv.ParseInt(query(t, pg, "SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	current := query(t, pg, "SELECT pg_walfile_name(pg_current_wal_lsn())")
	s := stretch{size: size}
	dir := filepath.Join(pg.Dir, "pg_wal")
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		segment, err := wal.ParseSegment(entry.Name(), size)
		if err != nil || entry.Name() > current {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		s.segments, s.data = append(s.segments, segment), append(s.data, data...)
	}
	return s
}

var (
	dumped  = regexp.MustCompile(`^rmgr: (\S+)\s+len .*? tx:\s+(\d+), lsn: ([0-9A-F]+/[0-9A-F]+), prev [^,]+, desc: (\S+) ?(.*)$`)
	dumpEnd = regexp.MustCompile(`^(?:(\d+): )?(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC`)
)

// read reads the output of pg_waldump. It does not tell where records end.
func (s *stretch) read(t testing.TB, output string) {
	t.Helper()
	for line := range strings.Lines(output) {
		m := dumped.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			t.Fatalf("not understood: %s", line)
		}
		at, err := wal.ParseLSN(m[3])
		if err != nil {
			t.Fatal(err)
		}
		s.last = at
		xid, detail := m[2], m[5]
		switch m[1] + " " + m[4] {
		case "XLOG RESTORE_POINT":
			s.points = append(s.points, wal.RestorePoint{Name: detail, LSN: at})
		case "Transaction COMMIT", "Transaction ABORT", "Transaction COMMIT_PREPARED", "Transaction ABORT_PREPARED":
			e := dumpEnd.FindStringSubmatch(detail)
			if e == nil {
				t.Fatalf("not understood: %s", line)
			}
			if e[1] != "" {
				xid = e[1]
			}
			n, _ := strconv.ParseUint(xid, 10, 32)
			when, err := time.Parse("2006-01-02 15:04:05.999999", e[2])
			if err != nil {
				t.Fatal(err)
			}
			s.endings = append(s.endings, wal.Ending{XID: uint32(n), Start: at, At: when.UTC(), Committed: strings.HasPrefix(m[4], "COMMIT")})
		}
	}
}

// withoutEnds are the endings without what pg_waldump does not tell.
func withoutEnds(endings []wal.Ending) []wal.Ending {
	plain := slices.Clone(endings)
	for i := range plain {
		plain[i].End = 0
	}
	return plain
}
