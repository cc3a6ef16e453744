package walarchive

import (
	"context"
	"errors"
	"io"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// maxSmall is the largest history, of a timeline or of a backup.
const maxSmall = 1 << 20

// StoreHistory keeps the history file of a timeline. It is fault.Conflict when
// another one is there: two servers began a timeline of the same number.
func (a *Archive) StoreHistory(ctx context.Context, timeline uint32, text []byte) error {
	history, err := wal.ParseHistory(timeline, text)
	if err == nil {
		err = a.storeSmall(ctx, wal.HistoryName(timeline), text)
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	// A worker that only writes has no key to read it with.
	a.ancestry[timeline] = history
	return nil
}

// History returns the history file of a timeline; fault.Missing when there is none.
func (a *Archive) History(ctx context.Context, timeline uint32) ([]byte, error) {
	return a.readSmall(ctx, wal.HistoryName(timeline))
}

// ancestors returns a timeline's parsed history; fault.Missing when it isn't stored.
func (a *Archive) ancestors(ctx context.Context, timeline uint32) (wal.History, error) {
	if timeline == 1 {
		return nil, nil
	}
	a.mu.Lock()
	history, known := a.ancestry[timeline]
	a.mu.Unlock()
	if known {
		return history, nil
	}
	text, err := a.History(ctx, timeline)
	if err == nil {
		history, err = wal.ParseHistory(timeline, text)
	}
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	a.ancestry[timeline] = history
	a.mu.Unlock()
	return history, nil
}

func (a *Archive) storeSmall(ctx context.Context, name string, text []byte) error {
	if len(text) > maxSmall {
		return fault.New(fault.Invalid, "%s has %d bytes, more than %d", name, len(text), maxSmall)
	}
	c, err := a.Cluster(ctx)
	if err != nil && !fault.Is(err, fault.Missing) {
		return err
	}
	key, err := a.writingKey(ctx)
	if err != nil {
		return err
	}
	l := label{system: c.SystemID, name: name, span: span{0, int64(len(text))}}
	_, err = a.keep(ctx, a.fileKey(name, key.ending()), l, text, key, nil)
	if !errors.Is(err, errUncomparable) {
		return err
	}
	// It is stored anew with every stream, which must not end for want of a key.
	// The first time, the cluster may not have been known.
	same, err := a.sizedAs(ctx, text, key, l, label{name: name, span: l.span})
	if err == nil && !same {
		err = fault.New(fault.Conflict, "%s is on the store already, with another size: two servers write the WAL of %s, or one was set back", name, a.surface)
	}
	return err
}

func (a *Archive) readSmall(ctx context.Context, name string) ([]byte, error) {
	o, err := a.openFile(ctx, label{name: name, span: span{0, -1}})
	if err != nil {
		return nil, err
	}
	defer o.Close()
	if o.label.to-o.label.from > maxSmall {
		return nil, fault.New(fault.Corrupt, "%s has more than %d bytes", name, maxSmall)
	}
	return io.ReadAll(o)
}
