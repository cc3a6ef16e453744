package redis

import (
	"context"
	"errors"

	client "github.com/redis/go-redis/v9"
)

const (
	// scanCount is how many keys are asked for at once.
	scanCount = 2_000
	// batchBytes bounds what one pipeline of whole values brings into memory.
	batchBytes = 4 << 20
	// pieceBytes is about how much of a larger value is read at once.
	pieceBytes = 1 << 20
	// most elements in a piece, however small they are.
	pieceElements = 10_000
)

// key is one key as it was described.
type key struct {
	name, kind string
	// expiry is in ms since 1970, or noExpiry.
	expiry int64
	// bytes is about how much memory it takes.
	bytes int64
}

// scan visits all keys of a session's database, some thousands at a time. A key
// may come twice while the server grows or shrinks its table.
func (a address) scan(ctx context.Context, c session, visit func(names []string) error) error {
	var cursor uint64
	for {
		names, next, err := c.Scan(ctx, cursor, "", scanCount).Result()
		if err != nil {
			return a.failure(err, "list the keys")
		}
		if len(names) > 0 {
			if err := visit(names); err != nil {
				return err
			}
		}
		if next == 0 {
			return nil
		}
		cursor = next
	}
}

// expiries reads when keys expire on servers before 7.0, which only tell the
// time that is left. It is exact when both clock readings show the same millisecond.
var expiries = client.NewScript(`
local out = {}
for n, key in ipairs(KEYS) do
  local before, after, left
  repeat
    before, left, after = redis.call('TIME'), redis.call('PTTL', key), redis.call('TIME')
    before = before[1] * 1000 + math.floor(before[2] / 1000)
    after = after[1] * 1000 + math.floor(after[2] / 1000)
  until before == after
  out[n] = left < 0 and left or before + left
end
return out`)

// describe returns type, expiry and size of those keys that still exist.
func (a address) describe(ctx context.Context, c session, own info, names []string) ([]key, error) {
	pipe := c.Pipeline()
	types, sizes := make([]*client.StatusCmd, len(names)), make([]*client.IntCmd, len(names))
	times := make([]*client.Cmd, len(names))
	var together *client.Cmd
	for n, name := range names {
		types[n] = pipe.Type(ctx, name)
		sizes[n] = pipe.MemoryUsage(ctx, name)
		if own.Since7 {
			times[n] = pipe.Do(ctx, "PEXPIRETIME", name)
		}
	}
	if !own.Since7 {
		together = expiries.Eval(ctx, pipe, names)
	}
	if err := execute(ctx, pipe); err != nil {
		return nil, a.failure(err, "describe keys")
	}
	var list []int64
	if together != nil {
		var err error
		if list, err = together.Int64Slice(); err != nil {
			return nil, a.failure(err, "read when keys expire")
		}
	}
	out := make([]key, 0, len(names))
	for n, name := range names {
		k := key{name: name, kind: types[n].Val(), bytes: sizes[n].Val()}
		if together != nil {
			k.expiry = list[n]
		} else if expiry, err := times[n].Int64(); err == nil {
			k.expiry = expiry
		}
		// -2 and none: it has gone since it was listed.
		if k.kind != "none" && k.expiry >= noExpiry {
			out = append(out, k)
		}
	}
	return out, nil
}

// execute runs a pipeline. That a key has gone is no error.
func execute(ctx context.Context, pipe client.Pipeliner) error {
	commands, err := pipe.Exec(ctx)
	if err == nil || !errors.Is(err, client.Nil) {
		return err
	}
	for _, command := range commands {
		if err := command.Err(); err != nil && !errors.Is(err, client.Nil) {
			return err
		}
	}
	return nil
}

// batches splits keys so that the values of each batch fit into batchBytes
// together; a larger one is alone.
func batches(keys []key) [][]key {
	var out [][]key
	first, size := 0, int64(0)
	for n, k := range keys {
		if n > first && size+k.bytes > batchBytes {
			out = append(out, keys[first:n])
			first, size = n, 0
		}
		size += k.bytes
	}
	if first < len(keys) {
		out = append(out, keys[first:])
	}
	return out
}

// piece is how many of a key's elements to read at once.
func (k key) piece(elements int64) int64 {
	if k.bytes <= 0 || elements <= 0 {
		return pieceElements
	}
	return min(max(elements*pieceBytes/k.bytes, 1), pieceElements)
}
