package evidence

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"maps"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// readObject reads the object of an entry, and checks it by itself.
func readObject(ctx context.Context, st store.Store, seq int64) (*object, error) {
	data, err := store.ReadSmall(ctx, st, entryKey(seq), maxObject)
	if err != nil {
		return nil, err
	}
	o, err := parseObject(data, seq)
	return o, fault.While(err, "%s was altered", entryKey(seq))
}

// reading is an object, or why it could not be had.
type reading struct {
	seq    int64
	object *object
	err    error
}

// objects reads entries that must exist, many at once, and yields them in the
// order that was asked for. One that is missing is fault.Corrupt.
func (l *Ledger) objects(ctx context.Context, seqs iter.Seq2[int64, error]) iter.Seq2[*object, error] {
	return func(yield func(*object, error) bool) {
		all := ordered(ctx, seqs, func(ctx context.Context, seq int64) reading {
			o, err := readObject(ctx, l.store, seq)
			return reading{seq, o, err}
		})
		for r, err := range all {
			err = cmp.Or(err, removed(r.err, r.seq))
			if !yield(r.object, err) || err != nil {
				return
			}
		}
	}
}

// hashes reads hashes of the tree from the objects of the entries that completed
// them: that of level L with number N stands in entry (N+1)<<L - 1. The reader
// is for one goroutine, and reads no object twice.
func (l *Ledger) hashes(ctx context.Context) tlog.HashReader {
	found := make(map[int64]*object)
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		missing := func(yield func(int64, error) bool) {
			asked := make(map[int64]bool)
			for _, index := range indexes {
				seq := completedBy(tlog.SplitStoredHashIndex(index))
				if found[seq] != nil || asked[seq] {
					continue
				}
				asked[seq] = true
				if !yield(seq, nil) {
					return
				}
			}
		}
		read := make(map[int64]*object)
		for o, err := range l.objects(ctx, missing) {
			if err != nil {
				return nil, err
			}
			read[o.record.Seq] = o
		}
		maps.Copy(found, read)
		out := make([]tlog.Hash, len(indexes))
		for i, index := range indexes {
			level, n := tlog.SplitStoredHashIndex(index)
			out[i] = found[completedBy(level, n)].hashes[level]
		}
		return out, nil
	})
}

// completedBy is the entry whose object has a hash.
func completedBy(level int, n int64) int64 { return (n+1)<<level - 1 }

// removed turns the error of an entry that must exist into what it means.
func removed(err error, seq int64) error {
	if fault.Is(err, fault.Missing) {
		return fault.New(fault.Corrupt, "%s was removed: run `lifeboat evidence verify`", entryKey(seq))
	}
	return err
}

// subtrees are the indexes of the hashes that a tree's frontier is made of.
func subtrees(size int64) []int64 {
	var indexes []int64
	for done := int64(0); done < size; {
		level := bits.Len64(uint64(size-done)) - 1
		indexes = append(indexes, tlog.StoredHashIndex(level, done>>level))
		done += 1 << level
	}
	return indexes
}

// load reads the state of a ledger of a size, and proves from what it read that
// the last entry, the hashes and the checkpoint belong together. It reads as many
// objects as the logarithm of the size.
func (l *Ledger) load(ctx context.Context, size int64) (*tree, *object, error) {
	last, err := readObject(ctx, l.store, size-1)
	if err != nil {
		return nil, nil, removed(err, size-1)
	}
	if _, err := last.head.verify(l.trusted, l.options.Origin); err != nil {
		return nil, nil, fault.While(err, "the checkpoint in %s is not valid", entryKey(size-1))
	}
	reader := l.hashes(ctx)
	frontier, err := reader.ReadHashes(subtrees(size))
	if err != nil {
		return nil, nil, err
	}
	// The last leaf is in the last subtree; a proof shows that it is this one.
	proof, err := tlog.ProveRecord(size, size-1, reader)
	if err != nil {
		return nil, nil, readError(err)
	}
	if rootOf(frontier) != last.head.root ||
		tlog.CheckRecord(proof, size, last.head.root, size-1, tlog.RecordHash(last.line)) != nil {
		return nil, nil, fault.New(fault.Corrupt,
			"the checkpoint in %s is not of the entries that stand before it: one of them was altered; run `lifeboat evidence verify`", entryKey(size-1))
	}
	return &tree{last.head, frontier, last.digest, last.record.Time}, last, nil
}

// readError is an error of tlog's: that of the reader, or a defect.
func readError(err error) error {
	if classified, ok := errors.AsType[*fault.Error](err); ok {
		return classified
	}
	return fault.Wrap(fault.Internal, err, "compute a proof")
}

// extends checks that a tree holds an older checkpoint as its beginning (RFC
// 6962, section 2.1.2); one that doesn't is a fork, and fault.Corrupt.
func (l *Ledger) extends(ctx context.Context, t *tree, older checkpoint) error {
	switch {
	case older.size > t.head.size:
		return fault.New(fault.Corrupt, "the ledger was cut: it had %d entries, and has %d", older.size, t.head.size)
	case older.size == 0:
		return nil
	case older.size == t.head.size:
		if older.root != t.head.root {
			return forked(older.size)
		}
		return nil
	}
	proof, err := tlog.ProveTree(t.head.size, older.size, l.hashes(ctx))
	if err != nil {
		return readError(err)
	}
	if tlog.CheckTree(proof, t.head.size, t.head.root, older.size, older.root) != nil {
		return forked(older.size)
	}
	return nil
}

func forked(size int64) error {
	return fault.New(fault.Corrupt, "the ledger was forked: its first %d entries are not those that a checkpoint was signed for", size)
}
