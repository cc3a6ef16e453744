package reconcile

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// world is one PostgreSQL and one Redis, as a drill restores them.
type world struct {
	*Runner
	pg    *servers.PG
	redis *servers.RedisServer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{pg: servers.Postgres(t), redis: servers.Redis(t)}
	w.Runner = &Runner{Servers: map[string]drill.Server{
		"main":  {Kind: "postgres", URL: secret.String(w.pg.URL)},
		"redis": {Kind: "redis", URL: secret.String(w.redis.URL)},
	}}
	return w
}

// exec runs SQL on the restored database.
func (w *world) exec(t *testing.T, sql string, arguments ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.pg.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), sql, arguments...); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// do runs commands on the restored Redis, one a line.
func (w *world) do(t *testing.T, lines ...string) {
	t.Helper()
	client := w.redis.Client(t)
	for _, line := range lines {
		split, err := words(line)
		if err != nil {
			t.Fatal(err)
		}
		command := make([]any, len(split))
		for i, word := range split {
			command[i] = word
		}
		if err := client.Do(t.Context(), command...).Err(); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
	}
}

// run makes an attempt that must end in a result, and checks what holds of all results.
func (w *world) run(t *testing.T, rec drill.Reconcile, want string) drill.Reconciliation {
	t.Helper()
	got, err := w.Run(t.Context(), rec)
	if err != nil {
		t.Fatalf("%s: %v", rec.Query, err)
	}
	if got.Result != want {
		t.Errorf("%s: got %s, want %s: %+v", rec.Query, got.Result, want, got)
	}
	checkTexts(t, rec, got)
	return got
}

// checkTexts wants every text in one line, and without a password.
func checkTexts(t *testing.T, rec drill.Reconcile, got drill.Reconciliation) {
	t.Helper()
	if len(got.Items) > 50 {
		t.Errorf("%d items are listed", len(got.Items))
	}
	texts := []string{got.Name, got.Subject, got.Detail}
	failed := true
	for _, item := range got.Items {
		texts = append(texts, item.Name, item.Subject, item.Expected, item.Observed, item.Detail)
		if item.Result == drill.Fail && !failed {
			t.Errorf("an item that failed comes after one that did not: %+v", item)
		}
		failed = item.Result == drill.Fail
	}
	hidden := []string{servers.PGPassword, servers.RedisPassword, "postgres://", "redis://"}
	if rec.Chain != nil {
		hidden = append(hidden, rec.Chain.URL.Reveal())
	}
	for _, text := range texts {
		if strings.ContainsAny(text, "\r\n") {
			t.Errorf("not one line: %q", text)
		}
		for _, secret := range hidden {
			if strings.Contains(text, secret) {
				t.Errorf("a text shows %q: %q", secret, text)
			}
		}
	}
	if got.Name == "" || got.Kind != rec.Kind || got.Seconds <= 0 {
		t.Errorf("not filled in: %+v", got)
	}
}

// wantDetail wants the detail, or an item's, to have the text.
func wantDetail(t *testing.T, got drill.Reconciliation, text string) {
	t.Helper()
	all := []string{got.Detail}
	for _, item := range got.Items {
		all = append(all, item.Name+" "+item.Subject+" "+item.Expected+" "+item.Observed+" "+item.Detail)
	}
	if !strings.Contains(strings.Join(all, "\n"), text) {
		t.Errorf("nothing says %q: %+v", text, got)
	}
}
