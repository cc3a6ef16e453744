package evidence

import (
	"bytes"
	"context"
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// progressEvery is after how many entries Progress is called.
const progressEvery = 256

// look takes what was read, in the order of the keys, and checks it against what came before.
func (v *verifier) look(e *examined) {
	for _, p := range e.problems {
		v.problem(p.Seq, p.Key, "%s", p.What)
	}
	v.report.Attachments += e.attachments
	v.report.Bytes += e.bytes
	if e.seq < 0 {
		return
	}
	v.gap(e.seq)
	v.likenesses(e)
	if v.following = e.seq + 1; v.following%progressEvery == 0 {
		v.progress()
	}
	if e.object == nil {
		v.broken, v.last = true, nil
		return
	}
	v.count(e.object.record)
	v.chain(e)
	v.last = e.object
	if v.broken {
		return
	}
	v.fulfil(e.object)
}

// gap reports entries that are missing before one.
func (v *verifier) gap(seq int64) {
	switch first, last := v.following, seq-1; {
	case first == last:
		v.problem(first, entryKey(first), "%s was removed", entryKey(first))
	case first < last:
		v.problem(first, entryKey(first), "%s to %s were removed", entryKey(first), entryKey(last))
	default:
		return
	}
	v.broken, v.last = true, nil
}

// chain checks an entry against the one before it: by the tree while that is
// whole, and by the digest alone after something was found to be wrong.
func (v *verifier) chain(e *examined) {
	if !v.broken {
		after, err := v.tree.add(e.object)
		if err == nil {
			v.tree = after
			return
		}
		v.broken = true
		v.problem(e.seq, e.key, "%s", fault.Line(err))
		return
	}
	if v.last != nil && linked(v.last, e.object) != nil {
		v.problem(e.seq, e.key, "%s was not appended to the entry before it as that is now: one of the two was altered", e.key)
	}
}

func (v *verifier) count(r Record) {
	v.report.Entries[r.Kind]++
	if v.report.First.IsZero() {
		v.report.First = r.Time
	}
	v.report.Last = r.Time
	if !r.Clock.IsZero() {
		v.report.ClockBehind = max(v.report.ClockBehind, r.Time.Sub(r.Clock))
	}
}

// fulfil checks the checkpoints that are of the tree that ends with an entry.
func (v *verifier) fulfil(o *object) {
	for _, x := range v.expected {
		switch {
		case x.size != o.head.size:
		case x.root != o.head.root:
			v.problem(o.record.Seq, x.from, "%s; it comes from %s", forked(x.size), x.from)
		case x.published && !sameNote(x.checkpoint, o.head):
			v.problem(o.record.Seq, x.from, "%s is not the checkpoint of entry %d", x.from, o.record.Seq)
		}
	}
}

// end checks what can be said only when all was read.
func (v *verifier) end(ctx context.Context) error {
	v.progress()
	v.report.Size = v.following
	for _, x := range v.expected {
		if x.size > v.following {
			v.problem(v.following, x.from, "the ledger was cut: %s is of %d entries, and %d are there", x.from, x.size, v.following)
		}
	}
	if v.following > 0 && !slices.ContainsFunc(v.expected, func(x expectation) bool { return x.published }) &&
		!slices.ContainsFunc(v.report.Problems, func(p Problem) bool { return p.Key == checkpointKey }) {
		v.problem(-1, checkpointKey, "%s was removed", checkpointKey)
	}
	if !v.broken {
		v.report.Root = v.tree.head.root.String()
	}
	v.report.Origin = v.l.options.Origin
	if v.last != nil {
		signedBy, err := v.last.head.verify(v.publics, v.l.options.Origin)
		if err != nil {
			if !fault.Is(err, fault.Corrupt) {
				return err
			}
			v.problem(v.last.record.Seq, entryKey(v.last.record.Seq), "the checkpoint of the last entry, %s, is not valid: %s",
				entryKey(v.last.record.Seq), fault.Line(err))
		}
		v.report.Origin, v.report.SignedBy = v.last.head.origin, signedBy
	}
	for _, c := range v.copies {
		v.compareEnd(ctx, c)
	}
	return nil
}

func (v *verifier) progress() {
	if v.options.Progress != nil {
		total := v.following
		for _, x := range v.expected {
			total = max(total, x.size)
		}
		v.options.Progress(v.following, total)
	}
}

// compared is a copy that the ledger is compared with.
type compared struct {
	name  string
	store store.Store
	// from is the first entry that the copy lacks, if lacks is set.
	lacks bool
	from  int64
	// failed is set once it could not be read.
	failed bool
}

// likeness is how an object of a copy compares with the ledger's.
type likeness struct {
	missing, different bool
	err                error
}

// compare reads an object from every copy.
func (v *verifier) compare(ctx context.Context, key string, data []byte) []likeness {
	out := make([]likeness, len(v.copies))
	for i, c := range v.copies {
		own, err := store.ReadSmall(ctx, c.store, key, maxObject)
		switch {
		case fault.Is(err, fault.Missing):
			out[i].missing = true
		case err != nil && !fault.Is(err, fault.Corrupt):
			out[i].err = err
		default:
			out[i].different = err != nil || !bytes.Equal(own, data)
		}
	}
	return out
}

// likenesses judges what compare found, in order: a copy may lack the newest
// entries, for it gets them after the ledger, and no others.
func (v *verifier) likenesses(e *examined) {
	for i, found := range e.copies {
		switch c := v.copies[i]; {
		case c.failed:
		case found.err != nil:
			c.failed = true
			v.report.Warnings = append(v.report.Warnings, warning(found.err, "%s could not be compared", c.name))
		case found.missing && !c.lacks:
			c.lacks, c.from = true, e.seq
		case found.missing:
		case c.lacks:
			v.problem(c.from, entryKey(c.from), "%s lacks entry %d, and has later ones: it was removed there", c.name, c.from)
			c.lacks = false
		case found.different:
			v.problem(e.seq, e.key, "entry %d is another one in %s: one of the two was altered, or the ledger was forked", e.seq, c.name)
		}
	}
}

// compareEnd checks that a copy has no more than the ledger.
func (v *verifier) compareEnd(ctx context.Context, c *compared) {
	if c.failed {
		return
	}
	if c.lacks {
		v.report.Warnings = append(v.report.Warnings, fmt.Sprintf("%s lacks the entries from %d on: it was not reached when they were appended", c.name, c.from))
	}
	_, err := c.store.Stat(ctx, entryKey(v.following))
	switch {
	case fault.Is(err, fault.Missing):
	case err != nil:
		v.report.Warnings = append(v.report.Warnings, warning(err, "%s could not be compared", c.name))
	default:
		// An entry that was appended since was appended to the ledger first.
		if there, err := v.l.exists(ctx, v.following); err == nil && !there {
			v.problem(v.following, entryKey(v.following), "the ledger was cut: %s has entry %d, and the ledger doesn't", c.name, v.following)
		}
	}
}
