package redis

import (
	"context"
	"fmt"

	client "github.com/redis/go-redis/v9"
)

// reader reads the values of one database in a form that does not depend on
// the server's version or on how it stores them.
type reader struct {
	address address
	c       session
	own     info
	// fieldTTLs is set where fields of hashes may have a TTL of their own.
	fieldTTLs bool
}

// values digests the values of keys, in their order. One that has gone, or
// changed its type, meanwhile is nil.
func (r *reader) values(ctx context.Context, keys []key) ([]*value, error) {
	out := make([]*value, len(keys))
	whole := make([]client.Cmder, len(keys))
	pipe := r.c.Pipeline()
	for n, k := range keys {
		if k.bytes <= batchBytes {
			whole[n] = r.whole(ctx, pipe, k)
		}
	}
	if pipe.Len() > 0 {
		if err := execute(ctx, pipe); err != nil {
			return nil, r.address.failure(err, "read values")
		}
	}
	for n, k := range keys {
		v := newValue(k.kind)
		switch {
		case whole[n] == nil:
			if err := r.inPieces(ctx, k, v); err != nil {
				return nil, r.address.failure(err, "read a value of type "+k.kind)
			}
		case whole[n].Err() == nil:
			absorb(v, k, whole[n])
		default:
			continue
		}
		out[n] = v
	}
	return out, nil
}

// whole asks for all of a value, where it can be asked for by one command.
func (r *reader) whole(ctx context.Context, pipe client.Pipeliner, k key) client.Cmder {
	switch k.kind {
	case "string":
		return pipe.Get(ctx, k.name)
	case "list":
		return pipe.LRange(ctx, k.name, 0, -1)
	case "set":
		return pipe.SMembers(ctx, k.name)
	case "zset":
		return pipe.ZRangeWithScores(ctx, k.name, 0, -1)
	case "hash":
		if r.fieldTTLs {
			return nil
		}
		return pipe.HGetAll(ctx, k.name)
	case "stream":
		return nil
	default:
		return pipe.Dump(ctx, k.name)
	}
}

func absorb(v *value, k key, reply client.Cmder) {
	switch reply := reply.(type) {
	case *client.StringCmd:
		text := reply.Val()
		if k.kind != "string" {
			text = text[:max(0, len(text)-footerSize)]
		}
		v.count = 1
		v.raw(text)
	case *client.StringSliceCmd:
		for _, element := range reply.Val() {
			v.element(element)
		}
	case *client.MapStringStringCmd:
		for field, text := range reply.Val() {
			v.element(field, text)
		}
	case *client.ZSliceCmd:
		addScored(v, reply.Val())
	}
}

func addScored(v *value, members []client.Z) {
	for _, z := range members {
		// Members are bytes, which the client hands over as a string.
		member, _ := z.Member.(string)
		v.scored(member, z.Score)
	}
}

// inPieces reads a value that is too large to be held in memory at once.
func (r *reader) inPieces(ctx context.Context, k key, v *value) error {
	switch k.kind {
	case "string":
		return r.longString(ctx, k, v)
	case "list":
		return r.longList(ctx, k, v)
	case "zset":
		return r.longSortedSet(ctx, k, v)
	case "set":
		return r.unordered(ctx, k, v, r.c.SCard, r.setPiece)
	case "hash":
		return r.unordered(ctx, k, v, r.c.HLen, r.hashPiece)
	case "stream":
		return r.stream(ctx, k, v)
	default:
		reply := r.c.Dump(ctx, k.name)
		absorb(v, k, reply)
		return reply.Err()
	}
}

func (r *reader) longString(ctx context.Context, k key, v *value) error {
	v.count = 1
	for start := int64(0); ; start += pieceBytes {
		text, err := r.c.GetRange(ctx, k.name, start, start+pieceBytes-1).Result()
		if err != nil {
			return err
		}
		v.raw(text)
		if len(text) < pieceBytes {
			return nil
		}
	}
}

func (r *reader) longList(ctx context.Context, k key, v *value) error {
	length, err := r.c.LLen(ctx, k.name).Result()
	if err != nil {
		return err
	}
	step := k.piece(length)
	for start := int64(0); start < length; start += step {
		elements, err := r.c.LRange(ctx, k.name, start, start+step-1).Result()
		if err != nil {
			return err
		}
		for _, element := range elements {
			v.element(element)
		}
	}
	return nil
}

func (r *reader) longSortedSet(ctx context.Context, k key, v *value) error {
	length, err := r.c.ZCard(ctx, k.name).Result()
	if err != nil {
		return err
	}
	step := k.piece(length)
	for start := int64(0); start < length; start += step {
		members, err := r.c.ZRangeWithScores(ctx, k.name, start, start+step-1).Result()
		if err != nil {
			return err
		}
		addScored(v, members)
	}
	return nil
}

// scanAttempts is how often a set or database is read anew whose count does
// not fit: elements come twice when the server shrinks the table meanwhile.
const scanAttempts = 3

func (r *reader) unordered(ctx context.Context, k key, v *value,
	length func(context.Context, string) *client.IntCmd,
	piece func(ctx context.Context, k key, v *value, cursor uint64, count int64) (uint64, error),
) error {
	for attempt := 1; ; attempt++ {
		elements, err := length(ctx, k.name).Result()
		if err != nil {
			return err
		}
		*v = *newValue(k.kind)
		for cursor, first := uint64(0), true; first || cursor != 0; first = false {
			if cursor, err = piece(ctx, k, v, cursor, k.piece(elements)); err != nil {
				return err
			}
		}
		if v.count == elements || attempt == scanAttempts {
			return nil
		}
	}
}

func (r *reader) setPiece(ctx context.Context, k key, v *value, cursor uint64, count int64) (uint64, error) {
	members, next, err := r.c.SScan(ctx, k.name, cursor, "", count).Result()
	for _, member := range members {
		v.element(member)
	}
	return next, err
}

func (r *reader) hashPiece(ctx context.Context, k key, v *value, cursor uint64, count int64) (uint64, error) {
	flat, next, err := r.c.HScan(ctx, k.name, cursor, "", count).Result()
	if err != nil || len(flat) == 0 {
		return next, err
	}
	var expiries []int64
	if r.fieldTTLs {
		if expiries, err = r.fieldExpiries(ctx, k, flat); err != nil {
			return 0, err
		}
	}
	for n := 0; n+1 < len(flat); n += 2 {
		field, text := flat[n], flat[n+1]
		if i := n / 2; i < len(expiries) && expiries[i] >= 0 {
			v.expiring(field, text, expiries[i])
		} else {
			v.element(field, text)
		}
	}
	return next, nil
}

// fieldExpiries asks when the fields of a list of fields and values expire, in
// ms since 1970, negative for never (Redis 7.4, Valkey 9).
func (r *reader) fieldExpiries(ctx context.Context, k key, flat []string) ([]int64, error) {
	command := []any{"HPEXPIRETIME", k.name, "FIELDS", len(flat) / 2}
	for n := 0; n+1 < len(flat); n += 2 {
		command = append(command, flat[n])
	}
	times, err := r.c.Do(ctx, command...).Int64Slice()
	if err == nil && len(times) != len(flat)/2 {
		err = fmt.Errorf("%d times were given for %d fields", len(times), len(flat)/2)
	}
	return times, err
}
