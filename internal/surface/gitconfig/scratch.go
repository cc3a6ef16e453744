package gitconfig

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// scratch is a folder for a copy that lasts as long as this process at most:
// the next one removes what a process that was killed has left.
type scratch struct {
	dir    string
	holder *os.File
}

const (
	scratchPattern = "lifeboat-git-*"
	// holderName is the file in it that its process has locked.
	holderName = "holder"
)

func newScratch() (scratch, error) {
	sweep()
	dir, err := os.MkdirTemp("", scratchPattern)
	if err != nil {
		return scratch{}, fault.Wrap(fault.Exhausted, err, "make a scratch folder")
	}
	// It gets its name once it is locked: others look for that.
	unnamed := filepath.Join(dir, holderName+".new")
	f, err := os.OpenFile(unnamed, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err == nil {
		err = errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB), os.Rename(unnamed, filepath.Join(dir, holderName)))
	}
	s := scratch{dir, f}
	if err != nil {
		return scratch{}, errors.Join(fault.Disk(err, "hold a scratch folder"), s.remove())
	}
	return s, nil
}

func (s scratch) remove() error {
	err := os.RemoveAll(s.dir)
	if s.holder != nil {
		err = errors.Join(err, s.holder.Close())
	}
	return fault.Wrap(fault.Internal, err, "remove the scratch copy of a repository")
}

// sweep removes the scratch folders of processes that are gone. What it can't
// remove belongs to somebody else.
func sweep() {
	holders, _ := filepath.Glob(filepath.Join(os.TempDir(), scratchPattern, holderName))
	for _, holder := range holders {
		f, err := os.OpenFile(holder, os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			_ = os.RemoveAll(filepath.Dir(holder))
		}
		_ = f.Close()
	}
}
