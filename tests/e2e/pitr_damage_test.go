package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// segmentFile is where a local store keeps a segment of timeline 1.
func (s *site) segmentFile(name string) string {
	return filepath.Join(s.storeDir, "wal/main/00000001", name+".zst.age")
}

// move renames a file, which must work.
func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// flip changes one byte in the middle of a file.
func flip(t *testing.T, path string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	raw[len(raw)/2] ^= 1
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
}

// refuses restores to the latest moment, which must fail in one line that says why.
func (s *site) refuses(t *testing.T, why ...string) {
	t.Helper()
	stdout, stderr, code := s.run(t, "pitr", "restore", "main", "--at", "latest", "-o", "json")
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	last := lines[len(lines)-1]
	for _, word := range why {
		if !strings.Contains(last, word) {
			t.Errorf("%q does not say %q", last, word)
		}
	}
	if code == 0 {
		t.Errorf("damaged WAL was restored: %s", stdout)
	}
}

// TestDamagedWAL damages a segment in every way; none gives a wrong database.
func TestDamagedWAL(t *testing.T) {
	t.Parallel()
	pg := servers.Postgres(t, "wal_keep_size = 1GB")
	live := shop(t, pg, 10)
	s := pitrSite(t, live)
	s.start(t, "up")
	s.streams(t, "main")
	s.baseBackup(t)
	l := keepLedger(t, live, 2)
	var segments []string
	for range 4 {
		l.more(t, 20)
		segments = append(segments, text(t, live, `SELECT pg_walfile_name(pg_switch_wal())`))
	}
	want := l.settle(t, live)
	s.shipped(t, "main", live)
	victim, other := segments[1], segments[2]
	file, aside := s.segmentFile(victim), filepath.Join(s.dir, "aside")

	t.Run("corrupted", func(t *testing.T) {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		flip(t, file)
		s.refuses(t, victim)
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("truncated", func(t *testing.T) {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, whole[:len(whole)-1000], 0o600); err != nil {
			t.Fatal(err)
		}
		s.refuses(t, victim)
		if err := os.WriteFile(file, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("swapped", func(t *testing.T) {
		swap := func() {
			move(t, file, aside)
			move(t, s.segmentFile(other), file)
			move(t, aside, s.segmentFile(other))
		}
		swap()
		s.refuses(t, victim)
		swap()
	})
	t.Run("missing", func(t *testing.T) {
		move(t, file, aside)
		w := s.window(t)
		if len(w.Gaps) != 1 || len(w.Alarms) != 1 || !strings.Contains(w.Alarms[0], victim) || !strings.Contains(w.Alarms[0], w.Gaps[0].From) {
			t.Errorf("the gap is not told: %+v", w)
		}
		s.refuses(t, w.Gaps[0].From)
		move(t, aside, file)
	})
	t.Run("duplicated", func(t *testing.T) { s.duplicated(t, pg, victim, other) })
	t.Run("without its index", func(t *testing.T) {
		if err := os.WriteFile(strings.TrimSuffix(file, ".zst.age")+".json", []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
		s.sameLatest(t, live, want)
	})
	s.healthy(t)
}

// duplicated pushes a segment again, with the same contents and with others.
func (s *site) duplicated(t *testing.T, pg *servers.PG, victim, other string) {
	t.Helper()
	stored, err := os.ReadFile(s.segmentFile(victim))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(s.dir, victim)
	push := func(from string, change func([]byte)) (string, int) {
		raw, err := os.ReadFile(filepath.Join(pg.Dir, "pg_wal", from))
		if err != nil {
			t.Fatal(err)
		}
		change(raw)
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		_, stderr, code := s.run(t, "wal", "push", path)
		return stderr, code
	}
	if stderr, code := push(victim, func([]byte) {}); code != 0 {
		t.Errorf("the same again: exit %d, %s", code, stderr)
	}
	for what, try := range map[string]struct {
		from   string
		change func([]byte)
	}{
		"other contents":         {victim, func(raw []byte) { raw[8192+4000] ^= 1 }},
		"another segment's name": {other, func([]byte) {}},
	} {
		if stderr, code := push(try.from, try.change); code == 0 || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, victim) {
			t.Errorf("%s: exit %d, %q", what, code, stderr)
		}
	}
	now, err := os.ReadFile(s.segmentFile(victim))
	if err != nil || !bytes.Equal(now, stored) {
		t.Errorf("what was stored has changed, %v", err)
	}
}
