package reconcile

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func between(left, leftQuery, right, rightQuery string) drill.Reconcile {
	return drill.Reconcile{
		Kind: drill.ReconcileQuery, Surface: left, Query: leftQuery, With: &drill.Side{Surface: right, Query: rightQuery},
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, `CREATE TABLE accounts (id int PRIMARY KEY, name text COLLATE "C", balance numeric(20,4), open boolean)`)
	w.exec(t, `INSERT INTO accounts VALUES (1, 'ada', 10.5, true), (2, 'bob', 1, true), (3, 'it''s; "ö"', -0.0, false)`)
	w.do(t, "ZADD balances 1 bob 10.5 ada 0 'it\\'s; \"ö\"'", "HSET names 1 ada 3 'it\\'s; \"ö\"' 2 bob",
		"RPUSH ids 1 2 3", "SADD set bob ada", "SET count 3", "SET text 1.00", `SET empty ""`, "XADD stream 1-1 f v")
	const ids = "SELECT id FROM accounts ORDER BY id"
	for name, c := range map[string]struct {
		rec  drill.Reconcile
		want string
		says string
	}{
		"the same":          {between("main", ids, "main", ids), drill.Pass, "3 rows are equal"},
		"list":              {between("main", ids, "redis", "LRANGE ids 0 -1"), drill.Pass, "3 rows are equal"},
		"list on the left":  {between("redis", "LRANGE ids 0 -1", "main", ids), drill.Pass, "3 rows are equal"},
		"count":             {between("main", "SELECT count(*) FROM accounts", "redis", "LLEN ids"), drill.Pass, "1 row is equal"},
		"sorted set":        {between("main", "SELECT name, balance FROM accounts ORDER BY balance, name", "redis", "ZRANGE balances 0 -1 WITHSCORES"), drill.Pass, "3 rows"},
		"hash":              {between("main", `SELECT id::text, name FROM accounts ORDER BY id::text COLLATE "C"`, "redis", "HGETALL names"), drill.Pass, "3 rows"},
		"set":               {between("main", `SELECT name FROM accounts WHERE open ORDER BY name`, "redis", "SMEMBERS set"), drill.Pass, "2 rows"},
		"stream":            {between("main", `SELECT '1-1', 'f', 'v'`, "redis", "XRANGE stream - +"), drill.Pass, "1 row"},
		"bytes":             {between("main", `SELECT 'it''s; "ö"'`, "redis", `HGET names "\x33"`), drill.Pass, "1 row"},
		"decimals":          {between("main", "SELECT 1.0000", "redis", "GET text"), drill.Pass, "1 row"},
		"null is null":      {between("main", "SELECT NULL", "redis", "GET missing"), drill.Pass, "1 row"},
		"null is not empty": {between("main", "SELECT NULL", "redis", "GET empty"), drill.Fail, `("") (NULL)`},
		"zero rows":         {between("main", "SELECT 1 WHERE false", "redis", "LRANGE missing 0 -1"), drill.Warn, "both sides answered no row: nothing was compared"},
		"one row differs":   {between("main", "SELECT id, id <> 2 FROM accounts ORDER BY id", "main", "SELECT id, true FROM accounts ORDER BY id"), drill.Fail, `row 2  ("2", "t") ("2", "f")`},
		"a row is missing":  {between("main", ids+" LIMIT 2", "redis", "LRANGE ids 0 -1"), drill.Fail, `row 3  ("3") no row`},
		"a row too many":    {between("main", ids, "redis", "LRANGE ids 0 1"), drill.Fail, `main answered 3 rows, redis 2`},
		"columns":           {between("main", "SELECT 1, 2", "main", "SELECT 1"), drill.Fail, `("1") ("1", "2")`},
		"order":             {between("main", ids, "main", ids+" DESC"), drill.Fail, "2 of 3 rows differ, the first is row 1"},
		"line feeds":        {between("main", "SELECT E'a\nb'", "main", "SELECT 'a b'"), drill.Fail, `("a\nb")`},

		"wrong SQL":        {between("main", "SELECT\nFROM WHERE", "redis", "PING"), drill.Fail, "syntax error"},
		"no table":         {between("main", ids, "main", "SELECT * FROM lost"), drill.Fail, `relation "lost" does not exist`},
		"two statements":   {between("main", ids+"; "+ids, "main", ids), drill.Fail, "multiple commands"},
		"error in a row":   {between("main", "SELECT 1/(3-id) FROM accounts ORDER BY id", "redis", "LRANGE ids 0 -1"), drill.Fail, "division by zero"},
		"writing SQL":      {between("main", "DELETE FROM accounts RETURNING 1", "redis", "PING"), drill.Fail, "read-only transaction"},
		"wrong command":    {between("main", "SELECT 1", "redis", "NOSUCH"), drill.Fail, "unknown command"},
		"wrong type":       {between("main", "SELECT 1", "redis", "GET ids"), drill.Fail, "WRONGTYPE"},
		"unclosed quote":   {between("main", "SELECT 1", "redis", "GET 'a"), drill.Fail, "a quote ' that is not closed"},
		"writing command":  {between("main", "SELECT 1", "redis", "del ids"), drill.Fail, "DEL is one of those that are marked write"},
		"admin command":    {between("main", "SELECT 1", "redis", "MONITOR"), drill.Fail, "MONITOR is one of those that are marked admin"},
		"endless command":  {between("main", "SELECT 1", "redis", "SUBSCRIBE a"), drill.Fail, "SUBSCRIBE is one of those that are marked pubsub"},
		"unknown surface":  {between("main", "SELECT 1", "other", "SELECT 1"), drill.Fail, "surface other was not restored"},
		"not well-formed":  {between("main", "", "redis", "PING"), drill.Fail, "query must be set"},
		"fingerprint":      {drill.Reconcile{Kind: drill.ReconcileFingerprint, Surface: "main"}, drill.Fail, "is not made here"},
		"an odd row first": {between("main", "SELECT pg_size_pretty(1::bigint), repeat('x', 5000)", "main", "SELECT 1, 2"), drill.Fail, "… of 5000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wantDetail(t, w.run(t, c.rec, c.want), c.says)
		})
	}
}

