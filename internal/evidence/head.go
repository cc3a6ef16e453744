package evidence

import (
	"context"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// nearby is how far behind the head a known state may be for the entries in
// between to be read, each; beyond it a proof is cheaper.
const nearby = 256

// Checkpoint is the signed head of a ledger.
type Checkpoint struct {
	// Origin is the ledger's name.
	Origin string `json:"origin"`
	// Size is how many entries it has.
	Size int64 `json:"size"`
	// Root is the root of the Merkle tree, in base64.
	Root string `json:"root"`
	// SignedBy is the public key that signed it, of those that are trusted.
	SignedBy string `json:"signedBy"`
	// Note is the checkpoint itself, a C2SP tlog-checkpoint. Kept elsewhere, it
	// shows later whether the ledger was cut or forked since.
	Note string `json:"note"`
}

// Head finds the ledger's newest entry and returns its checkpoint, verified: that
// it is signed by a trusted key, is of its own entry, and goes on from what was
// seen or remembered before. Otherwise it is fault.Corrupt. A ledger that has not
// begun has size 0. It reads as many objects as the logarithm of the ledger.
func (l *Ledger) Head(ctx context.Context) (Checkpoint, error) {
	t, err := l.current(ctx)
	if err != nil {
		return Checkpoint{}, err
	}
	return l.shown(t.head)
}

func (l *Ledger) shown(c checkpoint) (Checkpoint, error) {
	if c.note == nil {
		return Checkpoint{Origin: l.options.Origin}, nil
	}
	signedBy, err := c.verify(l.trusted, l.options.Origin)
	return Checkpoint{c.origin, c.size, c.root.String(), signedBy, string(c.note)}, err
}

// current finds and verifies the newest state.
func (l *Ledger) current(ctx context.Context) (*tree, error) {
	if len(l.trusted) == 0 {
		return nil, fault.New(fault.Invalid, "the ledger can't be checked without a public key: give the one that signs it")
	}
	known := l.known()
	size, err := l.size(ctx, known)
	if err != nil {
		return nil, err
	}
	if known != nil && known.head.size == size {
		return known, nil
	}
	if known != nil && size-known.head.size <= nearby {
		return l.advance(ctx, known, size)
	}
	t, last, err := l.reload(ctx, known, size)
	if err != nil {
		return nil, err
	}
	if err := l.checkRemembered(ctx, t); err != nil {
		return nil, err
	}
	return l.learn(t, last), nil
}

// reload reads the state of a size afresh, and checks that it goes on from what was known.
func (l *Ledger) reload(ctx context.Context, known *tree, size int64) (*tree, *object, error) {
	if size == 0 {
		return &tree{}, nil, nil
	}
	t, last, err := l.load(ctx, size)
	if err == nil && known != nil {
		err = l.extends(ctx, t, known.head)
	}
	return t, last, err
}

// advance reads the entries after a known state up to a size, each checked, and
// the signature of the last.
func (l *Ledger) advance(ctx context.Context, t *tree, size int64) (*tree, error) {
	var added []*object
	for o, err := range l.objects(ctx, sequence(t.head.size, size-t.head.size, 1)) {
		if err == nil {
			t, err = t.add(o)
		}
		if err != nil {
			return nil, err
		}
		added = append(added, o)
	}
	if _, err := t.head.verify(l.trusted, l.options.Origin); err != nil {
		return nil, fault.While(err, "the checkpoint in %s is not valid", entryKey(size-1))
	}
	return l.learn(t, added...), nil
}

// known is the newest state that was verified, nil for none.
func (l *Ledger) known() *tree {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}

// learn keeps a verified state, with the objects that led to it, unless a newer
// one is known; it returns the newest.
func (l *Ledger) learn(t *tree, added ...*object) *tree {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.head != nil && l.head.head.size >= t.head.size {
		return l.head
	}
	l.head = t
	for _, o := range slices.DeleteFunc(added, func(o *object) bool { return o == nil }) {
		l.recent.add(o)
	}
	return t
}

// size finds how many entries there are: it gallops upwards from what is known,
// or from what evidence/checkpoint says, and halves the rest. Entries have no gaps.
func (l *Ledger) size(ctx context.Context, known *tree) (int64, error) {
	exists := func(seq int64) (bool, error) { return l.exists(ctx, seq) }
	if known != nil {
		if err := l.unchanged(ctx, known); err != nil {
			return 0, err
		}
		return gallop(known.head.size, exists)
	}
	published, err := l.published(ctx)
	if err != nil {
		return 0, err
	}
	if published.size > 0 {
		there, err := l.exists(ctx, published.size-1)
		if err == nil && !there {
			err = cut(published.size)
		}
		if err != nil {
			return 0, err
		}
	}
	return gallop(published.size, exists)
}

// unchanged checks that the last entry that is known stands there as it was.
func (l *Ledger) unchanged(ctx context.Context, known *tree) error {
	size := known.head.size
	if size == 0 {
		return nil
	}
	data, err := store.ReadSmall(ctx, l.store, entryKey(size-1), maxObject)
	switch {
	case fault.Is(err, fault.Missing):
		return cut(size)
	case err == nil && "sha256:"+seal.SHA256(data) != known.digest:
		return fault.New(fault.Corrupt, "%s is another one than it was: it was altered, or the ledger was forked; run `lifeboat evidence verify`", entryKey(size-1))
	}
	return err
}

func cut(size int64) error {
	return fault.New(fault.Corrupt, "the ledger was cut: it had %d entries, and %s is missing; put it back from a copy or an older version of the object", size, entryKey(size-1))
}

// gallop returns the first number from low on that does not exist.
func gallop(low int64, exists func(int64) (bool, error)) (int64, error) {
	high := low
	for step := int64(1); ; step *= 2 {
		there, err := exists(high)
		if err != nil {
			return 0, err
		}
		if !there {
			break
		}
		low, high = high+1, high+step
	}
	for low < high {
		middle := low + (high-low)/2
		there, err := exists(middle)
		if err != nil {
			return 0, err
		}
		if there {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, nil
}

func (l *Ledger) exists(ctx context.Context, seq int64) (bool, error) {
	_, err := l.store.Stat(ctx, entryKey(seq))
	if fault.Is(err, fault.Missing) {
		return false, nil
	}
	return err == nil, err
}

// published reads and verifies evidence/checkpoint. A ledger that has entries has
// one; where neither is there, the ledger has not begun, and size is 0.
func (l *Ledger) published(ctx context.Context) (checkpoint, error) {
	data, err := store.ReadSmall(ctx, l.store, checkpointKey, maxNote)
	if fault.Is(err, fault.Missing) {
		there, existsErr := l.exists(ctx, 0)
		if existsErr != nil || !there {
			return checkpoint{}, existsErr
		}
		// It may have begun between the two.
		data, err = store.ReadSmall(ctx, l.store, checkpointKey, maxNote)
	}
	if fault.Is(err, fault.Missing) {
		return checkpoint{}, fault.New(fault.Corrupt,
			"%s is missing: somebody removed it, perhaps to hide that entries are missing, too; run `lifeboat evidence verify`, and put it back from a copy", checkpointKey)
	}
	if err != nil {
		return checkpoint{}, err
	}
	c, err := parseCheckpoint(data)
	if err == nil {
		_, err = c.verify(l.trusted, l.options.Origin)
	}
	return c, fault.While(err, "%s is not valid", checkpointKey)
}
