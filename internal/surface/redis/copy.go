package redis

import (
	"context"
	"fmt"
	"maps"
	"slices"

	client "github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// maxPayload is the largest value that a command may carry (proto-max-bulk-len).
const maxPayload = 512 << 20

// copyAll brings every key and function of a scratch server to a live one. With
// replace, what the scratch server does not have is removed from the other, last.
func copyAll(ctx context.Context, from, to address, spec partSpec, replace bool) error {
	source, err := from.probe(ctx)
	if err != nil {
		return err
	}
	databases := slices.Sorted(maps.Keys(source.Databases))
	// A database that the target does not have is found before anything is changed.
	for _, db := range databases {
		c := to.open(ctx, db)
		err := c.Ping(ctx).Err()
		c.Close()
		if err != nil {
			return to.failure(err, fmt.Sprintf("reach database %d", db))
		}
	}
	target, err := to.probe(ctx)
	if err != nil {
		return err
	}
	for _, db := range databases {
		if err := copyDatabase(ctx, from, to, source, db); err != nil {
			if fault.Is(err, fault.Unsupported) {
				return fault.While(err, "the data comes from %s %s, the target runs %s %s", spec.Product, spec.Version, target.Product, target.Version)
			}
			return err
		}
	}
	if err := copyFunctions(ctx, from, to, replace); err != nil || !replace {
		return err
	}
	for db := range target.Databases {
		if err := removeOthers(ctx, from, to, db); err != nil {
			return err
		}
	}
	return nil
}

// dumped is a key as DUMP gives it.
type dumped struct {
	name, payload string
	expiry        int64
}

// copyDatabase reads from one server while it writes to the other.
func copyDatabase(ctx context.Context, from, to address, source info, db int) error {
	group, ctx := errgroup.WithContext(ctx)
	queue := make(chan []dumped)
	group.Go(func() error {
		defer close(queue)
		return dumpKeys(ctx, from, source, db, queue)
	})
	group.Go(func() error {
		c := to.open(ctx, db)
		defer c.Close()
		for batch := range queue {
			if err := restoreKeys(ctx, to, c, batch); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

func dumpKeys(ctx context.Context, from address, source info, db int, queue chan<- []dumped) error {
	c := from.open(ctx, db)
	defer c.Close()
	return from.scan(ctx, c, func(names []string) error {
		keys, err := from.describe(ctx, c, source, names)
		if err != nil {
			return err
		}
		for _, batch := range batches(keys) {
			out, err := dumpBatch(ctx, from, c, db, batch)
			if err != nil {
				return err
			}
			select {
			case queue <- out:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
}

func dumpBatch(ctx context.Context, from address, c session, db int, batch []key) ([]dumped, error) {
	pipe := c.Pipeline()
	replies := make([]*client.StringCmd, len(batch))
	for n, k := range batch {
		replies[n] = pipe.Dump(ctx, k.name)
	}
	if err := execute(ctx, pipe); err != nil {
		return nil, from.failure(err, "dump keys")
	}
	out := make([]dumped, 0, len(batch))
	for n, k := range batch {
		payload := replies[n].Val()
		if len(payload) > maxPayload {
			return nil, fault.New(fault.Unsupported, "a %s in database %d takes %d bytes and can't be restored by itself: restore into an isolated server", k.kind, db, len(payload))
		}
		// A key that has expired by now has no payload.
		if payload == "" || (db == 0 && k.name == markerKey) {
			continue
		}
		out = append(out, dumped{k.name, payload, max(0, k.expiry)})
	}
	return out, nil
}

func restoreKeys(ctx context.Context, to address, c session, batch []dumped) error {
	if len(batch) == 0 {
		return nil
	}
	pipe := c.Pipeline()
	for _, k := range batch {
		pipe.Do(ctx, "RESTORE", k.name, k.expiry, k.payload, "REPLACE", "ABSTTL")
	}
	return to.failure(execute(ctx, pipe), "restore keys")
}

// removeOthers removes the keys of a database that the scratch server does not have.
func removeOthers(ctx context.Context, from, to address, db int) error {
	source, target := from.open(ctx, db), to.open(ctx, db)
	defer source.Close()
	defer target.Close()
	return to.scan(ctx, target, func(names []string) error {
		pipe := source.Pipeline()
		found := make([]*client.IntCmd, len(names))
		for n, name := range names {
			found[n] = pipe.Exists(ctx, name)
		}
		if err := execute(ctx, pipe); err != nil {
			return from.failure(err, "look for keys")
		}
		var others []string
		for n, name := range names {
			if found[n].Val() == 0 && (db != 0 || name != markerKey) {
				others = append(others, name)
			}
		}
		if len(others) == 0 {
			return nil
		}
		return to.failure(target.Unlink(ctx, others...).Err(), "remove keys that are not in the snapshot")
	})
}
