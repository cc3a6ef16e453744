package redis

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// stream digests what every version of a stream has: its last ID, its entries,
// and of each consumer group its name, last delivered ID, the names of its
// consumers, and who has which pending entry delivered how often. When they
// were last seen is left out, for that differs between versions.
func (r *reader) stream(ctx context.Context, k key, v *value) error {
	about, err := r.c.Do(ctx, "XINFO", "STREAM", k.name).Slice()
	if err != nil {
		return err
	}
	fields := pairs(about)
	v.frame(text(fields["last-generated-id"]))
	length, _ := fields["length"].(int64)
	count, err := r.entries(ctx, k, v, k.piece(length))
	if err != nil {
		return err
	}
	v.count = count
	return r.groups(ctx, k, v)
}

func (r *reader) entries(ctx context.Context, k key, v *value, step int64) (count int64, err error) {
	for start := "-"; ; {
		reply, err := r.c.Do(ctx, "XRANGE", k.name, start, "+", "COUNT", step).Slice()
		if err != nil {
			return 0, err
		}
		for _, entry := range reply {
			parts := list(entry)
			if len(parts) != 2 {
				return 0, fmt.Errorf("an entry of a stream has %d parts", len(parts))
			}
			words := list(parts[1])
			v.frame(text(parts[0]))
			v.number(int64(len(words)))
			for _, word := range words {
				v.frame(text(word))
			}
			start = "(" + text(parts[0])
			count++
		}
		if int64(len(reply)) < step {
			return count, nil
		}
	}
}

func (r *reader) groups(ctx context.Context, k key, v *value) error {
	reply, err := r.c.Do(ctx, "XINFO", "GROUPS", k.name).Slice()
	if err != nil {
		return err
	}
	groups := make([]map[string]any, len(reply))
	for n := range reply {
		groups[n] = pairs(list(reply[n]))
	}
	slices.SortFunc(groups, func(a, b map[string]any) int { return strings.Compare(text(a["name"]), text(b["name"])) })
	for _, g := range groups {
		name := text(g["name"])
		v.frame(name)
		v.frame(text(g["last-delivered-id"]))
		if err := r.consumers(ctx, k, v, name); err != nil {
			return err
		}
		if err := r.pending(ctx, k, v, name); err != nil {
			return err
		}
	}
	return nil
}

func (r *reader) consumers(ctx context.Context, k key, v *value, group string) error {
	reply, err := r.c.Do(ctx, "XINFO", "CONSUMERS", k.name, group).Slice()
	if err != nil {
		return err
	}
	names := make([]string, len(reply))
	for n := range reply {
		names[n] = text(pairs(list(reply[n]))["name"])
	}
	slices.Sort(names)
	v.number(int64(len(names)))
	for _, name := range names {
		v.frame(name)
	}
	return nil
}

func (r *reader) pending(ctx context.Context, k key, v *value, group string) error {
	for start := "-"; ; {
		reply, err := r.c.Do(ctx, "XPENDING", k.name, group, start, "+", pieceElements).Slice()
		if err != nil {
			return err
		}
		for _, entry := range reply {
			parts := list(entry)
			if len(parts) != 4 {
				return fmt.Errorf("a pending entry has %d parts", len(parts))
			}
			deliveries, _ := parts[3].(int64)
			v.frame(text(parts[0]))
			v.frame(text(parts[1]))
			v.number(deliveries)
			start = "(" + text(parts[0])
		}
		if len(reply) < pieceElements {
			return nil
		}
	}
}

// pairs reads a reply of names and values.
func pairs(reply []any) map[string]any {
	out := map[string]any{}
	for n := 0; n+1 < len(reply); n += 2 {
		out[text(reply[n])] = reply[n+1]
	}
	return out
}

func list(reply any) []any {
	l, _ := reply.([]any)
	return l
}

func text(reply any) string {
	if s, ok := reply.(string); ok {
		return s
	}
	return fmt.Sprint(reply)
}