// TestQueryOfManyRows streams far more than is held at a time, and finds the one row.
func TestQueryOfManyRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.exec(t, "CREATE TABLE n AS SELECT generate_series(1, 200000) AS n")
	w.do(t, `EVAL "for i = 1, 200000, 1000 do local a = {} for j = i, i + 999 do a[#a+1] = j end redis.call('RPUSH', 'n', unpack(a)) end return 1" 0`)
	rec := between("main", "SELECT n FROM n ORDER BY n", "redis", "LRANGE n 0 -1")
	wantDetail(t, w.run(t, rec, drill.Pass), "200000 rows are equal")
	w.do(t, "LSET n 123456 lost")
	got := w.run(t, rec, drill.Fail)
	wantDetail(t, got, "1 of 200000 rows differ, the first is row 123457")
	wantDetail(t, got, `row 123457  ("lost") ("123457")`)
	w.exec(t, "UPDATE n SET n = -n")
	if got := w.run(t, rec, drill.Fail); len(got.Items) != mostRows+1 {
		t.Errorf("%d items are shown", len(got.Items))
	}
}

func TestTrimmed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"1.00": "1", "1.10": "1.1", "-1.50": "-1.5", "0.0": "0", "-0.00": "0", "100": "100", "1.": "1.", ".5": ".5", "1.0e5": "1.0e5",
		"1.0.0": "1.0.0", "a.00": "a.00", "": "", "-": "-", "10.0": "10", "+1.0": "+1.0", "-0": "-0", "1.01": "1.01",
	} {
		if got := string(trimmed([]byte(text))); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestUnreachable has servers that can't be reached: another attempt may end otherwise.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	gone := servers.Address(t)
	w.Servers["gone"] = drill.Server{Kind: "postgres", URL: secret.String("postgres://postgres:HIDDEN-PASSWORD@" + gone + "/x")}
	w.Servers["gone-redis"] = drill.Server{Kind: "redis", URL: secret.String("redis://default:HIDDEN-PASSWORD@" + gone + "/0")}
	w.do(t, "SET count 1")
	for name, rec := range map[string]drill.Reconcile{
		"postgres on the left":  between("gone", "SELECT 1", "main", "SELECT 1"),
		"postgres on the right": between("redis", "GET count", "gone", "SELECT 1"),
		"redis":                 between("main", "SELECT 1", "gone-redis", "GET count"),
	} {
		_, err := w.Run(t.Context(), rec)
		if !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "HIDDEN") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Another password is another answer: it will be refused again.
	w.Servers["wrong"] = drill.Server{Kind: "postgres", URL: secret.String(strings.Replace(w.pg.URL, "://postgres:", "://postgres:HIDDEN", 1))}
	w.Servers["wrong-redis"] = drill.Server{Kind: "redis", URL: secret.String(w.redis.As("default", "HIDDEN"))}
	for _, surface := range []string{"wrong", "wrong-redis"} {
		got := w.run(t, between(surface, "SELECT 1", "main", "SELECT 1"), drill.Fail)
		if strings.Contains(got.Detail, "HIDDEN") || got.Detail == "" || !got.Unreached {
			t.Errorf("%s: %q", surface, got.Detail)
		}
	}
	w.Servers["odd"] = drill.Server{Kind: "postgres", URL: "postgres://HIDDEN:%zz@/"}
	w.Servers["odd-redis"] = drill.Server{Kind: "redis", URL: "rediss://HIDDEN:%zz@/"}
	w.Servers["other"] = drill.Server{Kind: "kubernetes", URL: "https://HIDDEN"}
	for _, surface := range []string{"odd", "odd-redis", "other"} {
		if got := w.run(t, between(surface, "SELECT 1", "main", "SELECT 1"), drill.Fail); strings.Contains(got.Detail, "HIDDEN") {
			t.Errorf("%s: %q", surface, got.Detail)
		}
	}
}

