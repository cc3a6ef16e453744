package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	// lockWithin is how long one who works on a server is waited for.
	lockWithin = time.Minute
	lockEvery  = 50 * time.Millisecond
	// locksName is the folder of the locks of all servers: a server's own folder
	// comes and goes under its lock.
	locksName = ".locks"
)

// lock lets one call at a time work on a server, of all processes of the host:
// a worker that was paused, and whose step another one has taken over, goes on
// where it was when it wakes. The kernel drops the lock with the process.
// fault.Unavailable when it is not to be had within a minute.
func (e *Environment) lock(ctx context.Context, id string) (*instance, func(), error) {
	i, err := e.instance(id)
	if err != nil {
		return nil, nil, err
	}
	if err := makePassable(filepath.Join(e.root, locksName)); err != nil {
		return nil, nil, fault.Disk(err, "make the folder of environment %s", id)
	}
	unlock, err := flock(ctx, e.lockPath(id))
	if err != nil {
		return nil, nil, fault.While(err, "lock environment %s", id)
	}
	return i, unlock, nil
}

func (e *Environment) lockPath(id string) string { return filepath.Join(e.root, locksName, id) }

// Exclusively lets one caller at a time, of all processes of the host, do a
// thing in the folder of a server that Prepare has made. The name is that of a
// file. Errors: fault.Missing without the folder, fault.Unavailable when
// another one does it for more than a minute.
func (e *Environment) Exclusively(ctx context.Context, id, name string) (release func(), err error) {
	i, err := e.instance(id)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(i.dir); err != nil {
		return nil, fault.New(fault.Missing, "there is no environment %s on this host", id)
	}
	dir := filepath.Join(i.dir, "locks")
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return nil, fault.Disk(err, "make the folder of environment %s", id)
	}
	return flock(ctx, filepath.Join(dir, filepath.Base(name)))
}

// flock takes the lock of a file, which is made if need be. Who holds it may remove the file.
func flock(ctx context.Context, path string) (release func(), err error) {
	deadline := time.Now().Add(lockWithin)
	for {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, fault.Disk(err, "open a lock")
		}
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil && isAt(f, path) {
			return func() { _ = f.Close() }, nil
		}
		_ = f.Close()
		switch {
		case err == nil:
			// It was removed by the one who held it.
			continue
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			return nil, fault.Wrap(fault.Unsupported, err, "lock %s (is it on a file system without locks?)", path)
		case time.Now().After(deadline):
			return nil, fault.New(fault.Unavailable, "another process of this host works on it: wait for it, or end it if it hangs")
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lockEvery):
		}
	}
}

// isAt reports whether the open file is the one that is at the path.
func isAt(f *os.File, path string) bool {
	open, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(open, there)
}
