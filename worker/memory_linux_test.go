package worker

import (
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"strings"
	"testing"
)

// ofFiles is how much of files is resident in this process, in kB.
func ofFiles(t *testing.T) int {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "RssFile:")
	var kilobytes int
	if _, err := fmt.Sscan(rest, &kilobytes); err != nil {
		t.Fatal("RssFile: ", err)
	}
	return kilobytes
}

// This one is not parallel: what others run comes back from the file.
func TestStartupIsForgotten(t *testing.T) {
	before := ofFiles(t)
	forgetStartup()
	if after := ofFiles(t); after >= before*9/10 {
		t.Errorf("%d kB of the executable are resident, and were %d before", after, before)
	}
}

func TestMemoryLimitOfTheUserStands(t *testing.T) {
	was := debug.SetMemoryLimit(-1)
	t.Cleanup(func() { debug.SetMemoryLimit(was) })
	for given, want := range map[int64]int64{math.MaxInt64: memoryLimit, 300 << 20: 300 << 20} {
		debug.SetMemoryLimit(given)
		SpareMemory()
		if got := debug.SetMemoryLimit(-1); got != want {
			t.Errorf("with a limit of %d it is %d, want %d", given, got, want)
		}
	}
}
