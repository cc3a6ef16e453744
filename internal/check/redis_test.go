package check_test

import (
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/lifeboat-dr/lifeboat/internal/check"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestRedis(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	ctx, db, third := t.Context(), server.Client(t), server.Database(t, 3)
	for _, err := range []error{
		db.Set(ctx, "name", "value of it", 0).Err(), db.Set(ctx, "visits", 41, 0).Err(), db.Set(ctx, "long", strings.Repeat("x", check.MaxRead), 0).Err(),
		db.Set(ctx, "bytes", "\xff\x00\n", 0).Err(), db.RPush(ctx, "queue", "a", "b").Err(), db.HSet(ctx, "user", "name", "joe", "age", "7").Err(),
		db.ZAdd(ctx, "rank", member(0.5, "a"), member(2, "b")).Err(), third.Set(ctx, "name", "third", 0).Err(), db.SAdd(ctx, "tags", "one").Err(),
		db.Set(ctx, "password", servers.RedisPassword, 0).Err(),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	r := &check.Runner{DrillID: "name", Servers: map[string]drill.Server{
		"cache": {Kind: "redis", URL: secret.String(server.URL)}, "main": {Kind: "postgres", URL: "postgres://localhost"},
	}}
	for _, c := range []struct {
		command, expect string
		want            want
	}{
		{"PING", "PONG", want{drill.Pass, "cache: PING", "answer = PONG", "PONG", ""}},
		{"PING", "", want{drill.Pass, "", "an answer that is no error", "PONG", ""}},
		{"GET name", "value of it", pass("value of it")},
		{"get {{drill.id}}", "value of it", pass("value of it")},
		{"GET visits", ">= 41", pass("41")},
		{"DBSIZE", "> 5", pass("")},
		{"GET nothing", "nil", pass("nil")},
		{"EXISTS nothing", "0", pass("0")},
		{"LRANGE queue 0 -1", `["a","b"]`, pass(`["a","b"]`)},
		{"LRANGE nothing 0 -1", "[]", pass("[]")},
		{"HGETALL user", `{"age":"7","name":"joe"}`, pass(`{"age":"7","name":"joe"}`)},
		{"ZSCORE rank a", "0.5", pass("0.5")},
		{"ZRANGE rank 0 -1 WITHSCORES", `[["a",0.5],["b",2]]`, pass("a")},
		{"SMEMBERS tags", `["one"]`, pass("one")},
		{"MGET name nothing", `["value of it",null]`, pass("null")},
		{"INFO replication", "*= role:master", pass("role:master")},
		{"ROLE", "*= master", pass("master")},
		{"CONFIG GET appendonly", `{"appendonly":"no"}`, pass("no")},
		{"OBJECT ENCODING visits", "int", pass("int")},
		{"MEMORY USAGE name", "> 10", pass("")},
		{"EVAL_RO return{1,redis.call('GET','visits')} 0", `[1,"41"]`, pass("41")},
		{"GET bytes", "", pass("\uFFFD")},

		{"GET name", "other", want{drill.Fail, "", "", "value of it", "expected the answer = other, observed value of it"}},
		{"GET queue", "", fail("the server refused GET: WRONGTYPE")},
		{"GET", "", fail("the server refused GET: ERR wrong number of arguments")},
		{"GETT name", "", fail("the server knows no command GETT")},
		{"GET long", "", fail("the answer is longer than 1048576 bytes")},
		{"SET name x", "", fail("the command SET may write, which no check does")},
		{"FLUSHALL", "", fail("the command FLUSHALL may write")},
		{"CONFIG SET appendonly yes", "", fail("the command CONFIG may write")},
		{"EVAL return{redis.call('SET','name','x')} 0", "", fail("the command EVAL may write")},
		{"EVAL_RO return{redis.call('SET','name','x')} 0", "", fail("the server refused EVAL_RO: ERR Write commands are not allowed from read-only scripts")},
		{"SORT queue ALPHA STORE name", "", fail("the command SORT may write")},
		{"SUBSCRIBE news", "", fail("the command SUBSCRIBE may write")},
		{"SHUTDOWN", "", fail("the command SHUTDOWN may write")},
		{"REPLICAOF localhost 1", "", fail("the command REPLICAOF may write")},
	} {
		try(t, r, drill.Check{Kind: drill.CheckRedis, Surface: "cache", Command: strings.Fields(c.command), Expect: c.expect}, c.want)
	}
	try(t, r, drill.Check{Kind: drill.CheckRedis, Surface: "cache", Command: []string{"GET", "name"}, Database: "3", Expect: "third"}, pass("third"))
	try(t, r, drill.Check{Kind: drill.CheckRedis, Surface: "cache", Command: []string{"GET", "name"}, Database: "99"}, fail("DB index is out of range"))
	try(t, r, drill.Check{Kind: drill.CheckRedis, Surface: "cache", Command: []string{"GET", "name"}, Database: "{{drill.id}}"}, fail(`database "name" must be the number`))
	try(t, r, drill.Check{Kind: drill.CheckRedis, Surface: "main", Command: []string{"PING"}}, fail("surface main is of kind postgres"))
	holdsNone(t, try(t, r, drill.Check{Kind: drill.CheckRedis, Surface: "cache", Command: []string{"GET", "password"}, Expect: "x"}, fail("**redacted**")), servers.RedisPassword)
	if value, err := db.Get(ctx, "name").Result(); err != nil || value != "value of it" {
		t.Errorf("the checks have written: %q, %v", value, err)
	}
}

// TestRedisOfAUserWithoutRights has a user who may only read some keys.
func TestRedisOfAUserWithoutRights(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	db := server.Client(t)
	if err := db.Do(t.Context(), "ACL", "SETUSER", "reader", "on", ">reader-pass", "~open:*", "+get", "+command").Err(); err != nil {
		t.Fatal(err)
	}
	r := &check.Runner{Servers: map[string]drill.Server{
		"cache": {Kind: "redis", URL: secret.String(server.As("reader", "reader-pass"))},
		"wrong": {Kind: "redis", URL: secret.String(server.As("reader", "other-pass"))},
	}}
	ask := func(surface string, words ...string) drill.Check {
		return drill.Check{Kind: drill.CheckRedis, Surface: surface, Command: words}
	}
	try(t, r, ask("cache", "GET", "open:x"), pass("nil"))
	try(t, r, ask("cache", "GET", "closed:x"), fail("NOPERM"))
	try(t, r, ask("cache", "HGETALL", "open:x"), fail("NOPERM"))
	holdsNone(t, try(t, r, ask("wrong", "GET", "open:x"), fail("WRONGPASS")), "other-pass")
}

func TestRedisUnreachable(t *testing.T) {
	t.Parallel()
	const password = "hunter22"
	r := &check.Runner{Servers: map[string]drill.Server{
		"gone":   {Kind: "redis", URL: secret.String("redis://joe:" + password + "@" + servers.Address(t))},
		"mute":   {Kind: "redis", URL: secret.String("redis://joe:" + password + "@" + mute(t))},
		"broken": {Kind: "redis", URL: secret.String("redis://joe:" + password + "@local host:%zz")},
	}}
	for surface, detail := range map[string]string{"gone": "connection refused", "mute": "no answer within", "broken": "can't be parsed"} {
		c := drill.Check{Kind: drill.CheckRedis, Surface: surface, Command: []string{"ECHO", password}}
		if surface == "mute" {
			c.Timeout = impatience
		}
		holdsNone(t, try(t, r, c, want{drill.Fail, surface + ": ECHO", "", "", detail}), password)
	}
}

func TestRedisTakesTooLong(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	r := &check.Runner{Servers: map[string]drill.Server{"cache": {Kind: "redis", URL: secret.String(server.URL)}}}
	try(t, r, drill.Check{
		Kind: drill.CheckRedis, Surface: "cache", Command: []string{"XREAD", "BLOCK", "0", "STREAMS", "s", "$"}, Timeout: impatience,
	}, fail("no answer within 300ms"))
}

func member(score float64, name string) redis.Z { return redis.Z{Score: score, Member: name} }
