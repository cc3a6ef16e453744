//go:build !linux

package observe

import (
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// fileSystem can't be told here.
func fileSystem(path string) (status.Disk, uint64, error) {
	return status.Disk{}, 0, fault.New(fault.Unsupported, "how full the disk of %s is is known on Linux alone", path)
}
