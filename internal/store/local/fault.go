package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// kinds classifies what the file system answers, with what to do about it. The
// first that fits counts.
var kinds = []struct {
	err    error
	kind   fault.Kind
	advice string
}{
	{syscall.ENOSPC, fault.Exhausted, "; free space on its disk"},
	{syscall.EDQUOT, fault.Exhausted, "; raise the quota"},
	{syscall.EFBIG, fault.Exhausted, ""},
	{syscall.ENAMETOOLONG, fault.Invalid, "; one element of a key has at most 255 bytes in a local store"},
	{syscall.EROFS, fault.Denied, "; mount the file system for writing"},
	{syscall.ELOOP, fault.Denied, ""},
	{syscall.EOPNOTSUPP, fault.Unsupported, "; the file system needs hard links"},
	{fs.ErrPermission, fault.Denied, "; give this user the permission"},
	{fs.ErrNotExist, fault.Missing, ""},
	{fs.ErrExist, fault.Conflict, ""},
	{syscall.EISDIR, fault.Conflict, "; a folder has the name"},
	{syscall.ENOTDIR, fault.Conflict, "; a file has the name of the folder"},
	{syscall.ESTALE, fault.Unavailable, "; mount the file system again"},
	{context.DeadlineExceeded, fault.Unavailable, ""},
}

// fault classifies an error of the file system and says what was being done.
func (s *Store) fault(err error, doing, key string) error {
	if err == nil {
		return nil
	}
	doing += " " + filepath.Join(s.dir, filepath.FromSlash(key))
	if classified, ok := errors.AsType[*fault.Error](err); ok {
		return fault.Wrap(classified.Kind, classified, "%s", doing)
	}
	err = bare(err)
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return fault.Wrap(k.kind, fmt.Errorf("%w%s", err, k.advice), "%s", doing)
		}
	}
	if strings.Contains(err.Error(), "escapes from parent") {
		// os.Root has no error value for it.
		return fault.Wrap(fault.Denied, err, "%s leads out of the store by a symbolic link", doing)
	}
	return fault.Wrap(fault.Internal, err, "%s", doing)
}

// bare strips the operation and the path, which doing says better.
func bare(err error) error {
	var byPath *fs.PathError
	var byLink *os.LinkError
	switch {
	case errors.As(err, &byPath):
		return byPath.Err
	case errors.As(err, &byLink):
		return byLink.Err
	}
	return err
}
