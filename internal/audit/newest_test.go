package audit_test

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
)

func TestNewest(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	l, err := audit.Open(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := l.Newest(time.Time{}, 5); err != nil || len(got) != 0 {
		t.Fatalf("an empty log gives %v, %v", got, err)
	}
	at := func(i int) time.Time { return time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC) }
	var text strings.Builder
	const count = 2000
	for i := range count {
		// Lines of many lengths, so that pieces end anywhere in them; one is longer than two pieces.
		detail := strings.Repeat("ä", i%97)
		if i == 1000 {
			detail = strings.Repeat("x", 150_000)
		}
		fmt.Fprintf(&text, "{\"time\":%q,\"actor\":\"a%d\",\"action\":\"x\",\"result\":\"done\",\"detail\":%q}\n", at(i).Format(time.RFC3339Nano), i, detail)
		if i%500 == 0 {
			text.WriteString("{\"time\":\"2026-01-0\n\n")
		}
	}
	text.WriteString(`{"time":"2026-01-01T00`)
	if err := os.WriteFile(path, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		before       time.Time
		limit, first int
		want         int
	}{
		{time.Time{}, 3, 1999, 3},
		{time.Time{}, 5000, 1999, 2000},
		{at(1005), 50, 1004, 50},
		{at(2), 50, 1, 2},
		{at(0), 50, 0, 0},
	} {
		got, err := l.Newest(c.before, c.limit)
		if err != nil || len(got) != c.want {
			t.Fatalf("before %s: %d entries, %v, want %d", c.before, len(got), err, c.want)
		}
		for i, e := range got {
			if e.Actor != fmt.Sprintf("a%d", c.first-i) {
				t.Fatalf("before %s: entry %d is %s", c.before, i, e.Actor)
			}
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Newest(time.Time{}, 5); err != nil || len(got) != 0 {
		t.Errorf("a log that was rotated gives %v, %v", got, err)
	}
}
