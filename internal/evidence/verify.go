package evidence

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// maxProblems bounds a report of a ledger that is damaged all over.
const maxProblems = 1000

// VerifyOptions qualify a verification.
type VerifyOptions struct {
	// Publics are the public keys of which one must have signed the ledger's head;
	// empty means those that the ledger was opened with.
	Publics []string
	// Checkpoints are older ones, as Checkpoint.Note has them, known from
	// elsewhere: the ledger must still begin with what they were signed for.
	Checkpoints [][]byte
	// Progress is told from time to time how many entries were looked at, of how
	// many there seem to be. It may be nil.
	Progress func(done, total int64)
}

// Report is what a verification found.
type Report struct {
	Origin string `json:"origin"`
	// Size is how many entries stand in the ledger, Root their tree's root in base64.
	Size int64  `json:"size"`
	Root string `json:"root"`
	// SignedBy is the public key that signed the head.
	SignedBy string `json:"signedBy"`
	// Published is the size that evidence/checkpoint is of. One behind Size is of
	// a writer that was killed, or is about to write it.
	Published int64 `json:"published"`
	// First and Last are the times of the first and the last entry.
	First time.Time `json:"first,omitzero"`
	Last  time.Time `json:"last,omitzero"`
	// ClockBehind is by how much the slowest of the writers' clocks was behind the ledger's time.
	ClockBehind time.Duration `json:"clockBehindNanoseconds"`
	// Entries counts the entries of each kind.
	Entries map[string]int64 `json:"entries"`
	// Attachments counts how many were read, Bytes what was read in all.
	Attachments int64 `json:"attachments"`
	Bytes       int64 `json:"bytes"`
	// Problems are what is wrong, in the order in which it was found, a thousand at most.
	Problems []Problem `json:"problems"`
	// Warnings are what could not be checked: a copy that can't be reached, or lacks the newest entries.
	Warnings []string `json:"warnings"`
}

// Problem is one thing that is wrong with a ledger.
type Problem struct {
	// Seq is the entry it was found at, -1 for none.
	Seq int64 `json:"seq"`
	// Key is the object it was found in.
	Key string `json:"key"`
	// What says in a sentence what is wrong.
	What string `json:"what"`
}

// Verify reads the whole ledger and checks every byte of it with the public key
// alone: that entries stand without a gap in their order, each chained to the
// whole object before it; every hash and every root (RFC 6962); the signature of
// the last entry, which is over all; that evidence/checkpoint and every
// checkpoint known from elsewhere, or remembered, is of this ledger; the digests
// of all attachments; that no other object stands among the entries; and that
// copies have the same entries. Any problem is in the report, and the first one
// in an error of kind fault.Corrupt. Other errors mean that it could not be
// verified: fault.Invalid without a public key, or what the store answered.
//
// 64 objects are read at once; an entry's object is held in memory for the
// while, at most 512 KiB, an attachment never.
func (l *Ledger) Verify(ctx context.Context, o VerifyOptions) (Report, error) {
	v := &verifier{l: l, options: o, publics: o.Publics, tree: &tree{}, report: Report{
		Root: emptyRoot().String(), Entries: make(map[string]int64), Problems: []Problem{}, Warnings: []string{},
	}}
	if len(v.publics) == 0 {
		v.publics = l.trusted
	}
	if len(v.publics) == 0 {
		return Report{}, fault.New(fault.Invalid, "evidence can't be verified without a public key: give the one that signs it")
	}
	if err := v.expect(ctx); err != nil {
		return Report{}, err
	}
	for i := range l.copies {
		v.copies = append(v.copies, &compared{name: copyName(i), store: l.options.Copies[i]})
	}
	for e, err := range ordered(ctx, v.keys(ctx), v.read) {
		if err == nil {
			err = e.fatal
		}
		if err != nil {
			return v.report, fault.While(err, "verify the evidence")
		}
		v.look(e)
	}
	if err := v.end(ctx); err != nil {
		return v.report, fault.While(err, "verify the evidence")
	}
	if len(v.report.Problems) > 0 {
		return v.report, fault.New(fault.Corrupt, "the evidence was tampered with or damaged: %s", v.report.Problems[0].What)
	}
	return v.report, l.remember(v.tree.head, v.publics)
}

// verifier is one verification under way.
type verifier struct {
	l       *Ledger
	options VerifyOptions
	publics []string
	report  Report
	// expected are checkpoints that the ledger must go through.
	expected []expectation
	copies   []*compared
	// tree is what was verified so far; broken is set after what can't be part
	// of a tree, and then chains alone are checked.
	tree   *tree
	broken bool
	// last is the last object that was read, following the entry that comes next.
	last      *object
	following int64
}

