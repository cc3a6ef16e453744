package local

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

const (
	mebibyte = int64(1) << 20
	gibibyte = int64(1) << 30
)

// memory is how many bytes this process and its children may use: the
// machine's, or less where the control group (version 2) says so.
func memory() int64 {
	total := 2 * gibibyte
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int64
		if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kib); err == nil {
			total = kib << 10
		}
	}
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			total = min(total, limit)
		}
	}
	return total
}

// freeDisk is how many bytes may still be written below a folder; 0 when that is unknown.
func freeDisk(dir string) int64 {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(dir, &stat); err != nil {
		return 0
	}
	return int64(stat.Bavail) * stat.Bsize
}

// share is a fraction of a whole within bounds, in whole mebibytes.
func share(whole, fraction, least, most int64) int64 {
	return min(max(whole/fraction, least), most) / mebibyte
}
