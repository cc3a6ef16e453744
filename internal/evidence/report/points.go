package report

import (
	"maps"
	"slices"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// points are the recovery points that were used, by surface.
func points(r drill.Record) []block {
	if isTabletop(r) {
		return []block{text("A tabletop restores nothing.")}
	}
	var blocks []block
	there := map[string]bool{}
	for _, s := range r.Surfaces {
		there[s.Surface] = true
		blocks = append(blocks, block{Heading: or(s.Surface, "a surface without a name"), Facts: point(s)})
	}
	for _, name := range r.Plan.Surfaces {
		if !there[name] {
			blocks = append(blocks, block{Heading: name, Text: "The plan names this surface, and the record has no recovery point of it."})
		}
	}
	if len(blocks) == 0 {
		return []block{text("The record has no recovery point.")}
	}
	return blocks
}

func point(s drill.Restored) []fact {
	outcome := fact{"Restored", []line{result(s.Result, false)}}
	if s.Error != "" {
		outcome.Lines = append(outcome.Lines, line{classPlain, s.Error})
	}
	selection := or(s.Selection, "not recorded")
	if s.Asked != "" {
		selection += ", asked for " + s.Asked
	}
	reached := fact{"Point reached", []line{{classPlain, moment(s.Reached, "not known")}}}
	if s.ReachedBy != "" {
		reached.Lines = append(reached.Lines, line{classSub, "known by " + s.ReachedBy})
	}
	if len(s.Missing) > 0 {
		outcome.Lines = append(outcome.Lines, line{classWarn, "! the point is partial: it lacks something of its source"})
		for _, missing := range s.Missing {
			outcome.Lines = append(outcome.Lines, line{classSub, missing})
		}
	}
	for _, note := range s.Notes {
		outcome.Lines = append(outcome.Lines, line{classSub, note})
	}
	facts := []fact{
		outcome,
		given("Kind of surface", s.Kind, "not recorded"),
		given("Selection", selection, ""),
		digest("Point", s.Point, "none chosen"),
		given("Kind of point", s.PointKind, "not recorded"),
		plain("Created", moment(s.CreatedAt, "not recorded")),
		reached,
		given("Store", s.Store, "not recorded"),
		digest("Place", s.URI, "not recorded"),
		digest("SHA-256 of the manifest", s.Manifest, "not recorded"),
		given("Size as stored", sizeOf(s.Bytes), "not recorded"),
		given("Size in clear", sizeOf(s.PlainBytes), "not recorded"),
		plain("Locked until", moment(s.LockedUntil, "no lock recorded")),
		several("Encrypted for", s.Recipients, classCode, "no recipient recorded"),
	}
	if s.StartLSN != "" || s.EndLSN != "" || s.Timeline > 0 {
		facts = append(facts,
			digest("LSN of the base backup", s.StartLSN, "not recorded"), digest("LSN at the end", s.EndLSN, "not recorded"),
			given("Timeline", nonZero(int64(s.Timeline)), "not recorded"),
			several("Gaps in the stored WAL", s.Gaps, classCode, "none recorded"))
	}
	compared := "not compared"
	if s.Compared > 0 {
		compared = count(s.Compared, "entry") + " compared and equal"
		if s.Compared > 1 {
			compared = strconv.Itoa(s.Compared) + " entries compared and equal"
		}
	}
	facts = append(facts, plain("Fingerprint", compared))
	var counts []string
	for _, name := range slices.Sorted(maps.Keys(s.Counts)) {
		counts = append(counts, name+": "+strconv.FormatInt(s.Counts[name], 10))
	}
	if len(counts) > 0 {
		facts = append(facts, several("What these stand for", counts, classPlain, ""))
	}
	return append(facts, digest("Restore", s.RestoreID, "not recorded"), digest("Listened on", s.Address, "not recorded"))
}

func sizeOf(n int64) string {
	if n == 0 {
		return ""
	}
	return size(n)
}

func nonZero(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// isolation is where the drill ran, what was tried, and what was left.
func isolation(r drill.Record) []block {
	i := r.Isolation
	if isTabletop(r) && i.Where == "" && len(i.Attempts) == 0 {
		return []block{text("A tabletop has no environment.")}
	}
	torn := fact{"Torn down", []line{{classNone, "not recorded: the environment still stood when the record was made, or there was none"}}}
	if !i.TornDown.IsZero() {
		torn = plain("Torn down", moment(i.TornDown, ""))
	}
	left := several("Left behind", i.Left, classFail, "nothing recorded")
	if len(i.Left) == 0 && !i.TornDown.IsZero() {
		left = plain("Left behind", "nothing")
	}
	blocks := []block{{Facts: []fact{
		given("Where", i.Where, "not recorded"),
		torn, left,
		several("Limits of this kind of environment", i.Limits, classPlain, "none recorded"),
	}}}
	if len(i.Attempts) == 0 {
		return append(blocks, text("Nothing was tried against the environment: that it was apart is not shown."))
	}
	t := &table{Caption: "What was tried, and what came of it", Head: []column{{"Attempt", 35}, {"Expected", 25}, {"Observed", 25}, {"Result", 15}}}
	for _, a := range i.Attempts {
		t.Rows = append(t.Rows, []cell{one(a.What), one(a.Expected), one(a.Observed), {result(a.Result, false)}})
	}
	return append(blocks, block{Table: t})
}

// untouched is the proof of an annual drill.
func untouched(r drill.Record) []block {
	u := r.Untouched
	switch {
	case u == nil && isTabletop(r):
		return nil
	case u == nil && or(r.Kind, r.Plan.Kind) == drill.AnnualFull:
		return []block{{Heading: "Live systems left alone", Text: "The record has no proof that live stores and databases were left alone."}}
	case u == nil:
		return []block{{Heading: "Live systems left alone", Text: "Not watched: only an annual full test fences what is live."}}
	}
	refused := several("Attempts that the fence stopped", u.Refused, classFail, "none")
	return []block{{Heading: "Live systems left alone", Facts: []fact{
		several("Fenced", u.Fenced, classCode, "nothing was fenced"),
		several("Used by the drill", u.Used, classCode, "nothing"),
		refused,
		given("How this is known", u.Method, "not recorded"),
	}}}
}

func sanitising(r drill.Record) []block {
	if len(r.Sanitised) == 0 {
		if n := len(r.Plan.Sanitize); n > 0 {
			return []block{text("The plan has " + count(n, "sanitising rule") + ", and the record has none that was run.")}
		}
		return []block{text("No sanitising rule was run; the plan has none.")}
	}
	t := &table{Caption: "Rules that were run before anyone could connect", Head: []column{{"Rule", 25}, {"Surface", 20}, {"Rows changed", 15}, {"SHA-256 of the SQL", 40}}}
	for _, s := range r.Sanitised {
		t.Rows = append(t.Rows, []cell{one(or(s.Name, "without a name")), one(s.Surface), one(strconv.FormatInt(s.Rows, 10)), cell{}.code(s.Digest)})
	}
	blocks := []block{{Table: t}}
	if n := len(r.Plan.Sanitize); n > len(r.Sanitised) {
		blocks = append(blocks, text("The plan has "+count(n, "rule")+"; the others were not run."))
	}
	return blocks
}

func programs(r drill.Record) []block {
	if len(r.Programs) == 0 {
		if n := len(r.Plan.Start); n > 0 {
			return []block{text("The plan has " + count(n, "program") + ", and the record has none that was started.")}
		}
		return []block{text("No program of the application was started; the plan has none.")}
	}
	t := &table{Caption: "Programs, in the order in which they were started", Head: []column{{"Program", 20}, {"Result", 20}, {"Took", 15}, {"Detail", 45}}}
	for _, p := range r.Programs {
		detail := cell{}.add(classPlain, p.Detail)
		if p.LogDigest != "" {
			detail = detail.sub("SHA-256 of what it printed").code(p.LogDigest)
		}
		took := one(span(p.Seconds))
		if p.Result == drill.Skipped {
			took = cell{{classNone, "not started"}}
		}
		t.Rows = append(t.Rows, []cell{one(p.Name), {result(p.Result, false)}, took, detail})
	}
	return []block{{Table: t}}
}
