package audit

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func open(t *testing.T) (*Log, string, *bytes.Buffer) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "logs", "audit.jsonl")
	var logged bytes.Buffer
	l, err := Open(path, slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return l, path, &logged
}

func entries(t *testing.T, path string) []Entry {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []Entry
	for line := range strings.Lines(string(text)) {
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, e)
	}
	return out
}

func TestRecordAppendsLines(t *testing.T) {
	t.Parallel()
	l, path, logged := open(t)
	want := Entry{
		Actor: "ci", Role: "operator", Action: "snapshot.create", Target: "main\nx", Result: Accepted,
		WorkflowID: "w", RequestID: "r", Remote: "127.0.0.1",
	}
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if err := l.Record(t.Context(), want); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	got := entries(t, path)
	if len(got) != 20 {
		t.Fatalf("%d lines, want 20", len(got))
	}
	for _, e := range got {
		if time.Since(e.Time) > time.Minute || e.Time.Location() != time.UTC {
			t.Errorf("the time is %s", e.Time)
		}
		e.Time = time.Time{}
		if e != want {
			t.Errorf("got %+v", e)
		}
	}
	if n := strings.Count(logged.String(), "msg=audit"); n != 20 {
		t.Errorf("%d lines in the process's log, want 20", n)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is open to others: %v %v", info.Mode(), err)
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	l, path, _ := open(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l.now = func() time.Time { return now }
	record := func(result string) {
		t.Helper()
		if err := l.Record(t.Context(), Entry{Action: "auth", Result: result}); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		record(Refused)
	}
	record(Done)
	if got := len(entries(t, path)); got != refusalBurst+1 {
		t.Errorf("%d lines, want the burst of %d and the change", got, refusalBurst)
	}
	now = now.Add(2 * time.Second)
	for range 5 {
		record(Refused)
	}
	got := entries(t, path)
	if len(got) != refusalBurst+3 {
		t.Fatalf("%d lines after two seconds, want two more", len(got))
	}
	if n := got[refusalBurst+1].Suppressed; n != 90 {
		t.Errorf("%d suppressed, want 90", n)
	}
}

func TestRotatedAndUnwritable(t *testing.T) {
	t.Parallel()
	l, path, _ := open(t)
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	if err := l.Record(t.Context(), Entry{Action: "a", Result: Done}); err != nil {
		t.Fatal(err)
	}
	if got := len(entries(t, path)); got != 1 {
		t.Errorf("%d lines in the new file", got)
	}
	if _, err := Open(filepath.Dir(path), slog.New(slog.DiscardHandler)); !fault.Is(err, fault.Unavailable) {
		t.Errorf("a folder for a log gives %v", err)
	}
}
