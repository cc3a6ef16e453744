package evidence

import (
	"context"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// ListOptions choose entries.
type ListOptions struct {
	// From is the first entry, To the one after the last; a To of 0 means up to the newest.
	From, To int64
	// Kind and Subject choose entries that have exactly these, where they are not empty.
	Kind, Subject string
	// Limit is how many entries are returned at most; 0 means all.
	Limit int
	// Newest asks for the newest entries, in descending order.
	Newest bool
}

// List returns entries, all of them authentic: those that it reads are chained to
// each other, and the last of them is proven as Prove does. A chain that is broken
// is fault.Corrupt.
func (l *Ledger) List(ctx context.Context, o ListOptions) ([]Record, error) {
	if o.From < 0 || o.To < 0 || o.Limit < 0 || o.To > 0 && o.To < o.From {
		return nil, fault.New(fault.Invalid, "entries %d to %d, %d at most, can't be listed", o.From, o.To, o.Limit)
	}
	t, err := l.current(ctx)
	if err != nil {
		return nil, err
	}
	end := t.head.size
	if o.To > 0 {
		end = min(end, o.To)
	}
	count := max(0, end-o.From)
	seqs := sequence(o.From, count, 1)
	if o.Newest {
		seqs = sequence(end-1, count, -1)
	}
	var records []Record
	var last, newest *object
	for read, err := range l.objects(ctx, seqs) {
		if err == nil && last != nil {
			err = linked(last, read)
		}
		if err != nil {
			return nil, err
		}
		if last = read; newest == nil || read.record.Seq > newest.record.Seq {
			newest = read
		}
		if (o.Kind == "" || o.Kind == read.record.Kind) && (o.Subject == "" || o.Subject == read.record.Subject) {
			records = append(records, read.record)
		}
		if o.Limit > 0 && len(records) == o.Limit {
			break
		}
	}
	if newest != nil {
		if _, err := l.prove(ctx, t, newest); err != nil {
			return nil, err
		}
	}
	return slices.Clip(records), nil
}

// linked checks that of two neighbours the later has the digest of the earlier.
func linked(a, b *object) error {
	if a.record.Seq > b.record.Seq {
		a, b = b, a
	}
	if b.record.Previous != a.digest {
		return altered(a.record.Seq)
	}
	return nil
}
