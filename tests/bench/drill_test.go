//go:build bench

package bench

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// drillGoal is how much a drill may take beyond restoring, checking and reconciling.
const drillGoal = 5 * time.Second

// drillSettings are a ledger and a plan; the check's answer is known.
const drillSettings = `  ledger: {kind: local, dir: %s}
evidence: {store: ledger, key: "%s"}
drills:
  small:
    surfaces: [main]
    targets: {rto: 30m}
    points: {main: {select: snapshot}}
    checks:
      - {name: rows, kind: sql, surface: main, query: "SELECT count(*) FROM things", expect: "1000"}
    reconcile:
      - {name: ids, kind: query, surface: main, query: "SELECT max(id) FROM things", with: {surface: main, query: "SELECT count(*) FROM things"}}
`

// BenchmarkDrill shows what Lifeboat adds to a drill: the time that a caller of
// drill run waits for the verdict, less that of restoring, checking and reconciling.
func BenchmarkDrill(b *testing.B) {
	pg := servers.Postgres(b)
	conn, err := pgx.Connect(b.Context(), pg.URL)
	if err != nil {
		b.Fatal(err)
	}
	_, err = conn.Exec(b.Context(), `CREATE TABLE things AS SELECT n AS id, md5(n::text) AS name FROM generate_series(1, 1000) n`)
	if err := errors.Join(err, conn.Close(b.Context())); err != nil {
		b.Fatal(err)
	}
	key, _, err := seal.GenerateSigner("lifeboat-evidence")
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	s := newSite(b, pg.URL, fmt.Sprintf(drillSettings, filepath.Join(dir, "ledger"), key.Reveal()))
	s.start(b, "up")
	var made point
	s.ask(b, &made, "snapshot", "create", "main", "--wait")

	var total, added []float64
	parts := map[string][]float64{}
	for range rounds {
		var run, shown struct {
			ID, Verdict string
			Evidence    *drill.Record
		}
		began := time.Now()
		s.ask(b, &run, "drill", "run", "small", "--wait")
		wall := time.Since(began).Seconds()
		s.ask(b, &shown, "drill", "show", run.ID)
		if shown.Verdict != drill.VerdictPass || shown.Evidence == nil {
			b.Fatalf("the drill: %+v", shown)
		}
		rest := wall
		for _, p := range shown.Evidence.Timeline.Phases {
			parts[p.Name] = append(parts[p.Name], p.Seconds)
			if slices.Contains([]string{drill.PhaseRestore, drill.PhaseCheck, drill.PhaseReconcile}, p.Name) {
				rest -= p.Seconds
			}
		}
		total, added = append(total, wall), append(added, rest)
	}
	verdict := "reached"
	if middle(added) >= drillGoal.Seconds() {
		verdict = "MISSED"
	}
	fmt.Fprintf(os.Stdout, "drill of one small database, median of %d: %.2f s until the verdict, %.2f s beyond restore, checks and reconciliation [under 5 s: %s]\n",
		rounds, middle(total), middle(added), verdict)
	for _, name := range []string{
		drill.PhaseDeclare, drill.PhaseIsolate, drill.PhaseSelect, drill.PhaseRestore, drill.PhaseSanitize, drill.PhaseCheck,
		drill.PhaseReconcile, drill.PhaseTearDown, drill.PhaseJudge,
	} {
		fmt.Fprintf(os.Stdout, "  %-14s %.2f s\n", name, middle(parts[name]))
	}
	b.ReportMetric(middle(added), "added-s")
	b.ReportMetric(0, "ns/op")
}

// middle is the median of measured values; 0 for none.
func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	values = slices.Sorted(slices.Values(values))
	return values[len(values)/2]
}
