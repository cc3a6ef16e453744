// Package report writes what a drill left as evidence: as one page for people,
// which needs no network and no script and can be printed, and as JSON for
// programs. Both are functions of what they are given alone: the same drill
// always gives the same bytes. Neither says more than the record does: what was
// not measured is told as not measured.
package report

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Drill is what a report is made of.
type Drill struct {
	Record drill.Record `json:"record"`
	// Decision is the sign-off; nil where there is none yet, or none is asked for.
	Decision *drill.SignedOff `json:"decision,omitempty"`
	// Proof is of the ledger's entry that has the record; nil for a report that
	// is written before, because it is attached to that entry.
	Proof *evidence.Proof `json:"proof,omitempty"`
	// Standing are the record's findings as they stand when the report is written;
	// nil for a report that is attached to the ledger, which has what was decided.
	Standing []drill.Finding `json:"findingsNow,omitempty"`
	// Coverage is of all plans; nil where it was not looked at.
	Coverage *drill.Coverage `json:"coverage,omitempty"`
	// Trusted are the public keys that sign the ledger.
	Trusted []string `json:"publicKeys"`
}

// FormatVersion is that of what JSON writes. A change that an old reader would
// misread raises it.
const FormatVersion = 1

// document is the report for programs: Drill with what follows from its record.
type document struct {
	Format int `json:"reportVersion"`
	Drill

	Controls    []drill.Control `json:"controls"`
	NotAttested []string        `json:"notAttested"`
}

// JSON writes the report for programs, as UTF-8 in lines. Its members are, in
// this order: reportVersion (FormatVersion); record (drill.Record); decision
// (drill.SignedOff), proof (evidence.Proof), findingsNow (drill.Finding, how those
// of the record stand since) and coverage (drill.Coverage), where there are any; publicKeys; controls (drill.Control), the control mapping; and
// notAttested, what the drill does not show, in sentences. It can be read into a
// Drill. A record that JSON has no form for, such as one with a year after 9999,
// is fault.Internal.
func JSON(d Drill) ([]byte, error) {
	if d.Trusted == nil {
		d.Trusted = []string{}
	}
	text, err := json.MarshalIndent(document{FormatVersion, d, drill.Controls(d.Record), drill.NotAttested(d.Record)}, "", "  ")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "encode the report")
	}
	return append(text, '\n'), nil
}

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed print.css
	printCSS string

	pageTemplate = template.Must(template.New("page").Parse(pageHTML))
)

// HTML writes the report for people: one page of HTML in UTF-8 that asks for
// nothing else. Whatever a text of the record holds, it is shown as text, and a
// character that can't be seen or would turn the order of others as its escape.
func HTML(d Drill) ([]byte, error) {
	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, newPage(d)); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "write the report")
	}
	return visible(out.Bytes()), nil
}
