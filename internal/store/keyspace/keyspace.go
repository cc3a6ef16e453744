// Package keyspace maps the keys that callers use to those in a bucket: a
// store's configured prefix stands before every key.
package keyspace

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// Keyspace is the part of a bucket under one prefix.
type Keyspace struct {
	// prefix is empty or ends with a slash.
	prefix string
}

// New makes the Keyspace of a configured prefix. A slash at its end is not
// needed. The error is of kind fault.Invalid.
func New(prefix string) (Keyspace, error) {
	if prefix == "" {
		return Keyspace{}, nil
	}
	prefix = strings.TrimSuffix(prefix, "/")
	if err := valid(prefix); err != nil {
		return Keyspace{}, fault.While(err, "the store's prefix")
	}
	return Keyspace{prefix + "/"}, nil
}

// Key returns the key in the bucket. The error is of kind fault.Invalid.
func (k Keyspace) Key(key string) (string, error) {
	if err := store.ValidKey(key); err != nil {
		return "", err
	}
	return k.prefix + key, valid(k.prefix + key)
}

// Keys maps several keys as Key does.
func (k Keyspace) Keys(keys []string) ([]string, error) {
	mapped := make([]string, len(keys))
	for i, key := range keys {
		var err error
		if mapped[i], err = k.Key(key); err != nil {
			return nil, err
		}
	}
	return mapped, nil
}

// atOnce is how many keys Each works on at the same time.
const atOnce = 8

// Each does something to several keys, of which name is what the bucket has, at
// the same time. It stops at the first error, also that of Keys.
func (k Keyspace) Each(ctx context.Context, keys []string, do func(ctx context.Context, name, key string) error) error {
	names, err := k.Keys(keys)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, name := range names {
		group.Go(func() error { return do(ctx, name, keys[i]) })
	}
	return group.Wait()
}

// Under returns the prefix in the bucket for a prefix of keys, which may be
// empty and need not end with a slash. The error is of kind fault.Invalid when
// no valid key can begin with it.
func (k Keyspace) Under(prefix string) (string, error) {
	if prefix == "" {
		return k.prefix, nil
	}
	if err := valid(prefix + "x"); err != nil {
		return "", fault.While(err, "the prefix of a listing")
	}
	return k.prefix + prefix, nil
}

// Shown is the key in the bucket for people, also for a key that breaks the rules.
func (k Keyspace) Shown(key string) string {
	if name, err := k.Under(key); err == nil {
		return name
	}
	return key
}

// Ascending is Under for the listing of a service that knows no other order.
// The error is of kind fault.Unsupported when another one is asked for.
func (k Keyspace) Ascending(opts store.ListOptions) (string, error) {
	if opts.Descending {
		return "", fault.New(fault.Unsupported, "this store lists in ascending order only")
	}
	return k.Under(opts.Prefix)
}

// After returns from where in the bucket a listing starts: it may come before
// what opts.After skips, but not by much. Empty means from the beginning.
func (k Keyspace) After(opts store.ListOptions) string {
	if opts.After == "" {
		return ""
	}
	after := k.prefix + opts.After
	below, under := strings.CutPrefix(opts.After, opts.Prefix)
	if opts.Shallow && under && strings.Index(below, "/") == len(below)-1 && below != "" {
		// A service would begin inside of this folder and report it once more.
		after += string(utf8.MaxRune)
	}
	return after
}

// Page turns what a service listed on one page into what List yields: with the
// keys that callers use, in byte order, without what opts.After skips.
func (k Keyspace) Page(entries []store.Entry, opts store.ListOptions) []store.Entry {
	page := entries[:0]
	for _, e := range entries {
		e.Key = strings.TrimPrefix(e.Key, k.prefix)
		if e.Key > opts.After {
			page = append(page, e)
		}
	}
	slices.SortFunc(page, func(a, b store.Entry) int { return cmp.Compare(a.Key, b.Key) })
	return page
}

// valid is store.ValidKey, and refuses what not every service can keep.
func valid(key string) error {
	if !utf8.ValidString(key) {
		return fault.New(fault.Invalid, "object key %q is not valid UTF-8", key)
	}
	return store.ValidKey(key)
}