// TestServerGoesAway has a server that ends while it answers.
func TestServerGoesAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	slow := between("main", "SELECT n, pg_sleep(CASE WHEN n = 5 THEN 600 ELSE 0 END) FROM generate_series(1, 9) n", "main", "SELECT 1, ''")
	done := make(chan error, 1)
	go func() {
		_, err := w.Run(t.Context(), slow)
		done <- err
	}()
	awaitSleep(t, w)
	w.pg.Kill()
	if err := <-done; !fault.Is(err, fault.Unavailable) {
		t.Errorf("got %v", err)
	}
}

// awaitSleep waits until a query sleeps.
func awaitSleep(t *testing.T, w *world) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		rec := between("main", "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'", "main", "SELECT true")
		got, err := w.Run(t.Context(), rec)
		if err == nil && got.Result == drill.Pass {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("no query sleeps: %+v, %v", got, err)
		}
	}
}

// TestTimeout has a query that takes longer than the reconciliation may.
func TestTimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rec := between("main", "SELECT pg_sleep(600)", "main", "SELECT ''")
	rec.Timeout = drill.Duration(time.Second)
	wantDetail(t, w.run(t, rec, drill.Fail), "it was not done within 1s")

	rec = between("redis", `EVAL "while true do redis.call('PING') end" 0`, "main", "SELECT 1")
	rec.Timeout = drill.Duration(time.Second)
	wantDetail(t, w.run(t, rec, drill.Fail), "it was not done within 1s")
	// The script goes on, and ends for nothing less.
	w.redis.Kill()
}

// TestCancelled has a caller that gives up: that is no result.
func TestCancelled(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := w.Run(ctx, between("main", "SELECT pg_sleep(600)", "main", "SELECT ''"))
		done <- err
	}()
	awaitSleep(t, w)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
