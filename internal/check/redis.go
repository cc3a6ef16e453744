package check

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// redis sends one command. Its answer is a text as it is, a number in decimal,
// nil for none, and anything else in JSON: sets and lists as arrays, maps as objects.
func (r *Runner) redis(ctx context.Context, c drill.Check) observation {
	o := observation{subject: c.Surface + ": " + strings.Join(c.Command, " "), expected: "an answer that is no error"}
	if c.Expect != "" {
		o.expected = expects("answer", c.Expect)
	}
	server, err := r.server(c, "redis")
	if err != nil {
		o.err = err
		return o
	}
	options, err := redisOptions(server, c.Database)
	if err != nil {
		o.err = err
		return o
	}
	client := redis.NewClient(options)
	// Nothing was written that the close could lose.
	defer func() { _ = client.Close() }()
	if o.err = onlyReads(ctx, client, c.Command); o.err != nil {
		return o
	}
	words := make([]any, len(c.Command))
	for n, word := range c.Command {
		words[n] = word
	}
	answer, err := client.Do(ctx, words...).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		o.err = redisFailure(err, c.Command[0])
		return o
	}
	if o.observed, o.err = render(plain(answer)); o.err != nil {
		return o
	}
	if answer == nil {
		o.observed = "nil"
	}
	o.err = judge("the answer", o.observed, c.Expect)
	return o
}

func redisOptions(server drill.Server, database string) (*redis.Options, error) {
	options, err := redis.ParseURL(server.URL.Reveal())
	if err != nil {
		// The cause may quote the URL with its password.
		return nil, fault.New(fault.Internal, "the URL of the restored server can't be parsed")
	}
	if database != "" {
		if options.DB, err = strconv.Atoi(database); err != nil {
			return nil, fault.New(fault.Invalid, "database %q must be the number of a Redis database", database)
		}
	}
	options.DisableIdentity = true
	options.MaxRetries, options.DialerRetries, options.PoolSize = -1, 1, 1
	// The attempt's deadline holds, and no other.
	options.ContextTimeoutEnabled, options.ReadTimeout, options.WriteTimeout = true, -1, -1
	dial := redis.NewDialer(options)
	options.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &bounded{Conn: conn, left: MaxRead}, nil
	}
	return options, nil
}

// errTooLong ends a connection that brought more than a check reads.
var errTooLong = errors.New("the answer is too long")

// bounded is a connection of which only so much is read.
type bounded struct {
	net.Conn
	left int
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLong
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func redisFailure(err error, command string) error {
	if errors.Is(err, errTooLong) {
		return tooLong("the answer")
	}
	if _, answered := errors.AsType[redis.Error](err); answered {
		return fault.Wrap(fault.Mismatch, err, "the server refused %s", command)
	}
	return unreachable(err, "send %s to the restored Redis", command)
}

// harmless are commands that change nothing, though Redis does not mark them as
// reading: those about the server itself.
var harmless = []string{
	"ping", "echo", "info", "time", "role", "lastsave", "acl|whoami", "client|list", "cluster|info", "cluster|myid",
	"cluster|nodes", "cluster|shards", "cluster|slots", "command|count", "config|get", "function|list", "function|stats",
	"latency|latest", "memory|stats", "module|list", "pubsub|channels", "pubsub|numpat", "pubsub|numsub",
	"script|exists", "slowlog|get", "slowlog|len",
}

// onlyReads asks the server whether it takes a command for one that reads, and
// refuses any other. The server knows that also of commands of its modules.
func onlyReads(ctx context.Context, client *redis.Client, command []string) error {
	names := []any{"COMMAND", "INFO", strings.ToLower(command[0])}
	if len(command) > 1 {
		names = append(names, strings.ToLower(command[0]+"|"+command[1]))
	}
	for _, name := range names[2:] {
		if slices.Contains(harmless, fmt.Sprint(name)) {
			return nil
		}
	}
	infos, err := client.Do(ctx, names...).Slice()
	if err != nil {
		return redisFailure(err, "COMMAND INFO")
	}
	var flags []any
	known := false
	// A command of two words comes after the one that it belongs to, and knows better.
	for _, info := range infos {
		if described, ok := info.([]any); ok && len(described) > 2 {
			known = true
			flags, _ = described[2].([]any)
		}
	}
	switch {
	case !known:
		return unlike("the server knows no command %s", command[0])
	case !slices.Contains(flags, any("readonly")):
		return fault.New(fault.Invalid, "the command %s may write, which no check does: take one that only reads", command[0])
	default:
		return nil
	}
}

// plain makes an answer one that can be written as JSON.
func plain(answer any) any {
	switch v := answer.(type) {
	case map[any]any:
		object := map[string]any{}
		for name, value := range v {
			object[fmt.Sprint(name)] = plain(value)
		}
		return object
	case []any:
		for n := range v {
			v[n] = plain(v[n])
		}
	case float64:
		if math.IsInf(v, 0) || math.IsNaN(v) {
			return fmt.Sprint(v)
		}
	case error:
		return v.Error()
	}
	return answer
}
