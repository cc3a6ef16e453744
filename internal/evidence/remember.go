package evidence

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// remembered is the largest checkpoint that this machine has seen, if any, signed by one of the keys.
func (l *Ledger) remembered(publics []string) (checkpoint, error) {
	if l.options.Remember == "" {
		return checkpoint{}, nil
	}
	data, err := os.ReadFile(l.options.Remember)
	if errors.Is(err, fs.ErrNotExist) {
		return checkpoint{}, nil
	}
	if err != nil {
		return checkpoint{}, fault.Wrap(fault.Internal, err, "read the remembered checkpoint")
	}
	c, err := parseCheckpoint(data)
	if err == nil {
		_, err = c.verify(publics, l.options.Origin)
	}
	return c, fault.While(err, "the checkpoint remembered in %s is not valid: trust the key that signed it, too; or remove the file once the ledger is verified otherwise", l.options.Remember)
}

// checkRemembered checks that a state goes on from what is remembered, and remembers it.
func (l *Ledger) checkRemembered(ctx context.Context, t *tree) error {
	older, err := l.remembered(l.trusted)
	if err == nil {
		err = fault.While(l.extends(ctx, t, older), "compared with the checkpoint remembered in %s", l.options.Remember)
	}
	if err != nil {
		return err
	}
	return l.remember(t.head, l.trusted)
}

// remember keeps a checkpoint unless a larger one is kept. The file is replaced
// as a whole; of several processes, the last to replace it wins.
func (l *Ledger) remember(c checkpoint, publics []string) error {
	if l.options.Remember == "" || c.note == nil {
		return nil
	}
	older, err := l.remembered(publics)
	if err != nil || older.size >= c.size {
		return err
	}
	return fault.Wrap(fault.Internal, replace(l.options.Remember, c.note), "remember the checkpoint")
}

// replace writes a file durably, whole or not at all.
func replace(file string, data []byte) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".checkpoint-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
