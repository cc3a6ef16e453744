package worker

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"syscall"
)

// forgetStartup tells the kernel that what start-up read of the executable is
// not needed any more: initialisers of every package run through most of a
// file of hundreds of megabytes, and all of that counts as resident. What is
// needed again comes back from the page cache. Nothing depends on it, so
// errors are of no use to anybody.
func forgetStartup() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer maps.Close()
	var begin, end uintptr
	ofFile := false
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		line := lines.Text()
		var from, to uintptr
		var access string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &access); err == nil {
			begin, end = from, to
			ofFile = strings.HasSuffix(line, " "+exe) && !strings.Contains(access, "w")
			continue
		}
		// A page of the process's own, as the loader makes where it relocates,
		// would be lost; where there is none the file has the same bytes.
		var label string
		var kilobytes int
		if _, err := fmt.Sscan(line, &label, &kilobytes); err == nil && label == "Anonymous:" && kilobytes == 0 && ofFile {
			_, _, _ = syscall.Syscall(syscall.SYS_MADVISE, begin, end-begin, syscall.MADV_DONTNEED)
		}
	}
}
