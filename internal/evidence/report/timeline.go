package report

import (
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// timeline is the drawing, and the same facts in tables.
func timeline(r drill.Record) []block {
	var blocks []block
	c, left := draw(r)
	if c != nil {
		blocks = append(blocks, block{Chart: c})
	} else {
		blocks = append(blocks, text("There is no drawing: the record has no phase with its beginning."))
	}
	for _, s := range left {
		blocks = append(blocks, note(s))
	}
	return append(blocks, block{Table: moments(r.Timeline)}, phases(r))
}

// moments are the moments of a drill in their order.
func moments(t drill.Timeline) *table {
	rows := [][]cell{}
	for _, m := range []struct {
		name string
		at   time.Time
	}{
		{"Failure (simulated)", t.Failed},
		{"Declared", t.Declared},
		{"Databases ready", t.DatabaseReady},
		{"Application healthy", t.Healthy},
		{"Reconciled", t.Reconciled},
		{"Judged", t.Judged},
	} {
		if m.at.IsZero() {
			none := cell{{classNone, "not reached"}}
			rows = append(rows, []cell{one(m.name), none, none})
			continue
		}
		rows = append(rows, []cell{one(m.name), cell{}.time(m.at, ""), after(m.at, t.Declared)})
	}
	return &table{
		Caption: "Moments",
		Head:    []column{{"Moment", 35}, {"Time (UTC)", 35}, {"After the declaration", 30}},
		Rows:    rows,
	}
}

func after(at, declared time.Time) cell {
	if at.IsZero() || declared.IsZero() {
		return cell{{classNone, "not known"}}
	}
	return one(span(at.Sub(declared).Seconds()))
}

// phases are all phases and, below the restore, the steps of each surface.
func phases(r drill.Record) block {
	t := &table{
		Caption: "Phases",
		Head:    []column{{"Phase", 30}, {"Began (UTC)", 25}, {"After the declaration", 15}, {"Took", 15}, {"Outcome", 15}},
	}
	for _, p := range r.Timeline.Phases {
		t.Rows = append(t.Rows, phaseRow(r, p, p.Surface))
		if p.Name == drill.PhaseRestore && p.Surface == "" {
			t.Rows = append(t.Rows, stepRows(r)...)
		}
	}
	if !hasPhase(r, drill.PhaseRestore) {
		t.Rows = append(t.Rows, stepRows(r)...)
	}
	if len(t.Rows) == 0 {
		return text("No phase was recorded.")
	}
	return block{Table: t}
}

func hasPhase(r drill.Record, name string) bool {
	for _, p := range r.Timeline.Phases {
		if p.Name == name && p.Surface == "" {
			return true
		}
	}
	return false
}

func stepRows(r drill.Record) [][]cell {
	var rows [][]cell
	for _, s := range r.Surfaces {
		for _, step := range s.Steps {
			rows = append(rows, phaseRow(r, step, s.Surface))
		}
	}
	return rows
}

func phaseRow(r drill.Record, p drill.Phase, surface string) []cell {
	name := one(or(p.Name, "without a name"))
	if surface != "" {
		name = name.sub("of the surface " + surface)
	}
	outcome := cell{{classPass, "✓ done"}}
	if p.Error != "" {
		outcome = cell{{classFail, "✗ failed"}, {classPlain, p.Error}}
	}
	return []cell{name, cell{}.time(p.Start, "not recorded"), after(p.Start, r.Timeline.Declared), one(span(p.Seconds)), outcome}
}
