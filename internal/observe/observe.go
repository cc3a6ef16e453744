// Package observe reads how everything that is protected stands, and makes the
// report of it (package status). It changes nothing, and what it can't read it
// says.
//
// It looks every 30 seconds and is to cost little. What is asked of others, at most:
//
//   - Stores are checked once a minute: three small requests each on S3.
//   - Of every surface the newest points are listed once a minute, and when a run
//     has ended: a few listings, and three small reads for each of three points.
//     All points are read when a worker begins to watch, and then every second
//     for each point, at least a minute: 3,600 points are read once an hour. So
//     that is three small reads a second, however many points there are. Those of
//     a surface are read sooner when a run has ended that may have changed them.
//   - WAL is listed every 25 seconds: one request for the timelines of a surface,
//     one for each of them, and a few small reads where the newest commit is. All
//     of it is listed once an hour and when base backups come or go, by one request
//     per 500 segments. Azure lists from the beginning at every look. Servers are
//     asked for what they hold back by one session each.
//   - Surfaces are asked for signs of life every 25 seconds, certificates every
//     ten minutes.
//   - The ledger's head is checked once a minute by three small reads, and the
//     whole ledger, with every attachment, once a day.
//
// Whatever takes longer than a twentieth of its time is read accordingly more
// seldom, and what hangs holds up nothing else.
package observe

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Sources are what is looked at.
type Sources struct {
	Config *config.Config
	// Host names the worker's host.
	Host     string
	Catalog  *catalog.Catalog
	Stores   map[string]store.Store
	Surfaces map[string]surface.Surface
	// Ledger and Drills are nil where there can be no evidence; NoLedger says why.
	Ledger   *evidence.Ledger
	Drills   *drills.Archive
	NoLedger string
	// Commitments say which recovery targets may be promised.
	Commitments func(ctx context.Context, now time.Time) ([]drill.Commitment, error)
	// WAL says which moments a surface can be put back to; bases are its base
	// backups, as the catalog has them.
	WAL func(ctx context.Context, surface string, bases []catalog.Point) (pitr.Status, error)
	// Runs are those that ended since a moment, in any order, without those that
	// skip knows by their IDs.
	Runs func(ctx context.Context, since time.Time, skip func(runID string) bool) ([]Run, error)
	// Schedules are how the schedules of policies stand, by the policy's name.
	Schedules func(ctx context.Context) (map[string]Schedule, error)
}

// Schedule is how the schedule of a policy stands.
type Schedule struct {
	// Interval is the longest time between two runs.
	Interval time.Duration
	// Paused is whether it rests, by the configuration or because a person has paused it.
	Paused bool
	// Next is when it comes next, zero where that is not known.
	Next time.Time
}

// State is a report, and what the next one is made with. It is all that one
// worker hands on to another.
type State struct {
	Report status.Report `json:"report"`
	Memory Memory        `json:"memory"`
}

// Memory is what was learnt from looking several times.
type Memory struct {
	// RunsUntil is until when ended runs are counted. Counted are those that
	// ended shortly before, by their IDs, with when they did: they will show again.
	RunsUntil time.Time            `json:"runsUntil"`
	Counted   map[string]time.Time `json:"counted,omitempty"`
	// Announced are the firing alerts that somebody was told of.
	Announced []status.Alert `json:"announced,omitempty"`
	// Restarts are those of the pods of workloads, by surface/namespace/workload.
	Restarts map[string]Restarts `json:"restarts,omitempty"`
}

// patience is how long one look waits for what is being read.
const patience = 15 * time.Second

// Reader looks at the same sources again and again. It is for one goroutine.
type Reader struct {
	s Sources

	points  *points
	listing *reading[[]catalog.Point]
	sweep   *reading[struct{}]
	wal     map[string]*reading[pitr.Status]
	pushing map[string]*pushing
	stores  map[string]*reading[struct{}]
	vitals  map[string]*reading[status.Vitals]
	shown   *reading[signs]
	disks   *reading[signs]
	plans   *reading[[]status.Plan]
	head    *reading[evidence.Checkpoint]
	whole   *reading[evidence.Report]
}

