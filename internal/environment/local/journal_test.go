package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestAJournalIsReadByWholeLinesAndRuns(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	j := journal{path: path}
	add := func(text string) {
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if err := j.read(); err != nil {
			t.Fatal(err)
		}
	}
	const prefix = "2026-11-22 07:24:38.356 UTC [7] "
	first := prefix + "LOG:  redo starts at 0/2000028\n" + prefix + "FATAL:  the database system is starting up\n" +
		prefix + "LOG:  last completed transaction was at log time 2026-11-22 07:00:00.5+00\n" +
		prefix + "FATAL:  recovery ended before configured recovery target was reached\n"
	add(first[:100])
	add(first[100:])
	if err := j.verdict(); !fault.Is(err, fault.Missing) || !strings.Contains(err.Error(), "2026-11-22T07:00:00.5Z") {
		t.Errorf("verdict: %v", err)
	}
	j.begin(int64(len(first)))
	if err := j.verdict(); !fault.Is(err, fault.Unavailable) {
		t.Errorf("verdict of a run that said nothing: %v", err)
	}
	add(prefix + "LOG:  redo starts at 0/7000028\n" + prefix + "LOG:  selected new timeline ID: 12\n" + prefix + "LOG:  database system is ready to accept connections\n")
	if !j.ready || j.timeline != 12 || j.redo.String() != "0/2000028" || !j.lastCommit.Equal(time.Date(2026, 11, 22, 7, 0, 0, 5e8, time.UTC)) {
		t.Errorf("read: %+v", j)
	}
	// Read at once by another worker, the log says the same.
	other := journal{path: path, run: int64(len(first))}
	if err := other.read(); err != nil || !other.ready || other.failure != "" || other.redo != j.redo {
		t.Errorf("read at once: %+v, %v", other, err)
	}
}
