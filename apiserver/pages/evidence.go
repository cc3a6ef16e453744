package pages

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// evidenceList is the page of the ledger.
type evidenceList struct {
	Kind, Subject string
	Size          int64
	Root          string
	Entries       []evidence.Record
	// Next is the address of older entries, empty when there are none.
	Next string
	// Export is the address of these entries as JSON.
	Export string
	// Ledger is what the newest report says of it; it was not read for this page.
	Ledger status.Ledger
}

// Kinds are those that a ledger has most of, to choose from.
func (evidenceList) Kinds() []string {
	return []string{"drill.declared", "drill.judged", "drill.decided", "drill.finding", "drill.torn-down", "audit.config"}
}

func (s *site) listEvidence(v *visit) error {
	v.seen()
	out := evidenceList{Kind: v.QueryParam("kind"), Subject: v.QueryParam("subject")}
	q := url.Values{}
	for name, value := range map[string]string{"kind": out.Kind, "subject": out.Subject} {
		if value != "" {
			q.Set(name, value)
		}
	}
	out.Export = "/evidence/export?" + q.Encode()
	asked := url.Values{"limit": {strconv.Itoa(pageSize)}}
	for name := range q {
		asked.Set(name, q.Get(name))
	}
	if before := v.QueryParam("before"); before != "" {
		asked.Set("before", before)
	}
	if err := v.ask(http.MethodGet, "/v1/evidence?"+asked.Encode(), nil, &out); err != nil {
		return err
	}
	if n := len(out.Entries); n == pageSize && out.Entries[n-1].Seq > 0 {
		q.Set("before", strconv.FormatInt(out.Entries[n-1].Seq, 10))
		out.Next = "/evidence?" + q.Encode()
	}
	var report status.Report
	if err := v.ask(http.MethodGet, "/v1/status", nil, &report); err != nil {
		return err
	}
	out.Ledger = report.Ledger
	return v.render("evidence", out)
}

// exportEvidence answers with the newest entries as the API lists them.
func (s *site) exportEvidence(v *visit) error {
	q := url.Values{"limit": {"500"}}
	for _, name := range []string{"kind", "subject", "before"} {
		if value := v.QueryParam(name); value != "" {
			q.Set(name, value)
		}
	}
	return v.download("/v1/evidence?"+q.Encode(), fileName("evidence", ".json"))
}

// verifyEvidence reads the whole ledger. It is asked for with a button, for that
// may take a while, and shows what was found.
func (s *site) verifyEvidence(v *visit) error {
	var found evidence.Report
	if err := v.ask(http.MethodGet, "/v1/evidence/verify", nil, &found); err != nil {
		return v.refused("/evidence", err)
	}
	return v.render("evidence_verified", found)
}

// entryView is the page of one entry.
type entryView struct {
	evidence.Proof
	// Body is that of the record, indented; Drill is the drill that it is about.
	Body, Drill string
	File        string
}

func (s *site) showEntry(v *visit) error {
	v.seen()
	out := entryView{}
	seq := v.Param("seq")
	if err := v.ask(http.MethodGet, at("/v1/evidence/", seq, ""), nil, &out.Proof); err != nil {
		return err
	}
	var body bytes.Buffer
	if json.Indent(&body, out.Record.Body, "", "  ") == nil {
		out.Body = body.String()
	}
	// The names of a drill's entries are drill/PLAN/ID/WHAT.
	if parts := strings.Split(out.Record.ID, "/"); len(parts) == 4 && parts[0] == "drill" {
		out.Drill = parts[2]
	}
	out.File = fileName("evidence-"+seq, ".json")
	return v.render("evidence_entry", out)
}

func (s *site) downloadProof(v *visit) error {
	seq := v.Param("seq")
	return v.download(at("/v1/evidence/", seq, ""), fileName("evidence-"+seq, ".json"))
}
