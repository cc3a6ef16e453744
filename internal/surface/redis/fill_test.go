package redis

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	client "github.com/redis/go-redis/v9"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// do runs one command or fails the test.
func do(t testing.TB, c *client.Client, command ...any) any {
	t.Helper()
	reply, err := c.Do(t.Context(), command...).Result()
	if err != nil {
		t.Fatalf("%v: %v", command[0], err)
	}
	return reply
}

func newSurface(t testing.TB, url string) *Surface {
	t.Helper()
	s, err := New("cache", surface.Config{Kind: Kind, URL: secret.String(url)})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newTarget starts an empty server.
func newTarget(t testing.TB, args ...string) surface.Target {
	t.Helper()
	return surface.Target{URL: secret.String(servers.Redis(t, args...).URL), ScratchDir: t.TempDir()}
}

// connect opens a client for a target's URL.
func connect(t testing.TB, target surface.Target, db int) *client.Client {
	t.Helper()
	options, err := client.ParseURL(target.URL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	options.DB, options.Protocol, options.ClientName = db, 2, servers.RedisTestClient
	c := client.NewClient(options)
	t.Cleanup(func() { c.Close() })
	return c
}

const binaryKey = "\x00\xff binary \r\n$5\r\n"

// farAway is when keys with a TTL expire in tests: not while they run.
var farAway = time.Now().Add(90 * 24 * time.Hour)

// fill puts something of every kind into a server, small and large.
func fill(t testing.TB, server *servers.RedisServer) {
	t.Helper()
	c := server.Client(t)
	do(t, c, "SET", "string", "value")
	do(t, c, "SET", "empty", "")
	do(t, c, "SET", "integer", "123456789012345")
	do(t, c, "SET", binaryKey, "\x00\x01\xfe\xff\r\n")
	do(t, c, "SETBIT", "bitmap", 100_000, 1)
	do(t, c, "PFADD", "hyperloglog", "a", "b", "c")
	do(t, c, "GEOADD", "geo", "13.361389", "38.115556", "Palermo")
	do(t, c, "RPUSH", "list", "b", "a", "", "b", "\x00")
	do(t, c, "SADD", "integers", 3, 1, 2)
	do(t, c, "SADD", "set", "x", "", "\xff\x00")
	do(t, c, "HSET", "hash", "f", "1", "", "empty field", "g\x00", "\xff")
	do(t, c, "ZADD", "zset", "1.1", "a", "-inf", "low", "+inf", "high", "0.30000000000000004", "b", "-0", "zero", "5e-324", "tiny")
	do(t, c, "SET", "volatile string", "v", "PXAT", farAway.UnixMilli()+123)
	do(t, c, "HSET", "volatile hash", "f", "v")
	do(t, c, "PEXPIREAT", "volatile hash", farAway.Add(time.Hour).UnixMilli()+7)
	do(t, c, "SET", "for ever and a day", "v", "PXAT", int64(math.MaxInt64/1_000_000))
	fillStreams(t, c)
	fillLarge(t, c)
	for _, db := range []int{1, 9} {
		other := server.Database(t, db)
		do(t, other, "SET", "string", fmt.Sprintf("in database %d", db))
		do(t, other, "SET", "volatile", "v", "PXAT", farAway.UnixMilli()+int64(db))
	}
	do(t, c, "FUNCTION", "LOAD", "#!lua name=mylib\nredis.register_function('one', function() return 1 end)")
}

func fillStreams(t testing.TB, c *client.Client) {
	t.Helper()
	for n := range 300 {
		do(t, c, "XADD", "stream", fmt.Sprintf("%d-%d", 1000+n/3, n%3+1), "field", fmt.Sprint(n), "field", "twice", "other", "\x00")
	}
	do(t, c, "XDEL", "stream", "1001-1", "1099-3")
	do(t, c, "XGROUP", "CREATE", "stream", "readers", "0")
	do(t, c, "XGROUP", "CREATE", "stream", "another", "1050-1")
	do(t, c, "XREADGROUP", "GROUP", "readers", "alice", "COUNT", 20, "STREAMS", "stream", ">")
	do(t, c, "XREADGROUP", "GROUP", "readers", "bob", "COUNT", 5, "STREAMS", "stream", ">")
	do(t, c, "XACK", "stream", "readers", "1000-1")
	do(t, c, "XGROUP", "CREATECONSUMER", "stream", "another", "idle")
	do(t, c, "XGROUP", "CREATE", "empty stream", "g", "$", "MKSTREAM")
}

// fillLarge makes values that are read in pieces.
func fillLarge(t testing.TB, c *client.Client) {
	t.Helper()
	do(t, c, "SET", "large string", bytes.Repeat([]byte("0123456789abcdef"), 5<<20/16))
	const elements, step = 40_000, 2_000
	for n := 0; n < elements; n += step {
		list, set := []any{"RPUSH", "large list"}, []any{"SADD", "large set"}
		hash, zset := []any{"HSET", "large hash"}, []any{"ZADD", "large zset"}
		for i := n; i < n+step; i++ {
			text := fmt.Sprintf("%s-%d", strings.Repeat("long", 30), i)
			list, set = append(list, text), append(set, text)
			hash, zset = append(hash, text, i), append(zset, float64(i)/7, text)
		}
		for _, command := range [][]any{list, set, hash, zset} {
			do(t, c, command...)
		}
	}
	pipe := c.Pipeline()
	for n := range 5_000 {
		pipe.Set(t.Context(), fmt.Sprintf("many:%d", n), n, 0)
	}
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
}
