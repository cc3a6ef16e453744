package evidence

import (
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// tree is the state of a ledger after some number of entries: all that is
// needed to append the next one, or to check it. It is not changed once made.
type tree struct {
	// head is the checkpoint of this very state. Of an empty ledger that has
	// none yet, its note is nil.
	head checkpoint
	// frontier are the roots of the complete subtrees that the tree is made of,
	// the largest first: one for each bit that is set in its size.
	frontier []tlog.Hash
	// digest is sha256:HEX of the last entry's object, time the entry's time.
	digest string
	time   time.Time
}

// grown is the frontier after one more leaf, with the hashes of the subtrees
// that the leaf completes.
func grown(size int64, frontier []tlog.Hash, leaf tlog.Hash) (after, completed []tlog.Hash) {
	keep := len(frontier)
	completed = []tlog.Hash{leaf}
	for ; size&1 == 1; size >>= 1 {
		keep--
		leaf = tlog.NodeHash(frontier[keep], leaf)
		completed = append(completed, leaf)
	}
	// A copy, for the tree before may be in use.
	return append(append(make([]tlog.Hash, 0, keep+1), frontier[:keep]...), leaf), completed
}

// rootOf is the root of the tree with a frontier (RFC 6962, section 2.1).
func rootOf(frontier []tlog.Hash) tlog.Hash {
	if len(frontier) == 0 {
		return emptyRoot()
	}
	last := len(frontier) - 1
	root := frontier[last]
	for i := last - 1; i >= 0; i-- {
		root = tlog.NodeHash(frontier[i], root)
	}
	return root
}

// emptyRoot is the root of a tree without leaves: the hash of nothing.
func emptyRoot() tlog.Hash {
	// It reads no hashes, and so can't fail.
	root, _ := tlog.TreeHash(0, nil)
	return root
}

// add checks that an object is the next entry, all but its signature, and
// returns the state after it. What differs is fault.Corrupt.
func (t *tree) add(o *object) (*tree, error) {
	size := t.head.size
	if o.record.Seq != size {
		return nil, fault.New(fault.Corrupt, "entry %d comes after %d entries", o.record.Seq, size)
	}
	if o.record.Previous != t.digest {
		return nil, fault.New(fault.Corrupt, "entry %d was not appended to the entry before it as that is now: one of the two was altered", size)
	}
	if o.record.Time.Before(t.time) {
		return nil, fault.New(fault.Corrupt, "the time of entry %d is before that of the entry before it", size)
	}
	frontier, completed := grown(size, t.frontier, tlog.RecordHash(o.line))
	for level, h := range completed {
		if o.hashes[level] != h {
			return nil, fault.New(fault.Corrupt, "the hash of level %d in entry %d is not that of the entries it is of", level, size)
		}
	}
	if o.head.root != rootOf(frontier) {
		return nil, fault.New(fault.Corrupt, "the root in the checkpoint of entry %d is not that of the entries up to it", size)
	}
	if size > 0 && o.head.origin != t.head.origin {
		return nil, fault.New(fault.Corrupt, "entry %d is of another ledger, %s", size, quoted(o.head.origin))
	}
	return &tree{o.head, frontier, o.digest, o.record.Time}, nil
}

// next makes the object of the next entry, with what comes out of r: sequence,
// time and previous are set here. It returns the state after it, too.
func (t *tree) next(r Record, origin string, signer *seal.Signer, now time.Time) (Record, []byte, *tree, error) {
	r.Seq, r.Previous = t.head.size, t.digest
	r.Time, r.Clock = stamp(now), time.Time{}
	if r.Time.Before(t.time) {
		r.Time, r.Clock = t.time, r.Time
	}
	line, err := r.encode()
	if err != nil {
		return Record{}, nil, nil, err
	}
	frontier, completed := grown(r.Seq, t.frontier, tlog.RecordHash(line))
	root := rootOf(frontier)
	signed, err := signer.Sign(checkpointText(origin, r.Seq+1, root))
	if err != nil {
		return Record{}, nil, nil, err
	}
	data := encodeObject(line, r.Seq, completed, signed)
	head := checkpoint{origin, r.Seq + 1, root, signed}
	return r, data, &tree{head, frontier, "sha256:" + seal.SHA256(data), r.Time}, nil
}
