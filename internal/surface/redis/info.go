package redis

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	client "github.com/redis/go-redis/v9"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// info is what a server says of itself.
type info struct {
	// Product is Redis or Valkey, Version its own, Major the first number of that.
	Product, Version string
	Major            int
	// UsedMemory is in bytes, 0 where the user may not know.
	UsedMemory int64
	// Mode is standalone, cluster or sentinel.
	Mode string
	// Replica is set for a server that follows another one, Linked while it does so.
	Replica, Linked bool
	// Databases are those that hold keys, by number.
	Databases map[int]keyspace
	// Since7 is set for servers that have what came with Redis 7.0: functions, PEXPIRETIME.
	Since7 bool
}

// keyspace counts the keys of one database.
type keyspace struct {
	Keys, Volatile int64
	// VolatileFields counts the hashes that have a field with a TTL.
	VolatileFields int64
}

func (i info) server() surface.Server {
	return surface.Server{Product: i.Product, Version: i.Version, Major: i.Major, Bytes: i.UsedMemory}
}

// mayBeDumped reports why a server can't be the source of a snapshot.
func (i info) mayBeDumped() error {
	switch {
	case i.Mode == "cluster":
		return fault.New(fault.Unsupported, "the server is a node of a Redis Cluster and holds only its share of the keys: single servers and replicas are supported")
	case i.Mode == "sentinel":
		return fault.New(fault.Unsupported, "the server is a Sentinel and holds no data: give the URL of the Redis server")
	case i.tooOld():
		return fault.New(fault.Unsupported, "%s %s is too old: 6.2 is the oldest that is supported", i.Product, i.Version)
	case i.Replica && !i.Linked:
		return fault.New(fault.Unavailable, "the server is a replica that has lost its primary: wait, or snapshot the primary")
	}
	return nil
}

// mayBeFilled reports why a server can't be the target of a restore.
func (i info) mayBeFilled() error {
	switch {
	case i.Mode == "cluster":
		return fault.New(fault.Unsupported, "the target is a node of a Redis Cluster: restore into a single server")
	case i.Mode == "sentinel":
		return fault.New(fault.Unsupported, "the target is a Sentinel: give the URL of the Redis server")
	case i.tooOld():
		return fault.New(fault.Unsupported, "the target runs %s %s: 6.2 is the oldest that is supported", i.Product, i.Version)
	case i.Replica:
		return fault.New(fault.Unsupported, "the target is a replica: give the URL of its primary")
	}
	return nil
}

func (i info) tooOld() bool {
	major, minor := versionNumbers(i.Version)
	return major < 6 || (major == 6 && minor < 2)
}

func (i info) empty() bool { return len(i.Databases) == 0 }

// probe asks a server what it is. A user who may not run INFO learns it from
// the greeting, which everybody gets.
func (a address) probe(ctx context.Context) (info, error) {
	c := a.open(ctx, 0)
	defer c.Close()
	// Other than a greeting, this fails where the credentials are wrong.
	if err := c.Ping(ctx).Err(); err != nil {
		return info{}, a.failure(err, "connect")
	}
	text, err := c.Info(ctx).Result()
	if client.HasErrorPrefix(err, "NOPERM") {
		return a.greeting(ctx, c)
	}
	if err != nil {
		return info{}, a.failure(err, "ask what the server is")
	}
	return parseInfo(text), nil
}

// greeting reads the reply to HELLO: a list of names and values.
func (a address) greeting(ctx context.Context, c session) (info, error) {
	reply, err := c.Do(ctx, "HELLO", "2").Slice()
	if err != nil {
		return info{}, a.failure(err, "ask what the server is")
	}
	fields := map[string]string{}
	for n := 0; n+1 < len(reply); n += 2 {
		fields[fmt.Sprint(reply[n])] = fmt.Sprint(reply[n+1])
	}
	i := info{Product: productNamed(fields["server"]), Version: fields["version"], Mode: fields["mode"], Linked: true}
	i.Replica = fields["role"] == "replica"
	i.Major, _ = versionNumbers(i.Version)
	return i, nil
}

// parseInfo reads the text of INFO: lines of name:value.
func parseInfo(text string) info {
	i := info{Databases: map[int]keyspace{}}
	fields := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		if !ok {
			continue
		}
		fields[name] = value
		if db, err := strconv.Atoi(strings.TrimPrefix(name, "db")); err == nil && strings.HasPrefix(name, "db") {
			i.Databases[db] = parseKeyspace(value)
		}
	}
	i.Product, i.Version = productNamed(fields["server_name"]), fields["redis_version"]
	compatible, _ := versionNumbers(i.Version)
	i.Since7 = compatible >= 7
	if own := fields["valkey_version"]; own != "" {
		i.Version = own
	}
	i.Major, _ = versionNumbers(i.Version)
	i.UsedMemory, _ = strconv.ParseInt(fields["used_memory"], 10, 64)
	i.Mode = fields["redis_mode"]
	if mode := fields["server_mode"]; mode != "" {
		i.Mode = mode
	}
	i.Replica = fields["role"] == "slave"
	i.Linked = fields["master_link_status"] == "up"
	return i
}

// parseKeyspace reads keys=1,expires=2,avg_ttl=3 and what newer servers add.
func parseKeyspace(text string) keyspace {
	var k keyspace
	for field := range strings.SplitSeq(text, ",") {
		name, value, _ := strings.Cut(field, "=")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "keys":
			k.Keys = n
		case "expires":
			k.Volatile = n
		case "subexpiry", "keys_with_volatile_items":
			k.VolatileFields = n
		}
	}
	return k
}

func productNamed(name string) string {
	if strings.EqualFold(name, "valkey") {
		return "Valkey"
	}
	return "Redis"
}

// versionNumbers returns the first two numbers of a version, 0 for what is missing.
func versionNumbers(version string) (major, minor int) {
	parts := strings.SplitN(version, ".", 3)
	major, _ = strconv.Atoi(parts[0])
	if len(parts) > 1 {
		minor, _ = strconv.Atoi(parts[1])
	}
	return major, minor
}
