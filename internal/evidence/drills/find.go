package drills

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const decidedName = "decided"

// Drill is a drill as the ledger has it.
type Drill struct {
	drill.Summary
	State      string    `json:"state"`
	CreatedAt  time.Time `json:"createdAt"`
	RTOSeconds float64   `json:"rtoSeconds"`
	RPOSeconds float64   `json:"rpoSeconds"`
	// Sequence is the entry of the newest judgement; nil for a drill that has none.
	Sequence *int64 `json:"sequence,omitempty"`
	// Declaration is what the drill began with.
	Declaration drill.Identity `json:"-"`
}

func newDrill(plan, id string) Drill {
	d := Drill{Summary: drill.Summary{ID: id, Plan: plan, Findings: []drill.Finding{}}}
	// The ID of a drill begins with its time, as those of recovery points do.
	d.CreatedAt, _ = time.Parse(idTime, id[:min(len(id), len(idTime))])
	d.State = d.Summary.State()
	return d
}

const idTime = "20060102T150405.000Z"

// Query chooses what List returns.
type Query struct {
	// Plan is one plan; empty means all.
	Plan string
	// Limit is how many at most; 0 means all.
	Limit int
}

// List returns drills, the newest first, each with how it was judged and
// decided. One that was declared and never judged has no verdict.
func (a *Archive) List(ctx context.Context, q Query) ([]Drill, error) {
	f, done, err := a.read(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	var all []Drill
	for plan, h := range f.plans {
		if q.Plan == "" || q.Plan == plan {
			for _, d := range h.drills {
				all = append(all, d.Drill)
			}
		}
	}
	slices.SortFunc(all, func(x, y Drill) int { return cmp.Or(cmp.Compare(y.ID, x.ID), cmp.Compare(x.Plan, y.Plan)) })
	if q.Limit > 0 && len(all) > q.Limit {
		all = all[:q.Limit]
	}
	return all, nil
}

// Find returns one drill; Missing when the ledger has none of that ID.
func (a *Archive) Find(ctx context.Context, id string) (Drill, error) {
	f, done, err := a.read(ctx)
	if err != nil {
		return Drill{}, err
	}
	defer done()
	for _, plan := range slices.Sorted(maps.Keys(f.plans)) {
		if d := f.plans[plan].drills[id]; d != nil {
			return d.Drill, nil
		}
	}
	return Drill{}, fault.New(fault.Missing, "there is no drill %q in the ledger: see lifeboat drill list", id)
}

// Record reads the newest record of a drill that was judged, proved against the ledger.
func (a *Archive) Record(ctx context.Context, d Drill) (drill.Record, evidence.Record, error) {
	var rec drill.Record
	if d.Sequence == nil {
		return rec, evidence.Record{}, fault.New(fault.Missing, "drill %s has no verdict yet", d.ID)
	}
	entry, err := a.ledger.Get(ctx, *d.Sequence)
	if err != nil {
		return rec, entry, err
	}
	text, err := a.ledger.Attachment(ctx, entry, attachedKey(entry, Ref{Plan: d.Plan, ID: d.ID}, recordName(d.Revision)))
	if err != nil {
		return rec, entry, err
	}
	if err := json.Unmarshal(text, &rec); err != nil {
		return rec, entry, fault.Wrap(fault.Corrupt, err, "read the record of drill %s", d.ID)
	}
	if rec.SchemaVersion > drill.SchemaVersion {
		return rec, entry, fault.New(fault.Unsupported, "the record of drill %s is of schema %d, and this version reads up to %d: take a newer one",
			d.ID, rec.SchemaVersion, drill.SchemaVersion)
	}
	return rec, entry, nil
}

func sortedKeys(m map[string][]byte) []string { return slices.Sorted(maps.Keys(m)) }