// expectation is a checkpoint, and where it comes from.
type expectation struct {
	checkpoint

	from string
	// published is set for evidence/checkpoint: it must be the entry's own, byte for byte.
	published bool
}

func (v *verifier) problem(seq int64, key, format string, args ...any) {
	if len(v.report.Problems) < maxProblems {
		v.report.Problems = append(v.report.Problems, Problem{seq, key, fmt.Sprintf(format, args...)})
	}
}

// expect reads the checkpoints that the ledger must go through.
func (v *verifier) expect(ctx context.Context) error {
	data, err := store.ReadSmall(ctx, v.l.store, checkpointKey, maxNote)
	switch {
	case err == nil:
		v.expectNote(data, checkpointKey)
	case fault.Is(err, fault.Corrupt):
		v.problem(-1, checkpointKey, "%s", fault.Line(err))
	case !fault.Is(err, fault.Missing):
		return fault.While(err, "verify the evidence")
	}
	for i, data := range v.options.Checkpoints {
		v.expectNote(data, fmt.Sprintf("the checkpoint given as number %d", i+1))
	}
	remembered, err := v.l.remembered(v.publics)
	if err != nil {
		return err
	}
	if remembered.note != nil {
		v.expectNote(remembered.note, v.l.options.Remember)
	}
	return nil
}

func (v *verifier) expectNote(data []byte, from string) {
	published := from == checkpointKey
	c, _, err := parseHead(data)
	if published && err == nil {
		c, err = parseCheckpoint(data)
	}
	if err == nil {
		_, err = c.verify(v.publics, v.l.options.Origin)
	}
	if err != nil {
		v.problem(-1, from, "%s is not valid: %s", from, fault.Line(err))
		return
	}
	if published {
		v.report.Published = c.size
	}
	if c.size == 0 && c.root != emptyRoot() {
		v.problem(-1, from, "%s has no entries, and not the root of none", from)
	}
	v.expected = append(v.expected, expectation{c, from, published})
}

// keys yields what stands among the entries.
func (v *verifier) keys(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for e, err := range v.l.store.List(ctx, store.ListOptions{Prefix: entriesFolder}) {
			if !yield(e.Key, err) || err != nil {
				return
			}
		}
	}
}

// examined is an object that stands among the entries, and what was found in it.
type examined struct {
	key         string
	seq         int64
	object      *object
	attachments int64
	bytes       int64
	problems    []Problem
	// copies has for each copy how its object compares.
	copies []likeness
	// fatal is an error that says nothing about the ledger.
	fatal error
}

// read reads an object with its attachments, and checks it by itself.
func (v *verifier) read(ctx context.Context, key string) *examined {
	e := &examined{key: key}
	var ok bool
	if e.seq, ok = seqOf(key); !ok {
		e.seq = -1
		e.problem(key, "%s is no entry, and does not belong there", quoted(key))
		return e
	}
	data, err := store.ReadSmall(ctx, v.l.store, key, maxObject)
	if err == nil {
		e.bytes = int64(len(data))
		e.copies = v.compare(ctx, key, data)
		e.object, err = parseObject(data, e.seq)
	}
	switch {
	case fault.Is(err, fault.Corrupt), fault.Is(err, fault.Unsupported):
		e.problem(key, "%s was altered: %s", key, fault.Line(err))
	case fault.Is(err, fault.Missing):
		e.problem(key, "%s was removed just now", key)
	case err != nil:
		e.fatal = err
	default:
		e.fatal = v.attachments(ctx, e)
	}
	return e
}

func (e *examined) problem(key, format string, args ...any) {
	e.problems = append(e.problems, Problem{e.seq, key, fmt.Sprintf(format, args...)})
}

// attachments reads the attachments of an entry.
func (v *verifier) attachments(ctx context.Context, e *examined) error {
	for _, a := range e.object.record.Attachments {
		key := folder + a.Key
		digits, size, err := digestOf(ctx, v.l.store, key)
		switch {
		case fault.Is(err, fault.Missing):
			e.problem(key, "%s, which entry %d names, was removed", key, e.seq)
		case err != nil:
			return err
		case digits != a.SHA256 || size != a.Bytes:
			e.problem(key, "%s was altered: it is not what entry %d has the digest of", key, e.seq)
		}
		e.attachments, e.bytes = e.attachments+1, e.bytes+size
	}
	return nil
}

// sameNote reports whether two checkpoints are the same, byte for byte.
func sameNote(a, b checkpoint) bool { return bytes.Equal(a.note, b.note) }
