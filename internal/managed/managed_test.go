package managed_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

func TestWindowHoldsItsEnds(t *testing.T) {
	t.Parallel()
	earliest := time.Date(2026, 3, 1, 12, 0, 0, 500e6, time.UTC)
	w := managed.Window{Earliest: earliest, Latest: earliest.Add(time.Hour)}
	cases := map[string]struct {
		at      time.Time
		nearest string
	}{
		"latest":             {time.Time{}, ""},
		"inside":             {earliest.Add(time.Minute), ""},
		"the last second":    {w.Latest, ""},
		"cut to before":      {earliest, "2026-03-01T12:00:01Z"},
		"elsewhere, too old": {earliest.Add(-time.Hour).In(time.FixedZone("", 3600)), "2026-03-01T12:00:01Z"},
		"too new":            {w.Latest.Add(time.Second), "2026-03-01T13:00:00Z"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := w.Check(managed.Request{At: c.at})
			switch {
			case c.nearest == "" && err != nil:
				t.Error(err)
			case c.nearest != "" && (!fault.Is(err, fault.Missing) || !strings.Contains(err.Error(), c.nearest)):
				t.Errorf("got %v, want the nearest, %s", err, c.nearest)
			}
		})
	}
}

func TestTagsKnowTheirRequest(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	request := managed.Request{Name: "drill", At: at}
	tags := request.Tags("orders")
	same := managed.Request{Name: "drill", At: at.Add(time.Millisecond).In(time.FixedZone("", 7200))}
	if err := same.Same(tags, "orders"); err != nil {
		t.Errorf("the same request in another zone: %v", err)
	}
	for name, err := range map[string]error{
		"another time":       managed.Request{Name: "drill", At: at.Add(time.Second)}.Same(tags, "orders"),
		"the latest":         managed.Request{Name: "drill"}.Same(tags, "orders"),
		"another source":     request.Same(tags, "invoices"),
		"no tags":            request.Same(nil, "orders"),
		"not ours to delete": managed.Removable("drill", nil, "orders"),
		"of another":         managed.Removable("drill", tags, "invoices"),
		"the source":         managed.Removable("orders", tags, "orders"),
	} {
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v, want a conflict", name, err)
		}
	}
	if err := managed.Removable("drill", tags, "orders"); err != nil {
		t.Errorf("our own: %v", err)
	}
}

func TestURLOfARestoredInstance(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ source, want, port string }{
		"everything stays": {
			"postgres://app:p%40ss%20word@db.internal:6432/orders?sslmode=verify-full&options=-c%20geqo%3Doff",
			"postgres://app:p%40ss%20word@new.example:5432/orders?options=-c%20geqo%3Doff&sslmode=verify-full", "6432",
		},
		"the host in a setting": {
			"postgresql://app@/orders?host=/run/postgresql&port=5433&service=x", "postgresql://app@new.example:5432/orders", "5433",
		},
		"the usual port": {"postgres://app@db/orders", "postgres://app@new.example:5432/orders", "5432"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := managed.At(secret.String(c.source), "new.example:5432")
			if err != nil || got.Reveal() != c.want {
				t.Errorf("got %q, %v, want %q", got.Reveal(), err, c.want)
			}
			if port, err := managed.Port(secret.String(c.source)); err != nil || port != c.port {
				t.Errorf("port %q, %v, want %q", port, err, c.port)
			}
		})
	}
	for _, bad := range []secret.String{"", "host=db password=hidden", "mysql://u:hidden@h/d", "postgres://u:hidden@h:port/d"} {
		_, err := managed.At(bad, "new.example:5432")
		if !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%q: %v, want it refused and not shown", bad.Reveal(), err)
		}
	}
}