// New makes a reader; nothing is read yet.
func New(s Sources) *Reader {
	r := &Reader{s: s, points: newPoints(s), pushing: map[string]*pushing{}}
	r.listing = &reading[[]catalog.Point]{every: time.Minute, within: 5 * time.Minute, read: r.points.read}
	r.sweep = &reading[struct{}]{every: look, within: time.Hour, read: r.points.sweep}
	r.wal, r.stores, r.vitals = r.walReadings(), r.storeReadings(), r.vitalReadings()
	r.shown, r.disks = r.hostReadings()
	r.plans = &reading[[]status.Plan]{every: time.Minute, within: 5 * time.Minute, read: r.readPlans}
	r.head, r.whole = r.ledgerReadings()
	return r
}

// Read looks once and makes the report of a moment out of the one before; its
// alerts are left to the caller. What is read in the background goes on until
// ctx ends. Nothing fails: what can't be read is in the report's Blind.
func (r *Reader) Read(ctx context.Context, now time.Time, before State) State {
	waited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	out := State{Report: status.Report{At: now, Since: before.Report.Since, Host: r.s.Host, Alerts: before.Report.Alerts}, Memory: before.Memory}
	b := &blind{}
	runs, schedules := r.ended(waited, now, &out, b), r.schedules(waited, b)
	for _, run := range runs {
		r.hasten(run)
	}
	r.gather(ctx, waited, now)
	known := r.known(now, b)
	out.Report.Surfaces = r.surfaces(now, known, before.Report.Surfaces, b)
	r.keepSurfaces(now, out.Report.Surfaces, before.Report)
	for i := range out.Report.Surfaces {
		s := &out.Report.Surfaces[i]
		s.Damaged = damagedNow(s.Name, named(before.Report.Surfaces, *s).Damaged, runs, known, !unread(r.listing, now))
	}
	out.Report.Policies = r.policies(&out.Report, before.Report.Policies, runs, schedules, known)
	out.Report.Plans = r.plansNow(now, before.Report.Plans, b)
	out.Report.Stores = r.storesNow(now, before.Report.Stores)
	out.Report.Ledger = r.ledger(ctx, now, before.Report.Ledger, b)
	out.Report.Vitals, out.Memory.Restarts = r.vitalsNow(now, before, b)
	r.keepVitals(now, &out, before)
	out.Report.Blind = b.lines
	return out
}

// gather begins what is due to be read, and waits for it for a while.
func (r *Reader) gather(ctx, waited context.Context, now time.Time) {
	var pending []<-chan struct{}
	// A look that comes before all points were read once has few of them.
	swept := r.sweep.start(ctx, now)
	if !r.points.complete() {
		await(waited, swept)
	}
	listed := r.listing.start(ctx, now)
	for _, s := range r.stores {
		pending = append(pending, s.start(ctx, now))
	}
	for _, v := range r.vitals {
		pending = append(pending, v.start(ctx, now))
	}
	pending = append(pending, r.shown.start(ctx, now), r.disks.start(ctx, now))
	if len(r.s.Config.Drills) > 0 && r.s.Ledger != nil {
		pending = append(pending, r.plans.start(ctx, now))
	}
	if r.s.Ledger != nil {
		pending = append(pending, r.head.start(ctx, now))
	}
	// What WAL is worth depends on the base backups.
	await(waited, listed)
	if last, _ := r.listing.result(); !last.at.IsZero() {
		for _, w := range r.wal {
			pending = append(pending, w.start(ctx, now))
		}
	}
	await(waited, pending...)
}

// hasten has read again what a run that ended may have changed.
func (r *Reader) hasten(run Run) {
	r.listing.hurry()
	if run.Operation != OperationSnapshot {
		r.points.rereadSoon(run.Surface)
		r.sweep.hurry()
	}
	if run.Operation == OperationDrill {
		r.plans.hurry()
	}
}

// blind collects what can't be read, each line once.
type blind struct {
	mu    sync.Mutex
	lines []string
}

func (b *blind) add(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if line != "" && !slices.Contains(b.lines, line) {
		b.lines = append(b.lines, line)
	}
}

func (b *blind) fault(what string, err error) {
	if err != nil {
		b.add(what + ": " + fault.Line(err))
	}
}
