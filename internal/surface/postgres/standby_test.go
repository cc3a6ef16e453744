package postgres_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// A snapshot can be taken from a standby, which spares the primary. It has no
// rows of unlogged tables, and says so.
func TestSnapshotOfAStandby(t *testing.T) {
	t.Parallel()
	primary := newSource(t, "app")
	run(t, primary.url(), `CREATE TABLE t AS SELECT generate_series(1, 1000) i; CREATE UNLOGGED TABLE u AS SELECT 1 AS i;
		CREATE SEQUENCE s; SELECT nextval('s'); SELECT lo_from_bytea(0, 'large')`)
	standby := primary.Standby(t)
	url := strings.Replace(primary.url(), fmt.Sprintf(":%d/", primary.Port), fmt.Sprintf(":%d/", standby.Port), 1)
	awaitValue(t, url, "SELECT count(*) FROM t WHERE pg_is_in_recovery()", 1000)

	s := newSurface(t, url)
	view, err := s.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { view.Close() })
	if noted := view.(interface{ Notes() []string }).Notes(); len(noted) != 1 || !strings.Contains(noted[0], "unlogged table public.u") {
		t.Errorf("notes: %q", noted)
	}
	point := surfacetest.Dump(t, s, view)
	target := newTarget(t, servers.Postgres(t))
	target.Throwaway = true
	surfacetest.Restore(t, s, target, point)
	if n := value[int](t, target.URL.Reveal(), "SELECT count(*) FROM u"); n != 0 {
		t.Errorf("%d rows in an unlogged table", n)
	}
}
