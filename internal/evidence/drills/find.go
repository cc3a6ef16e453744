package drills

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
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
}

func newDrill(plan, id string) Drill {
	d := Drill{Summary: drill.Summary{ID: id, Plan: plan, Findings: []drill.Finding{}}}
	// The ID of a drill begins with its time, as those of recovery points do.
	d.CreatedAt, _ = time.Parse(idTime, id[:min(len(id), len(idTime))])
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

// readers is how many drills are read at once.
const readers = 8

// List returns drills, the newest first, each with how it was judged and
// decided. One that was declared and never judged has no verdict.
func (a *Archive) List(ctx context.Context, q Query) ([]Drill, error) {
	plans := []string{q.Plan}
	if q.Plan == "" {
		var err error
		if plans, err = a.names(ctx, root); err != nil {
			return nil, err
		}
	}
	var all []Drill
	for _, plan := range plans {
		ids, err := a.names(ctx, root+plan+"/")
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			all = append(all, newDrill(plan, id))
		}
	}
	slices.SortFunc(all, func(x, y Drill) int { return cmp.Compare(y.ID, x.ID) })
	if q.Limit > 0 && len(all) > q.Limit {
		all = all[:q.Limit]
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(readers)
	for i := range all {
		group.Go(func() error { return a.complete(ctx, &all[i]) })
	}
	return all, group.Wait()
}

// names are the folders right below a prefix.
func (a *Archive) names(ctx context.Context, prefix string) ([]string, error) {
	var names []string
	for entry, err := range a.store.List(ctx, store.ListOptions{Prefix: prefix, Shallow: true}) {
		if err != nil {
			return nil, fault.While(err, "list the drills")
		}
		if entry.Dir {
			names = append(names, path.Base(entry.Key))
		}
	}
	return names, nil
}

// complete reads how a drill was judged and decided.
func (a *Archive) complete(ctx context.Context, d *Drill) error {
	defer func() {
		d.State, d.RTOSeconds, d.RPOSeconds = d.Summary.State(), d.Objectives.RTOSeconds, d.Objectives.RPOSeconds
	}()
	notes, err := a.notes(ctx, d.Plan, d.ID)
	if err != nil {
		return err
	}
	if notes.revision > 0 {
		entry, err := a.entryOf(ctx, d.Plan, d.ID, "judged-"+strconv.Itoa(notes.revision))
		if err != nil {
			return err
		}
		if err := json.Unmarshal(entry.Body, &d.Summary); err != nil {
			return fault.Wrap(fault.Corrupt, err, "read entry %d of the ledger", entry.Seq)
		}
		d.Sequence = &entry.Seq
	}
	if notes.decided {
		entry, err := a.entryOf(ctx, d.Plan, d.ID, decidedName)
		if err != nil {
			return err
		}
		d.SignOff = new(drill.SignedOff)
		if err := json.Unmarshal(entry.Body, d.SignOff); err != nil {
			return fault.Wrap(fault.Corrupt, err, "read entry %d of the ledger", entry.Seq)
		}
	}
	return nil
}

// noted is what there are notes of.
type noted struct {
	revision int
	decided  bool
	// findings are the names of decisions on findings.
	findings []string
}

func (a *Archive) notes(ctx context.Context, plan, id string) (noted, error) {
	var out noted
	prefix := root + plan + "/" + id + "/"
	for entry, err := range a.store.List(ctx, store.ListOptions{Prefix: prefix}) {
		if err != nil {
			return out, fault.While(err, "look for drill %s", id)
		}
		name, note := strings.CutSuffix(strings.TrimPrefix(entry.Key, prefix), noteEnding)
		if !note {
			continue
		}
		if number, judged := strings.CutPrefix(name, "judged-"); judged {
			if n, err := strconv.Atoi(number); err == nil {
				out.revision = max(out.revision, n)
			}
		}
		if strings.HasPrefix(name, findingPrefix) {
			out.findings = append(out.findings, name)
		}
		out.decided = out.decided || name == decidedName
	}
	return out, nil
}

// Find returns one drill; Missing when the ledger has none of that ID.
func (a *Archive) Find(ctx context.Context, id string) (Drill, error) {
	if !strings.ContainsAny(id, "/ ") && id != "" {
		plans, err := a.names(ctx, root)
		if err != nil {
			return Drill{}, err
		}
		for _, plan := range plans {
			d := newDrill(plan, id)
			for _, err := range a.store.List(ctx, store.ListOptions{Prefix: root + plan + "/" + id + "/"}) {
				if err != nil {
					return d, fault.While(err, "look for drill %s", id)
				}
				err = a.complete(ctx, &d)
				return d, err
			}
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
