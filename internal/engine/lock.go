package engine

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	lockAttempts = 5
	lockPause    = 20 * time.Millisecond
)

// takeLock makes sure that one engine alone writes to a folder. The kernel
// drops the lock with the process, however that ends. It fails with
// fault.Conflict when another engine holds it.
func takeLock(dir string) (release func(), err error) {
	// A descriptor by itself: an os.File is closed, and its lock dropped, when
	// nobody refers to the engine any more, though its server runs on.
	fd, err := syscall.Open(filepath.Join(dir, lockFile), syscall.O_RDWR|syscall.O_CREAT|syscall.O_CLOEXEC, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "opening the engine's lock")
	}
	// A process that only asks (lockIsHeld) is in the way for microseconds: try again.
	for range lockAttempts {
		err = syscall.Flock(fd, syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			break
		}
		time.Sleep(lockPause)
	}
	if errors.Is(err, syscall.EWOULDBLOCK) {
		_ = syscall.Close(fd)
		return nil, conflict(dir)
	}
	if err != nil {
		_ = syscall.Close(fd)
		return nil, fault.Wrap(fault.Unsupported, err, "locking %s (is it on a file system without locks?)", dir)
	}
	return func() { _ = syscall.Close(fd) }, nil
}

// conflict names the engine that is in the way, as far as it is known.
func conflict(dir string) error {
	other, err := readRecord(dir)
	if err != nil {
		return fault.New(fault.Conflict, "another process just started an engine on %s: stop it, or use another data folder", dir)
	}
	if other.Address == "" {
		return fault.New(fault.Conflict, "process %d starts an engine on %s already: stop it, or use another data folder", other.PID, dir)
	}
	return fault.New(fault.Conflict,
		"process %d runs an engine on %s already: stop it, or set temporal.address to %s to use it", other.PID, dir, other.Address)
}

// lockIsHeld reports whether some engine runs. It asks for the lock for the
// length of one call, shared, so that those who only ask never meet each other.
func lockIsHeld(path string) (bool, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fault.Wrap(fault.Internal, err, "opening the engine's lock")
	}
	defer func() { _ = f.Close() }()
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return true, nil
	}
	if err != nil {
		return false, fault.Wrap(fault.Unsupported, err, "asking for the lock %s", path)
	}
	return false, nil
}
