package walspool

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// fetch puts one file into the spool, whole or not at all.
func (s *spool) fetch(ctx context.Context, name string) (err error) {
	f, err := os.CreateTemp(s.Dir, "."+name+".*")
	if err != nil {
		return fault.Wrap(fault.KindOf(err), err, "write into the spool")
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	if err = s.Fetch(ctx, name, f); err != nil {
		return errors.Join(err, f.Close())
	}
	info, err := f.Stat()
	if err = errors.Join(err, s.give(f), f.Close()); err != nil {
		return fault.Wrap(diskKind(err), err, "write %s into the spool", name)
	}
	if _, parseErr := wal.ParseSegment(name, s.SegmentSize); parseErr == nil && info.Size() != s.SegmentSize {
		return fault.New(fault.Corrupt, "the archive's %s has %d bytes instead of %d", name, info.Size(), s.SegmentSize)
	}
	err = os.Rename(f.Name(), s.path(name))
	return fault.Wrap(diskKind(err), err, "write %s into the spool", name)
}

// give makes a file the property of the spool's owner, as which the server runs.
func (s *spool) give(f *os.File) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(s.Dir)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return f.Chown(int(stat.Uid), int(stat.Gid))
	}
	return nil
}

func diskKind(err error) fault.Kind {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return fault.Exhausted
	}
	return fault.KindOf(err)
}
