package evidence

import (
	"context"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	// clockMargin is how far writers' clocks may be apart for an entry's ID to be
	// found again.
	clockMargin = 10 * time.Minute
	// mostRecent is how many IDs may be in memory before older ones are dropped.
	mostRecent = 1 << 14
)

// recent are the IDs of the newest entries: a window without gaps that ends with
// the head, so that an ID is not looked for on the store again and again.
type recent struct {
	marks []mark
}

type mark struct {
	seq int64
	id  string
	at  time.Time
	// previous is the digest that the entry before must have.
	previous string
}

func markOf(o *object) mark { return mark{o.record.Seq, o.record.ID, o.record.Time, o.record.Previous} }

// add puts the next entry at the end. One that leaves a gap begins the window anew.
func (r *recent) add(o *object) {
	m := markOf(o)
	if last := len(r.marks) - 1; last >= 0 {
		switch end := r.marks[last].seq; {
		case m.seq <= end:
			return
		case m.seq > end+1:
			r.marks = nil
		}
	}
	if r.marks = append(r.marks, m); len(r.marks) > mostRecent {
		r.marks = slices.Clone(r.marks[mostRecent/2:])
	}
}

// find looks for an ID among the entries up to a state that are no older than
// since, but for clockMargin, and returns its record, or nil.
func (l *Ledger) find(ctx context.Context, t *tree, id string, since time.Time) (*Record, error) {
	if t.head.size == 0 {
		return nil, nil
	}
	oldest := since.Add(-clockMargin)
	for {
		first, found := l.look(id, oldest)
		switch {
		case found != nil:
			o, err := readObject(ctx, l.store, found.seq)
			if err != nil {
				return nil, removed(err, found.seq)
			}
			return &o.record, nil
		case first.seq == 0 || first.at.Before(oldest):
			return nil, nil
		}
		if err := l.lookBack(ctx, first, oldest); err != nil {
			return nil, err
		}
	}
}

// look searches the window for an ID and returns the window's first mark, too.
func (l *Ledger) look(id string, oldest time.Time) (first mark, found *mark) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range slices.Backward(l.recent.marks) {
		if m.id == id && !m.at.Before(oldest) {
			return m, &m
		}
	}
	return l.recent.marks[0], nil
}

// lookBack reads the entries before the window's first until one is from before
// a moment. What it reads is checked by the digest in the entry after it.
func (l *Ledger) lookBack(ctx context.Context, first mark, oldest time.Time) error {
	var earlier []mark
	m := first
	for o, err := range l.objects(ctx, sequence(first.seq-1, first.seq, -1)) {
		if err != nil {
			return err
		}
		if o.digest != m.previous {
			return altered(o.record.Seq)
		}
		m = markOf(o)
		if earlier = append(earlier, m); m.at.Before(oldest) {
			break
		}
	}
	slices.Reverse(earlier)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.recent.marks[0].seq == first.seq {
		l.recent.marks = append(earlier, l.recent.marks...)
	}
	return nil
}

func altered(seq int64) error {
	return fault.New(fault.Corrupt, "%s was altered: it is not what the next entry was appended to; run `lifeboat evidence verify`", entryKey(seq))
}
