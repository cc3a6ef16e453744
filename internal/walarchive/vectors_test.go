package walarchive

import (
	"errors"
	"flag"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// The vectors are the WAL of a surface as format 1 has it: one folder each, with
// what lies under wal/main. They are never made anew for a released format.
var update = flag.Bool("update", false, "write the test vectors anew")

const (
	vectorDir = "testdata/format1"
	vectorEnd = testSize + 70_000
)

func vectorLog() *log {
	l := newLog(1, testStart, 2026)
	l.dull = true
	l.upTo(vectorEnd)
	return l
}

// openVector copies a vector into a store.
func openVector(t testing.TB, name string) *Archive {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "wal/main"), os.DirFS(filepath.Join(vectorDir, name))); err != nil {
		t.Fatal(err)
	}
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return Open(st, "main", newKeys(t, keyConfigs[name]), 1)
}

func TestVectors(t *testing.T) {
	if *update {
		for name := range keyConfigs {
			writeVector(t, name)
		}
	}
	for name := range keyConfigs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, l := openVector(t, name), vectorLog()
			wantLog(t, a, l, vectorEnd)
			if got, err := fetch(t, a, "00000002.history"); err != nil || string(got) != testHistory {
				t.Errorf("%q, %v", got, err)
			}
			h, err := a.Holdings(t.Context())
			if err != nil || len(h.Timelines) != 2 || h.Timelines[0].KnownUntil.IsZero() {
				t.Errorf("%+v, %v", h, err)
			}
			s := wal.SegmentAt(1, l.start, testSize)
			stored, err := a.storedIndex(t.Context(), s)
			scanner := wal.NewScanner(l.start, testSize)
			_, _ = scanner.Write(l.data[:testSize])
			if made := scanner.Cut(); err != nil || stored.Commits != made.Commits || stored.Commits == 0 || !stored.LastCommit.Equal(made.LastCommit) || stored.End != made.End {
				t.Errorf("stored %+v, made %+v, %v", stored, made, err)
			}
			if s, err := a.Stream(t.Context()); err != nil || s.Host != "here" {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

// The key of the vectors lies beside them, for whoever tries them by hand.
func TestVectorIdentity(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(vectorDir, "identity.txt"))
	if err != nil || strings.TrimSpace(string(text)) != testIdentity {
		t.Errorf("%q, %v", text, err)
	}
}

func writeVector(t *testing.T, name string) {
	t.Helper()
	l, st := vectorLog(), newLocal(t)
	a := Open(st, "main", newKeys(t, keyConfigs[name]), 1)
	w := newWriter(t.Context(), t, a, l, l.start)
	err := errors.Join(
		w.Idle(l.start+testSize, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)),
		w.WAL(l.start, l.data[:testSize+40_000]), w.Flush(t.Context()), w.WAL(w.next, l.data[testSize+40_000:vectorEnd]), w.Close(),
		a.StoreHistory(t.Context(), 2, []byte(testHistory)),
	)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(vectorDir, name)); err != nil {
		t.Fatal(err)
	}
	for _, key := range keysOf(t, st, "wal/main/") {
		writeFile(t, filepath.Join(vectorDir, name, strings.TrimPrefix(key, "wal/main/")), bytesOf(t, st, key))
	}
	writeFile(t, filepath.Join(vectorDir, "identity.txt"), []byte(testIdentity+"\n"))
}

func writeFile(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(path.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
