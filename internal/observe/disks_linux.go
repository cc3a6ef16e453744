package observe

import (
	"errors"
	"io/fs"
	"os"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// fileSystem is how full the file system of a path is, and which one it is. As
// with df, what the system keeps for itself counts for neither side.
func fileSystem(path string) (found status.Disk, device uint64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		kind := fault.Unavailable
		if errors.Is(err, fs.ErrNotExist) {
			kind = fault.Missing
		}
		return found, 0, fault.Wrap(kind, err, "look how full a disk is")
	}
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return found, 0, fault.Wrap(fault.Unavailable, err, "look how full the disk of %s is", path)
	}
	used := int64(stat.Blocks-stat.Bfree) * stat.Bsize
	found = status.Disk{Used: used, Size: used + int64(stat.Bavail)*stat.Bsize}
	if of, ok := info.Sys().(*syscall.Stat_t); ok {
		device = of.Dev
	}
	return found, device, nil
}
