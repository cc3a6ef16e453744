package drills

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// folded is what the entries of a ledger that were read say of its drills.
type folded struct {
	// next is the first entry that was not read.
	next  int64
	plans map[string]*history
	// inForce has since when a plan stands in the configuration, by host and plan.
	inForce map[string]map[string]time.Time
}

// history is what the ledger has of one plan.
type history struct {
	drills map[string]*run
	// decisions on findings are in the order in which they were made.
	decisions []decided
}

// run is one drill with the entry that judged it first.
type run struct {
	Drill
	first int64
	// whole are the findings of the record, where the entry has not all and they were asked for.
	whole []drill.Finding
}

// decided is a decision on a finding with its entry.
type decided struct {
	FindingDecision
	seq int64
}

// atOnce is how many entries are read and proved together; what was read
// before an error is not read again.
const atOnce = 256

// read folds what was appended to the ledger since the last time, and lends out
// what there is; give it back with the function.
func (a *Archive) read(ctx context.Context) (*folded, func(), error) {
	select {
	case a.reading <- struct{}{}:
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	for {
		records, err := a.ledger.List(ctx, evidence.ListOptions{From: a.folded.next, To: a.folded.next + atOnce})
		for _, r := range records {
			if err == nil {
				err = a.folded.add(r)
			}
		}
		if err != nil {
			<-a.reading
			return nil, nil, fault.While(err, "read the drills in the ledger")
		}
		if len(records) < atOnce {
			return &a.folded, func() { <-a.reading }, nil
		}
	}
}

// declaration is what is read of the body of a declaration.
type declaration struct {
	Kind     string         `json:"kind"`
	Declared time.Time      `json:"declared"`
	Identity drill.Identity `json:"identity"`
}

// add folds the next entry. One that is about no drill is passed over.
func (f *folded) add(r evidence.Record) error {
	if r.Kind == KindConfig {
		if err := f.config(r); err != nil {
			return fault.Wrap(fault.Unsupported, err, "read entry %d of the ledger, of kind %s: take a newer version of Lifeboat", r.Seq, r.Kind)
		}
	}
	plan, id, _, ok := cutID(r.ID)
	if !ok || !strings.HasPrefix(r.Kind, kinds) {
		f.next = r.Seq + 1
		return nil
	}
	h := f.plans[plan]
	if h == nil {
		h = &history{drills: map[string]*run{}}
		f.plans[plan] = h
	}
	d := h.drills[id]
	if d == nil {
		d = &run{Drill: newDrill(plan, id)}
		h.drills[id] = d
	}
	if err := h.add(d, r); err != nil {
		// What is signed is not damaged: somebody newer wrote it.
		return fault.Wrap(fault.Unsupported, err, "read entry %d of the ledger, of kind %s: take a newer version of Lifeboat", r.Seq, r.Kind)
	}
	f.next = r.Seq + 1
	return nil
}

func (h *history) add(d *run, r evidence.Record) error {
	switch r.Kind {
	case KindDeclared:
		var body declaration
		if err := json.Unmarshal(r.Body, &body); err != nil {
			return err
		}
		d.Declaration = body.Identity
		if d.Sequence != nil {
			return nil
		}
		d.Kind, d.Declared, d.StartedBy, d.WorkflowID = body.Kind, body.Declared, body.Identity.StartedBy, body.Identity.WorkflowID
	case KindJudged:
		var sum drill.Summary
		if err := json.Unmarshal(r.Body, &sum); err != nil {
			return err
		}
		if d.Sequence == nil {
			d.first = r.Seq
		}
		sum.ID, sum.Plan, sum.SignOff = d.ID, d.Plan, d.SignOff
		d.Summary, d.Sequence, d.whole = sum, &r.Seq, nil
		d.RTOSeconds, d.RPOSeconds = sum.Objectives.RTOSeconds, sum.Objectives.RPOSeconds
	case KindDecided:
		var decision drill.SignedOff
		if err := json.Unmarshal(r.Body, &decision); err != nil {
			return err
		}
		d.SignOff = &decision
	case KindFinding:
		made := decided{seq: r.Seq}
		if err := json.Unmarshal(r.Body, &made.FindingDecision); err != nil {
			return err
		}
		h.decisions = append(h.decisions, made)
	}
	d.State = d.Summary.State()
	return nil
}

// config folds a change of the configuration of one host.
func (f *folded) config(r evidence.Record) error {
	var body struct {
		Host  string            `json:"host"`
		Plans map[string]string `json:"plans"`
	}
	if err := json.Unmarshal(r.Body, &body); err != nil {
		return err
	}
	plans := map[string]time.Time{}
	for plan := range body.Plans {
		if since, before := f.inForce[body.Host][plan]; before {
			plans[plan] = since
		} else {
			plans[plan] = r.Time
		}
	}
	f.inForce[body.Host] = plans
	return nil
}

// Since is when a plan first stood in the configuration that a host still has;
// zero where the ledger does not know it.
func (a *Archive) Since(ctx context.Context, plan string) (time.Time, error) {
	f, done, err := a.read(ctx)
	if err != nil {
		return time.Time{}, err
	}
	defer done()
	var first time.Time
	for _, plans := range f.inForce {
		if since, ok := plans[plan]; ok && (first.IsZero() || since.Before(first)) {
			first = since
		}
	}
	return first, nil
}

// kinds begins the kinds of a drill's entries.
const kinds = "drill."

// entryID names an entry of a drill.
func entryID(plan, id, name string) string { return "drill/" + plan + "/" + id + "/" + name }

// cutID takes the name of a drill's entry apart.
func cutID(entry string) (plan, id, name string, ok bool) {
	parts := strings.SplitN(entry, "/", 4)
	if len(parts) < 4 || parts[0] != "drill" || parts[1] == "" || parts[2] == "" {
		return "", "", "", false
	}
	return parts[1], parts[2], parts[3], true
}
