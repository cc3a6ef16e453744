package activities

import (
	"context"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/activity"
)

// Bytes is the progress that a running step reports with its heartbeats.
type Bytes struct {
	// Step names what is being worked on.
	Step string `json:"step"`
	// Plain counts bytes before compression, Stored after.
	Plain  int64 `json:"plain"`
	Stored int64 `json:"stored"`
	// Total is about how many plain bytes there are, 0 when unknown.
	Total int64 `json:"total,omitempty"`
}

// pulse heartbeats while a step runs, also when no byte moves: it is the
// engine's word that the worker lives, not that the other side is quick.
type pulse struct {
	step          string
	total         atomic.Int64
	plain, stored atomic.Int64
	stop          chan struct{}
	done          chan struct{}
}

const pulseInterval = 2 * time.Second

func startPulse(ctx context.Context, step string, total int64) *pulse {
	p := &pulse{step: step, stop: make(chan struct{}), done: make(chan struct{})}
	p.total.Store(total)
	activity.RecordHeartbeat(ctx, p.bytes())
	go p.run(ctx)
	return p
}

func (p *pulse) run(ctx context.Context) {
	defer close(p.done)
	tick := time.NewTicker(pulseInterval)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			return
		case <-tick.C:
			activity.RecordHeartbeat(ctx, p.bytes())
		}
	}
}

func (p *pulse) bytes() Bytes {
	return Bytes{Step: p.step, Plain: p.plain.Load(), Stored: p.stored.Load(), Total: p.total.Load()}
}

// expect says about how many plain bytes there are, once that is known.
func (p *pulse) expect(total int64) { p.total.Store(total) }

// set records progress; it fits archive's progress callbacks.
func (p *pulse) set(plain, stored int64) {
	p.plain.Store(plain)
	p.stored.Store(stored)
}

func (p *pulse) end() {
	close(p.stop)
	<-p.done
}
