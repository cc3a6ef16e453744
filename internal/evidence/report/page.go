package report

import (
	"html/template"
	"strconv"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// page is the report for people as the template takes it.
type page struct {
	Style    template.CSS
	Title    string
	Plan     string
	Verdict  verdict
	Head     []fact
	Figures  []fact
	Sections []section
}

// section is a numbered part of the page. Every report has the same ones, so
// that a number means the same in all of them.
type section struct {
	Number int
	ID     string
	Title  string
	Blocks []block
}

// block is one of its members.
type block struct {
	Heading string
	Text    string
	// Note is a text of less weight.
	Note  string
	Items []string
	Facts []fact
	Table *table
	Chart *chart
	// Code is shown as it is, line by line.
	Code string
}

// fact is a name with what there is to say of it.
type fact struct {
	Name  string
	Lines []line
}

// table is a table whose rows begin with their own heading. Widths are in per
// cent, multiples of 5, and add up to 100.
type table struct {
	Caption string
	Head    []column
	Rows    [][]cell
}

// Short reports whether a table has so few rows that paper need not break it.
func (t table) Short() bool { return len(t.Rows) <= 6 }

type column struct {
	Name  string
	Width int
}

// cell is the lines in one place of a table.
type cell []line

// line is a text with its class, which is one of those below.
type line struct{ Class, Text string }

const (
	classPlain = ""
	// classSub is of less weight, classCode of a fixed width.
	classSub  = "sub"
	classCode = "code"
	classPass = "pass"
	classFail = "fail"
	classWarn = "warn"
	classNone = "none"
	// classTime is of a moment, which breaks between its date and its time of
	// day; classWhen of one of less weight.
	classTime = "time"
	classWhen = "when"
	classRoom = "room"
)

// Date and Clock are the two halves of a moment.
func (l line) Date() string { return l.Text[:min(len(l.Text), len(time.DateOnly))] }

// Clock begins with the T. It is empty for what is no moment.
func (l line) Clock() string {
	if l.Class != classTime && l.Class != classWhen {
		return ""
	}
	return l.Text[len(l.Date()):]
}

func newPage(d Drill) page {
	r := d.Record
	p := page{
		Style: template.CSS(pageCSS + printCSS), Plan: or(r.PlanName, "a plan without a name"), Verdict: verdictOf(r.Verdict),
		Head: head(d), Figures: figures(r),
	}
	p.Title = "Drill " + or(r.ID, "without an ID") + " of " + p.Plan + ": " + p.Verdict.Word
	add := func(id, title string, blocks ...[]block) {
		s := section{Number: len(p.Sections) + 1, ID: id, Title: title}
		for _, more := range blocks {
			s.Blocks = append(s.Blocks, more...)
		}
		p.Sections = append(p.Sections, s)
	}
	add("summary", "Summary", summary(r))
	add("objectives", "Objectives and results", objectives(r))
	add("timeline", "Timeline", timeline(r))
	add("points", "Recovery points", points(r))
	add("isolation", "Isolation", isolation(r), untouched(r))
	add("sanitising", "Sanitising", sanitising(r))
	add("programs", "Programs of the application", programs(r))
	add("checks", "Health checks", checks(r))
	add("reconciliation", "Reconciliation", reconciliation(r))
	add("deviations", "Deviations and manual steps", failures(r), manualSteps(r))
	add("findings", "Findings and actions", findings(r, d.Standing))
	add("coverage", "Coverage of the yearly plan", coverage(d.Coverage))
	add("controls", "Control mapping", controls(r))
	add("scope", "Scope, scenario and people", scope(d))
	add("identity", "Identity", identity(r))
	add("signatures", "Signatures", signatures(d))
	add("verify", "How to verify this offline", verification(d))
	add("not-attested", "What this drill does not attest", notAttested(r))
	return p
}

// head are the facts beside the title.
func head(d Drill) []fact {
	r := d.Record
	signed := "not signed"
	if d.Decision != nil {
		signed = decisionWord(d.Decision.Decision)
	}
	return []fact{
		plain("Drill", or(r.ID, "not recorded")),
		plain("Kind", kindWord(or(r.Kind, r.Plan.Kind))),
		plain("Declared", moment(r.Timeline.Declared, "not recorded")),
		plain("Judged", moment(r.Timeline.Judged, "not judged")),
		plain("Sign-off", signed),
		plain("Record", "revision "+strconv.Itoa(r.Revision)+", schema "+strconv.Itoa(r.SchemaVersion)),
	}
}

// kindWord names a kind of drill.
func kindWord(kind string) string {
	switch kind {
	case drill.RestoreTest:
		return "restore test"
	case drill.Quarterly:
		return "quarterly drill"
	case drill.AnnualFull:
		return "annual full test"
	case drill.Tabletop:
		return "tabletop"
	default:
		return or(kind, "not recorded")
	}
}

func isTabletop(r drill.Record) bool { return or(r.Kind, r.Plan.Kind) == drill.Tabletop }

// text is a block of one paragraph, note one of less weight.
func text(s string) block { return block{Text: s} }
func note(s string) block { return block{Note: s} }

// one is a cell of a single line.
func one(s string) cell { return cell{{classPlain, s}} }

// sub adds a line of less weight to a cell, where there is something to say.
func (c cell) sub(s string) cell { return c.add(classSub, s) }

// time adds a moment to a cell, or what stands for none.
func (c cell) time(t time.Time, none string) cell {
	if t.IsZero() {
		return c.add(classNone, none)
	}
	return c.add(classTime, moment(t, ""))
}

// when is time, of less weight.
func (c cell) when(t time.Time, none string) cell {
	if t.IsZero() {
		return c.sub(none)
	}
	return c.add(classWhen, moment(t, ""))
}

func (c cell) code(s string) cell { return c.add(classCode, s) }

func (c cell) add(class, s string) cell {
	if s == "" {
		return c
	}
	return append(c, line{class, s})
}

// plain is a fact of one line.
func plain(name, s string) fact { return fact{name, []line{{classPlain, s}}} }

// several is a fact of as many lines as there are texts, or of what stands for none.
func several(name string, texts []string, class, none string) fact {
	if len(texts) == 0 {
		return fact{name, []line{{classNone, none}}}
	}
	f := fact{Name: name}
	for _, s := range texts {
		f.Lines = append(f.Lines, line{class, s})
	}
	return f
}

// given is a fact of one line, or of what stands for none.
func given(name, s, none string) fact {
	if s == "" {
		return fact{name, []line{{classNone, none}}}
	}
	return plain(name, s)
}

// digest is a fact of a fixed width.
func digest(name, s, none string) fact {
	if s == "" {
		return fact{name, []line{{classNone, none}}}
	}
	return fact{name, []line{{classCode, s}}}
}
