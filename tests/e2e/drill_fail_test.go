package e2e

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// failPolicies make every kind of point, all on one store.
const failPolicies = `  main-base:   {surface: main, kind: base, cron: "0 1 * * *", store: primary, keep: {days: 7}}
  main-wal:    {surface: main, kind: wal, store: primary, interval: 500ms}
  main-daily:  {surface: main, kind: snapshot, cron: "0 2 * * *", store: primary, keep: {days: 7}}
  redis-daily: {surface: redis, kind: snapshot, cron: "30 2 * * *", store: primary, keep: {days: 7}}`

// failPlans are each one that goes wrong in a way of its own.
const failPlans = `  keys: {kind: restore_test, surfaces: [redis], owner: ops@example.com, targets: {rto: 30m}}
  wal:  {kind: restore_test, surfaces: [main], owner: ops@example.com}
  rows: {kind: restore_test, surfaces: [main], owner: ops@example.com, points: {main: {select: snapshot}}}
  red:
    kind: restore_test
    surfaces: [redis]
    checks:
      - {name: greeting, kind: redis, surface: redis, command: [GET, greeting], expect: goodbye, retries: 1, interval: 100ms}
      - {name: there, kind: redis, surface: redis, command: [EXISTS, greeting], expect: "1"}
  lost:
    kind: restore_test
    surfaces: [main, redis]
    points: {main: {select: snapshot}}
    start:
      - {name: migration, command: [APPLICATION, --play, migration], once: true, env: {DATABASE: "{{main.url}}", SQL: "DELETE FROM orders WHERE id = 7 AND NOT EXISTS (SELECT FROM lines WHERE order_id = orders.id)"}}
    reconcile:
      - {name: orders, kind: query, surface: main, query: "SELECT count(*) FROM orders", with: {surface: redis, query: GET orders}}
  slow: {kind: restore_test, surfaces: [redis], targets: {rto: 1ms}}
  by-hand:
    surfaces: [redis]
    owner: ops@example.com
    targets: {rto: 30m}
    runbook: {repository: RUNBOOKS, file: recover.md}`

// TestDrillFails has a drill go wrong in each way that there is: each time the
// verdict is fail, and one finding names the cause.
func TestDrillFails(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 20)
	execSQL(t, live, `DELETE FROM lines WHERE order_id = 7`)
	goods(t, live, rd, 20)
	book := newRunbook(t, "# Recover\n\n- Fetch the keys from the safe.\n")
	plans := strings.NewReplacer("APPLICATION", application(t), "RUNBOOKS", book.dir).Replace(failPlans)
	s, _ := drillSite(t, live, rd.URL, failPolicies, plans)
	up := s.start(t, "up")
	s.streams(t, "main")
	s.baseBackup(t)
	var rows, keys point
	s.ask(t, &rows, "snapshot", "create", "main", "--wait")
	s.ask(t, &keys, "snapshot", "create", "redis", "--wait")

	t.Run("corrupt part", func(t *testing.T) {
		part := s.object(t, keys, "rdb.")
		flip(t, part)
		d := s.drill(t, "keys")
		f := s.fails(t, d, "keys/restore-corrupt/redis", keys.ID, "primary", "rdb")
		if f.Severity != drill.SeverityCritical || f.Owner != "ops@example.com" || f.Due.IsZero() {
			t.Errorf("the finding: %+v", f)
		}
		flip(t, part)
		d = s.drill(t, "keys")
		s.passes(t, d)
		if len(d.Findings) != 1 || d.Findings[0].ID != f.ID || d.Findings[0].Status != drill.FindingClosed || d.Findings[0].Retest != d.ID {
			t.Errorf("the finding after the repetition: %+v", d.Findings)
		}
	})
	t.Run("missing WAL", func(t *testing.T) {
		// The segment that the base backup itself needs is another one.
		execSQL(t, live, `SELECT pg_switch_wal()`, `INSERT INTO orders VALUES (1001, 'late')`)
		segment := text(t, live, `SELECT pg_walfile_name(pg_switch_wal())`)
		execSQL(t, live, `INSERT INTO orders VALUES (1002, 'later')`)
		s.shipped(t, "main", live)
		file, aside := s.segmentFile(segment), filepath.Join(s.dir, "aside")
		move(t, file, aside)
		gap := s.window(t).Gaps[0]
		d := s.drill(t, "wal")
		s.fails(t, d, "wal/select-points-failed/main", "WAL", gap.From, gap.To)
		move(t, aside, file)
		d = s.drill(t, "wal")
		s.passes(t, d)
	})
	t.Run("health check red", func(t *testing.T) {
		d := s.drill(t, "red")
		s.fails(t, d, "red/check-failed/greeting", "goodbye", "hello")
		for _, c := range d.Evidence.Checks {
			if want := map[string]int{"greeting": 2, "there": 1}[c.Name]; c.Attempts != want {
				t.Errorf("the check %s was made %d times, want %d", c.Name, c.Attempts, want)
			}
		}
	})
	t.Run("row lost after the restore", func(t *testing.T) {
		d := s.drill(t, "lost")
		s.fails(t, d, "lost/query-differs/orders", "orders", "row")
		if len(d.Evidence.Programs) != 1 || d.Evidence.Programs[0].Result != drill.Pass {
			t.Errorf("the migration: %+v", d.Evidence.Programs)
		}
	})
	t.Run("RTO over target", func(t *testing.T) {
		d := s.drill(t, "slow")
		s.fails(t, d, "slow/rto-missed", "the target is")
		if o := d.Evidence.Objectives; o.RTOMet == nil || *o.RTOMet || o.RTOSeconds <= 0.001 {
			t.Errorf("the objectives: %+v", o)
		}
	})
	t.Run("manual step undocumented", func(t *testing.T) { s.byHand(t, book) })
	t.Run("row lost in the backup", func(t *testing.T) {
		s.loseRow(t, rows)
		d := s.drill(t, "rows")
		s.fails(t, d, "rows/data-differs/main", rows.ID, "orders")
	})
	t.Run("wrong key", func(t *testing.T) {
		up.Stop()
		other, recipient, err := seal.GenerateIdentity()
		if err != nil {
			t.Fatal(err)
		}
		stranger := s.with(t, s.identity(t).Reveal(), other.Reveal())
		stranger.start(t, "up")
		d := stranger.drill(t, "keys")
		stranger.fails(t, d, "keys/restore-denied/redis", keys.ID, "key")
		if strings.Contains(d.Summary, recipient) || strings.Contains(d.Summary, "AGE-SECRET") {
			t.Errorf("the summary shows a key: %s", d.Summary)
		}
	})
}

