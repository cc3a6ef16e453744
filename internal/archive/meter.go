package archive

import (
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// reportEvery is how often a progress callback is called at most, but for the last time.
const reportEvery = 250 * time.Millisecond

// meter counts the bytes of a stream and reports them now and then. Its
// callback is never called by two goroutines at once.
type meter struct {
	plain, stored atomic.Int64
	report        func(plain, stored int64)
	mu            sync.Mutex
	next          time.Time
}

func newMeter(report func(plain, stored int64)) *meter {
	if report == nil {
		report = func(int64, int64) {}
	}
	return &meter{report: report}
}

// tick reports if it is time to and nobody else does.
func (m *meter) tick() {
	if !m.mu.TryLock() {
		return
	}
	defer m.mu.Unlock()
	if now := time.Now(); !now.Before(m.next) {
		m.next = now.Add(reportEvery)
		m.report(m.plain.Load(), m.stored.Load())
	}
}

// last reports the final figures.
func (m *meter) last() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.report(m.plain.Load(), m.stored.Load())
}

// meteredWriter counts what goes to w.
type meteredWriter struct {
	w     io.Writer
	count *atomic.Int64
	meter *meter
}

func (m meteredWriter) Write(b []byte) (int, error) {
	n, err := m.w.Write(b)
	m.count.Add(int64(n))
	m.meter.tick()
	return n, err
}
