package evidence

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

const (
	// mirrorTimeout is how long an append waits for its copies at most. What a
	// copy did not get until then it gets after the next append.
	mirrorTimeout = time.Minute
	// checkpointEvery is after how many entries a copy that catches up gets a checkpoint.
	checkpointEvery = 1000
)

// mirror is a store that gets a copy of the ledger.
type mirror struct {
	to store.Store
	mu sync.Mutex
	// size is up to where the copy is known to have what the ledger has, and
	// digest that of its last entry's object.
	size   int64
	digest string
}

// Mirror gives another store what it lacks of the ledger: entries, attachments,
// the checkpoint. It returns how many entries it copied, also with an error, and
// goes on from there when it is called again. A copy that has another entry than
// the ledger, or more of them, is fault.Corrupt, and left as it is.
func (l *Ledger) Mirror(ctx context.Context, to store.Store) (copied int64, err error) {
	return l.copyTo(ctx, &mirror{to: to})
}

// mirrorAll brings the copies up to date, and returns what went wrong.
func (l *Ledger) mirrorAll(ctx context.Context) []string {
	ctx, cancel := context.WithTimeout(ctx, mirrorTimeout)
	defer cancel()
	said := make([]string, len(l.copies))
	var running sync.WaitGroup
	for i, m := range l.copies {
		running.Go(func() {
			if _, err := l.copyTo(ctx, m); err != nil {
				said[i] = warning(err, "%s of the evidence is not up to date", copyName(i))
			}
		})
	}
	running.Wait()
	var warnings []string
	for _, text := range said {
		if text != "" {
			warnings = append(warnings, text)
		}
	}
	return warnings
}

// copyName is what a copy is called: its place in Options.Copies, from 1 on.
func copyName(i int) string { return fmt.Sprintf("copy %d", i+1) }

func (l *Ledger) copyTo(ctx context.Context, m *mirror) (copied int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t, err := l.current(ctx)
	if err != nil || t.head.size == 0 {
		return 0, err
	}
	if t, err = l.survey(ctx, m, t); err != nil {
		return 0, err
	}
	var last *object
	for o, err := range l.objects(ctx, sequence(m.size, t.head.size-m.size, 1)) {
		if err == nil {
			err = l.copyEntry(ctx, m, o)
		}
		if err != nil {
			return copied, err
		}
		last = o
		if copied++; o.record.Seq == 0 || o.head.size%checkpointEvery == 0 {
			if err := l.publishTo(ctx, m.to, o.head); err != nil {
				return copied, err
			}
		}
	}
	if last == nil {
		// Nothing was to be copied, except perhaps a checkpoint.
		return 0, l.publishTo(ctx, m.to, t.head)
	}
	return copied, l.publishTo(ctx, m.to, last.head)
}

// survey finds how many entries the copy has, and compares the last of them with
// the ledger's, whose newest state it returns.
func (l *Ledger) survey(ctx context.Context, m *mirror, t *tree) (*tree, error) {
	exists := func(seq int64) (bool, error) {
		_, err := m.to.Stat(ctx, entryKey(seq))
		if fault.Is(err, fault.Missing) {
			return false, nil
		}
		return err == nil, err
	}
	if m.size > 0 {
		there, err := exists(m.size - 1)
		if err != nil {
			return nil, err
		}
		if !there {
			// Somebody has emptied it since.
			m.size, m.digest = 0, ""
		}
	}
	size, err := gallop(m.size, exists)
	if err != nil || size == m.size {
		return t, err
	}
	if size > t.head.size {
		// Another process may have appended and copied meanwhile.
		if t, err = l.current(ctx); err != nil {
			return nil, err
		}
	}
	if size > t.head.size {
		return nil, fault.New(fault.Corrupt, "it has %d entries, and the ledger %d: the ledger was cut", size, t.head.size)
	}
	own, err := store.ReadSmall(ctx, m.to, entryKey(size-1), maxObject)
	if err != nil {
		return nil, err
	}
	o, err := readObject(ctx, l.store, size-1)
	if err != nil {
		return nil, removed(err, size-1)
	}
	if "sha256:"+seal.SHA256(own) != o.digest {
		return nil, fault.New(fault.Corrupt, "its entry %d is another one than the ledger's: one of the two was altered, or the ledger was forked; run `lifeboat evidence verify`", size-1)
	}
	m.size, m.digest = size, o.digest
	return t, nil
}

// copyEntry copies an entry, after its attachments.
func (l *Ledger) copyEntry(ctx context.Context, m *mirror, o *object) error {
	if o.record.Previous != m.digest {
		return altered(o.record.Seq - 1)
	}
	for _, a := range o.record.Attachments {
		if err := l.copyObject(ctx, m, folder+a.Key, a.SHA256); err != nil {
			return err
		}
	}
	if err := l.copyObject(ctx, m, entryKey(o.record.Seq), o.digest[len("sha256:"):]); err != nil {
		return err
	}
	m.size, m.digest = o.head.size, o.digest
	return nil
}

// copyObject copies an object that must have a digest, unless it is there already.
func (l *Ledger) copyObject(ctx context.Context, m *mirror, key, digits string) error {
	data, err := store.ReadSmall(ctx, l.store, key, MaxAttachment)
	if err != nil {
		return err
	}
	if seal.SHA256(data) != digits {
		return fault.New(fault.Corrupt, "%s was altered: run `lifeboat evidence verify`", key)
	}
	opts := store.PutOptions{IfAbsent: true, Estimate: int64(len(data))}
	if l.options.RetainFor > 0 {
		opts.RetainUntil = l.options.Now().Add(l.options.RetainFor)
	}
	_, err = m.to.Put(ctx, key, bytes.NewReader(data), opts)
	if !fault.Is(err, fault.Conflict) {
		return err
	}
	there, _, err := digestOf(ctx, m.to, key)
	if err == nil && there != digits {
		err = fault.New(fault.Corrupt, "its %s is another one than the ledger's: one of the two was altered; run `lifeboat evidence verify`", key)
	}
	return err
}

// publishTo brings the copy's checkpoint up to one of the ledger, unless it has a newer one.
func (l *Ledger) publishTo(ctx context.Context, to store.Store, c checkpoint) error {
	data, err := store.ReadSmall(ctx, to, checkpointKey, maxNote)
	var there checkpoint
	switch {
	case err == nil:
		there, err = parseCheckpoint(data)
		if err == nil {
			_, err = there.verify(l.trusted, c.origin)
		}
		err = fault.While(err, "its %s is not valid: remove it once the copy is verified otherwise", checkpointKey)
	case fault.Is(err, fault.Missing):
		err = nil
	}
	if err != nil || there.size >= c.size {
		return err
	}
	_, err = to.Put(ctx, checkpointKey, bytes.NewReader(c.note), store.PutOptions{Estimate: int64(len(c.note))})
	return err
}
