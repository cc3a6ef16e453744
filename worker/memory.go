package worker

import (
	"math"
	"runtime/debug"
)

// memoryLimit is what Go's part of a worker's process keeps to where it can:
// chunks.Budget for uploads or the blocks of two parts that are compressed, the
// segments of a stream of WAL, some ten MiB that live for long, and room for
// garbage: where what lives comes near the limit, collecting never ends. By default the collector lets the heap double before it runs, and
// the buffers of uploads, which are never garbage, would count for that.
const memoryLimit = 112 << 20

// SpareMemory is for a process that is a worker and nothing else: it gives back
// what start-up took and collects garbage early. GOMEMLIMIT goes before it.
func SpareMemory() {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(memoryLimit)
	}
	forgetStartup()
}