// identity is the one of the site's configuration.
func (s *site) identity(t *testing.T) secret.String {
	t.Helper()
	raw, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	return secret.String(regexp.MustCompile(`AGE-SECRET-KEY-[0-9A-Z]+`).FindString(string(raw)))
}

// object is the file of one part of a point, by the beginning of its name.
func (s *site) object(t *testing.T, p point, name string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.storeDir, p.URI, name+"*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("the parts %s of %s: %v, %v", name, p.URI, found, err)
	}
	return found[0]
}

// loseRow makes a snapshot what a backup would be that had left a row out: all
// of it is sound, but for the one order that its fingerprint has counted.
func (s *site) loseRow(t *testing.T, p point) {
	t.Helper()
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: s.storeDir})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.NewKeyring(seal.Config{Identity: s.identity(t)})
	if err != nil {
		t.Fatal(err)
	}
	dir := strings.TrimPrefix(p.URI, "/")
	whole, err := archive.OpenPoint(t.Context(), st, dir, keys)
	if err != nil {
		t.Fatal(err)
	}
	w := archive.PartWriter{Store: st, Dir: dir, Recipients: whole.Encryption.Recipients, Attempt: "less"}
	m, lost := whole.Manifest, false
	row := regexp.MustCompile(`(?m)^7\t[0-9a-f]{256}\t.*\n`)
	for i, part := range m.Parts {
		if part.Role != "data" || part.Format != "sql" {
			continue
		}
		body, err := whole.Open(t.Context(), part.Name)
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(body)
		if err := body.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil || !row.Match(plain) {
			continue
		}
		lost = true
		m.Parts[i], err = w.Write(t.Context(), part.Part, nil, func(to io.Writer) error {
			_, err := io.Copy(to, bytes.NewReader(row.ReplaceAll(plain, nil)))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if !lost {
		t.Fatal("no part has the row")
	}
	if err := os.Remove(filepath.Join(s.storeDir, dir, "manifest.json")); err != nil {
		t.Fatal(err)
	}
	if _, err := archive.SealPoint(t.Context(), st, dir, m); err != nil {
		t.Fatal(err)
	}
}

// runbook is a file in a Git repository.
type runbook struct{ dir string }

func newRunbook(t *testing.T, text string) *runbook {
	t.Helper()
	b := &runbook{dir: t.TempDir()}
	b.git(t, "init", "-q", "-b", "main")
	b.commit(t, text)
	return b
}

func (b *runbook) git(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", b.dir, "-c", "user.name=ops", "-c", "user.email=ops@example.com"}, args...)...)
	cmd.Env = append(os.Environ(), "GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// commit makes the text the runbook, and returns the commit.
func (b *runbook) commit(t *testing.T, text string) string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, "recover.md"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	b.git(t, "add", "recover.md")
	b.git(t, "commit", "-q", "-m", "runbook")
	return b.git(t, "rev-parse", "HEAD")
}

// byHand tells of a step that is not in the runbook, writes it down there, and
// repeats the drill: that closes the finding.
func (s *site) byHand(t *testing.T, book *runbook) {
	const step = "Restart the cache in the second rack"
	first := s.drill(t, "by-hand")
	s.passes(t, first)
	var told drill.ManualStep
	s.ask(t, &told, "drill", "manual-step", first.ID, "--text", "fetch the keys from the safe")
	if !told.Documented || told.Commit != book.git(t, "rev-parse", "HEAD") {
		t.Errorf("a step of the runbook: %+v", told)
	}
	if d := s.shown(t, first.ID); d.Verdict != drill.VerdictPass || d.Revision != 2 {
		t.Errorf("after a documented step: %+v", d)
	}
	if s.ask(t, &told, "drill", "manual-step", first.ID, "--text", step); told.Documented {
		t.Errorf("a step that is written nowhere: %+v", told)
	}
	d := s.shown(t, first.ID)
	s.fails(t, d, "by-hand/step-undocumented/restart-the-cache-in-the-second-rack-5765bc58", step, "recover.md")
	if d.Revision != 3 || len(d.Evidence.ManualSteps) != 2 {
		t.Errorf("after the step: %+v", d)
	}
	at := book.commit(t, "# Recover\n\n- Fetch the keys from the safe.\n- "+step+".\n")
	again := s.drill(t, "by-hand")
	s.passes(t, again)
	if len(again.Findings) != 1 || again.Findings[0].Status != drill.FindingClosed || again.Findings[0].Retest != again.ID || again.Findings[0].Found != first.ID {
		t.Errorf("after the repetition: %+v", again.Findings)
	}
	if again.Evidence.Identity.RunbookCommit != at {
		t.Errorf("the runbook was read at %s, want %s", again.Evidence.Identity.RunbookCommit, at)
	}
}
