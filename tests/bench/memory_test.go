//go:build bench

package bench

import (
	"fmt"
	"os"
	"testing"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// largeFrom is the size, in 10^9 bytes, from which memory is shown at
// LIFEBOAT_BENCH_GB beside 1 GB.
const largeFrom = 4

// memoryGoal is what a worker may need at most.
const memoryGoal = 256 << 20

// BenchmarkMemory shows the most memory that a worker, a process of its own,
// needs for a snapshot, its verification and its restore.
func BenchmarkMemory(b *testing.B) {
	sizes := []float64{1}
	if gigabytes >= largeFrom {
		sizes = append(sizes, gigabytes)
	}
	for _, size := range sizes {
		for _, storeName := range []string{"folder", "s3"} {
			b.Run(fmt.Sprintf("%gGB-%s", size, storeName), func(b *testing.B) { workerMemory(b, size, storeName) })
		}
	}
}

func workerMemory(b *testing.B, size float64, storeName string) {
	src := newSource(b, size)
	s3 := servers.S3(b).Bucket(b)
	s := newSite(b, src.url, s3Settings(s3))
	s.start(b, "up", "--worker=false")
	worker := s.start(b, "worker").PID()
	peak := int64(0)
	note := func(step string) {
		peak = peakMemory(b, worker)
		fmt.Fprintf(os.Stdout, "  %g GB, %s: after %-9s %4d MiB at most\n", size, storeName, step, peak>>20)
	}
	var made point
	s.ask(b, &made, "snapshot", "create", "main", "--store", storeName, "--wait")
	note("snapshot")
	s.ask(b, nil, "snapshot", "verify", made.ID)
	note("verify")
	s.ask(b, nil, "snapshot", "restore", made.ID)
	note("restore")
	verdict := "reached"
	if peak >= memoryGoal {
		verdict = "MISSED"
	}
	fmt.Fprintf(os.Stdout, "peak memory of the worker at %g GB, %s: %d MiB [under %d: %s]\n", size, storeName, peak>>20, memoryGoal>>20, verdict)
	b.ReportMetric(float64(peak>>20), "MiB")
	b.ReportMetric(0, "ns/op")
}
