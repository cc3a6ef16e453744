package redis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func addressOf(t testing.TB, server *servers.RedisServer) address {
	t.Helper()
	a, err := parse(secret.String(server.URL), surface.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func take(t testing.TB, server *servers.RedisServer) surface.Fingerprint {
	t.Helper()
	f, err := fingerprint(t.Context(), addressOf(t, server))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestEveryDifferenceShows makes one small change at a time.
func TestEveryDifferenceShows(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	fill(t, server)
	c := server.Client(t)
	before := take(t, server)
	if again := take(t, server); len(before.Compare(again)) != 0 {
		t.Fatalf("read twice, %v", before.Compare(again))
	}
	for _, change := range [][]any{
		{"APPEND", "string", "x"},
		{"SET", "empty", "\x00"},
		{"RENAME", "integer", "other name"},
		{"SETRANGE", "large string", 4 << 20, "x"},
		{"LSET", "list", 1, "c"},
		{"RPUSH", "list", ""},
		{"LSET", "large list", 39_999, "x"},
		{"SADD", "integers", 4},
		{"SREM", "large set", strings.Repeat("long", 30) + "-777"},
		{"HSET", "hash", "f", "2"},
		{"HSET", "large hash", strings.Repeat("long", 30) + "-777", "778"},
		{"ZADD", "zset", "0.3", "b"},
		{"ZINCRBY", "large zset", "1e-12", strings.Repeat("long", 30) + "-1"},
		{"XADD", "stream", "*", "f", "v"},
		{"XDEL", "stream", "1010-1"},
		{"XSETID", "stream", "5000000000000-1"},
		{"XGROUP", "SETID", "stream", "another", "1060-1"},
		{"XGROUP", "CREATE", "empty stream", "h", "$"},
		{"XGROUP", "CREATECONSUMER", "stream", "another", "second"},
		{"XACK", "stream", "readers", "1000-2"},
		{"XCLAIM", "stream", "readers", "bob", 0, "1000-3"},
		{"PEXPIREAT", "volatile string", farAway.UnixMilli() + 124},
		{"PEXPIREAT", "string", farAway.UnixMilli()},
		{"PERSIST", "volatile hash"},
		{"MOVE", "list", 4},
		{"SWAPDB", 1, 9},
		{"FUNCTION", "LOAD", "REPLACE", "#!lua name=mylib\nredis.register_function('one', function() return 2 end)"},
		{"FUNCTION", "DELETE", "mylib"},
		{"DEL", "many:77"},
	} {
		do(t, c, change...)
		after := take(t, server)
		if len(before.Compare(after)) == 0 {
			t.Errorf("%v does not show", change)
		}
		before = after
	}
}

// TestRepresentationsDoNotShow stores equal values in other ways.
func TestRepresentationsDoNotShow(t *testing.T) {
	t.Parallel()
	compact, sparse := servers.Redis(t), servers.Redis(t)
	for setting, value := range map[string]string{
		"hash-max-listpack-entries": "0", "zset-max-listpack-entries": "0", "set-max-intset-entries": "0",
		"list-max-listpack-size": "1", "stream-node-max-entries": "1", "list-compress-depth": "1",
	} {
		do(t, sparse.Client(t), "CONFIG", "SET", setting, value)
	}
	for n, server := range []*servers.RedisServer{compact, sparse} {
		c := server.Client(t)
		words := []string{"b", "c", "a", "d"}
		if n == 1 {
			slices.Reverse(words)
		}
		for _, word := range words {
			do(t, c, "SET", "string "+word, word)
			do(t, c, "HSET", "hash", word, "1")
			do(t, c, "SADD", "set", word, int(word[0]))
			do(t, c, "ZADD", "zset", "1.5", word)
		}
		do(t, c, "RPUSH", "list", "x", "y", "z")
		do(t, c, "XADD", "stream", "1-1", "f", "v")
		do(t, c, "XADD", "stream", "1-2", "f", "v")
	}
	for _, d := range take(t, compact).Compare(take(t, sparse)) {
		t.Errorf("of equal data, %s", d)
	}
}

// TestPiecesAddUp reads every value in the smallest pieces and at once.
func TestPiecesAddUp(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	fill(t, server)
	a := addressOf(t, server)
	c := a.open(t.Context(), 0)
	defer c.Close()
	r := &reader{address: a, c: c, own: info{Since7: true}}
	for _, name := range []string{"string", "list", "set", "hash", "zset", "large list", "large set", "large hash", "large zset"} {
		kind := do(t, server.Client(t), "TYPE", name).(string)
		whole, err := r.values(t.Context(), []key{{name: name, kind: kind}})
		if err != nil || whole[0].count == 0 {
			t.Fatalf("%s at once: %v", name, err)
		}
		for _, bytes := range []int64{1 << 30, 10 << 20} {
			pieces, err := r.values(t.Context(), []key{{name: name, kind: kind, bytes: bytes}})
			if err != nil {
				t.Fatalf("%s in pieces: %v", name, err)
			}
			if pieces[0].count != whole[0].count || pieces[0].digest() != whole[0].digest() {
				t.Errorf("%s has %d elements in pieces and %d at once, or another digest", name, pieces[0].count, whole[0].count)
			}
		}
	}
}

// TestServersBefore7 asks for expiries as they must be asked before PEXPIRETIME was there.
func TestServersBefore7(t *testing.T) {
	t.Parallel()
	server := servers.Redis(t)
	do(t, server.Client(t), "SET", "stays", "v")
	do(t, server.Client(t), "SET", "far", "v", "PXAT", farAway.UnixMilli()+1)
	do(t, server.Client(t), "SET", "further", "v", "PXAT", int64(9_000_000_000_000_000))
	a := addressOf(t, server)
	c := a.open(t.Context(), 0)
	defer c.Close()
	names := []string{"stays", "far", "gone", "further"}
	newer, err := a.describe(t.Context(), c, info{Since7: true}, names)
	if err != nil {
		t.Fatal(err)
	}
	older, err := a.describe(t.Context(), c, info{}, names)
	if err != nil {
		t.Fatal(err)
	}
	if len(newer) != 3 || !slices.Equal(newer, older) {
		t.Errorf("the keys are %v by the new way and %v by the old", newer, older)
	}
}

// TestFieldsWithTTLs plays a server of version 7.4, which is not at hand.
func TestFieldsWithTTLs(t *testing.T) {
	t.Parallel()
	soon := farAway.Truncate(time.Hour).UnixMilli() + 5
	read := func(second int64) surface.Fingerprint {
		a := fakeServer(t, func(words []string) (string, bool) {
			switch strings.ToUpper(words[0]) {
			case "HELLO":
				return "*0\r\n", false
			case "PING":
				return "+PONG\r\n", false
			case "INFO":
				text := "redis_version:7.4.1\r\ndb0:keys=1,expires=0,avg_ttl=0,subexpiry=1\r\n"
				return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text), false
			case "SCAN":
				return "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nh\r\n", false
			case "TYPE":
				return "+hash\r\n", false
			case "PEXPIRETIME":
				return ":-1\r\n", false
			case "MEMORY":
				return ":100\r\n", false
			case "HLEN":
				return ":2\r\n", false
			case "HSCAN":
				return "*2\r\n$1\r\n0\r\n*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n", false
			case "HPEXPIRETIME":
				if got := strings.Join(words[1:], " "); got != "h FIELDS 2 a b" {
					return "-ERR asked for " + got + "\r\n", false
				}
				return fmt.Sprintf("*2\r\n:-1\r\n:%d\r\n", second), false
			case "FUNCTION":
				return "*0\r\n", false
			default:
				return "-ERR unknown command\r\n", false
			}
		})
		f, err := fingerprint(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	f := read(soon)
	want := "db0/hash until " + time.UnixMilli(soon).UTC().Format(hourForm)
	if len(f) != 1 || f[0].Name != want || f[0].Count != 1 {
		t.Errorf("a hash with a field that expires is %v, not %s", f, want)
	}
	if len(f.Compare(read(soon))) != 0 {
		t.Error("read twice, it differs")
	}
	if len(f.Compare(read(soon+1))) == 0 {
		t.Error("another expiry of a field does not show")
	}
	if plain := read(-1); plain[0].Name != "db0/hash" {
		t.Errorf("a hash without such fields is %v", plain)
	}
}

// TestKeysThatComeTwice plays a server whose first listing has a key twice.
func TestKeysThatComeTwice(t *testing.T) {
	t.Parallel()
	real := servers.Redis(t)
	do(t, real.Client(t), "SET", "k", "v")
	want := take(t, real)
	listings := 0
	fake := fakeServer(t, func(words []string) (string, bool) {
		switch strings.ToUpper(words[0]) {
		case "HELLO":
			return "*0\r\n", false
		case "PING":
			return "+PONG\r\n", false
		case "INFO":
			text := "redis_version:7.0.15\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n"
			return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text), false
		case "SCAN":
			if listings++; listings == 1 {
				return "*2\r\n$1\r\n0\r\n*2\r\n$1\r\nk\r\n$1\r\nk\r\n", false
			}
			return "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nk\r\n", false
		case "TYPE":
			return "+string\r\n", false
		case "PEXPIRETIME":
			return ":-1\r\n", false
		case "MEMORY":
			return ":50\r\n", false
		case "GET":
			return "$1\r\nv\r\n", false
		default:
			return "*0\r\n", false
		}
	})
	got, err := fingerprint(t.Context(), fake)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range want.Compare(got) {
		t.Error(d)
	}
}

func TestUnexpired(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 5, 57, 0, 0, time.UTC)
	for name, stays := range map[string]bool{
		entryName(0, "string", noExpiry):                           true,
		entryName(0, "string", now.UnixMilli()):                    false,
		entryName(0, "string", now.Add(-48*time.Hour).UnixMilli()): false,
		entryName(3, "hash", now.Add(3*time.Minute).UnixMilli()):   false,
		entryName(3, "hash", now.Add(2*time.Hour).UnixMilli()):     true,
		entryName(3, "zset", math.MaxInt64):                        true,
		"db0/type until somebody":                                  true,
	} {
		f := surface.Fingerprint{{Kind: keysKind, Name: name}}
		if left := (&Surface{}).Unexpired(f, now); (len(left) == 1) != stays {
			t.Errorf("%s stays: %v, not %v", name, !stays, stays)
		}
		if f[0].Name != name {
			t.Error("the fingerprint itself was changed")
		}
	}
	// Five minutes are left for clocks that differ: the next hour begins in three.
	next := entryName(0, "string", now.Add(30*time.Minute).UnixMilli())
	if next != "db0/string until 2026-11-22T06" {
		t.Errorf("the entry is %q", next)
	}
	if left := (&Surface{}).Unexpired(surface.Fingerprint{{Kind: keysKind, Name: next}}, now); len(left) != 0 {
		t.Error("a clock that is five minutes ahead may have let it expire")
	}
	if last := entryName(0, "string", math.MaxInt64); last != "db0/string until 9999-12-31T23" {
		t.Errorf("the last of all hours is %q", last)
	}
}

func TestInfo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		want info
	}{
		"Redis 6.2": {
			"# Server\r\nredis_version:6.2.14\r\nredis_mode:standalone\r\nused_memory:1000\r\nrole:master\r\n# Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=5\r\ndb11:keys=1,expires=0,avg_ttl=0\r\n",
			info{Product: "Redis", Version: "6.2.14", Major: 6, UsedMemory: 1000, Mode: "standalone", Databases: map[int]keyspace{0: {Keys: 3, Volatile: 1}, 11: {Keys: 1}}},
		},
		"Redis 8": {
			"redis_version:8.0.1\r\nredis_mode:cluster\r\nrole:slave\r\nmaster_link_status:up\r\ndb0:keys=3,expires=1,avg_ttl=5,subexpiry=2\r\n",
			info{Product: "Redis", Version: "8.0.1", Major: 8, Mode: "cluster", Replica: true, Linked: true, Since7: true, Databases: map[int]keyspace{0: {Keys: 3, Volatile: 1, VolatileFields: 2}}},
		},
		"Valkey 8": {
			"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:8.1.3\r\nserver_mode:standalone\r\nrole:master\r\n",
			info{Product: "Valkey", Version: "8.1.3", Major: 8, Mode: "standalone", Since7: true, Databases: map[int]keyspace{}},
		},
		"Valkey 9": {
			"redis_version:7.2.4\r\nserver_name:valkey\r\nvalkey_version:9.0.0\r\nserver_mode:sentinel\r\ndb2:keys=1,expires=0,avg_ttl=0,keys_with_volatile_items=1\r\n",
			info{Product: "Valkey", Version: "9.0.0", Major: 9, Mode: "sentinel", Since7: true, Databases: map[int]keyspace{2: {Keys: 1, VolatileFields: 1}}},
		},
	} {
		got := parseInfo(c.text)
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", c.want) {
			t.Errorf("%s was read as\n%+v, not\n%+v", name, got, c.want)
		}
	}
	for version, old := range map[string]bool{"6.0.20": true, "5.0": true, "6.2.0": false, "7.0": false, "10.1.2": false} {
		if (info{Version: version}).tooOld() != old {
			t.Errorf("version %s is too old: %v, not %v", version, !old, old)
		}
	}
}
