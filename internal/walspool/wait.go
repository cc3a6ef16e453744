package walspool

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Patience is how long Wait waits while no prefetcher works on the spool: time
// for a worker that died to be noticed and replaced.
const Patience = 15 * time.Minute

// Wait moves the file name from the spool dir to dest, and asks for it and waits
// where it is not there yet: as long as a prefetcher works on it, and up to
// Patience without one. Errors: Missing when the archive does not have the file,
// Unavailable when nobody answers or the spool is gone, Invalid for a name that
// no WAL file has.
func Wait(ctx context.Context, dir, name, dest string) error {
	return wait(ctx, dir, name, dest, Patience)
}

func wait(ctx context.Context, dir, name, dest string, patience time.Duration) error {
	if !namePattern.MatchString(name) {
		return fault.New(fault.Invalid, "%q is no name of a WAL file", name)
	}
	file := filepath.Join(dir, name)
	if err := take(file, dest); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	// What an earlier question was answered with may have changed.
	if err := removeIfThere(file + missingSuffix); err != nil {
		return err
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for began := time.Now(); ; {
		switch err := take(file, dest); {
		case err == nil:
			return removeIfThere(file + wantedSuffix)
		case !errors.Is(err, os.ErrNotExist):
			return err
		case exists(file + missingSuffix):
			return errors.Join(fault.New(fault.Missing, "the archive does not have %s", name), removeIfThere(file+wantedSuffix))
		case !exists(dir):
			return fault.New(fault.Unavailable, "the spool %s is gone", dir)
		case time.Since(began) > patience && !alive(dir, patience):
			return fault.New(fault.Unavailable, "nobody has fetched WAL for %s: the worker that restores is gone", patience)
		}
		// A late answer to an earlier question may have taken this one away.
		if !exists(file + wantedSuffix) {
			if err := os.WriteFile(file+wantedSuffix, nil, 0o600); err != nil && exists(dir) {
				return fault.Wrap(fault.Unavailable, err, "ask for %s", name)
			}
		}
		select {
		case <-ctx.Done():
			return fault.Wrap(fault.Unavailable, ctx.Err(), "wait for %s", name)
		case <-tick.C:
		}
	}
}

// alive reports whether a prefetcher has worked on the spool of late.
func alive(dir string, within time.Duration) bool {
	info, err := os.Stat(filepath.Join(dir, aliveName))
	return err == nil && time.Since(info.ModTime()) <= within
}

// take moves a file, by copying where dest is on another file system.
func take(file, dest string) error {
	err := os.Rename(file, dest)
	if !errors.Is(err, syscall.EXDEV) {
		if err != nil && exists(file) {
			return fault.Wrap(fault.KindOf(err), err, "put %s in place", filepath.Base(file))
		}
		return err
	}
	if err := copyFile(file, dest); err != nil {
		return fault.Wrap(fault.KindOf(err), err, "put %s in place", filepath.Base(file))
	}
	return removeIfThere(file)
}

func copyFile(file, dest string) error {
	from, err := os.Open(file)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(dest, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}
