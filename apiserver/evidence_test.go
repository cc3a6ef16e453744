package apiserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
)

// loosely reads a JSON answer of which only some fields are looked at.
func loosely[T any](t *testing.T, a answer) T {
	t.Helper()
	var out T
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("status %d, %s: %v", a.status, a.body, err)
	}
	return out
}

// outcomes are the entries of the audit log in short, without the text of problems.
func (b *bundle) outcomes() []string {
	b.t.Helper()
	var out []string
	for _, e := range b.audited() {
		line := e.Action + " " + e.Result
		if e.Result == "done" {
			line += " " + e.Detail
		}
		out = append(out, line)
	}
	return out
}

func TestListEvidence(t *testing.T) {
	t.Parallel()
	b := setup(t)
	type list struct {
		Size    int64
		Root    string
		Entries []struct {
			Seq           int64
			Kind, Subject string
		}
	}
	get := func(query string) string {
		t.Helper()
		a := b.as(Viewer, "GET", "/v1/evidence"+query, "")
		if a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", query, a.status, a.body)
		}
		got := loosely[list](t, a)
		out := fmt.Sprint(got.Size)
		for _, e := range got.Entries {
			out += fmt.Sprintf(" %d:%s:%s", e.Seq, e.Kind, e.Subject)
		}
		return out
	}
	b.judge("nightly", "20260101T060000.000Z-aaaaaa", true)
	rec := b.judge("quarterly", aDrill, true)
	b.decide(rec, drill.DecisionSigned, "approver")
	for query, want := range map[string]string{
		"":                                  "5 4:drill.decided:quarterly 3:drill.judged:quarterly 2:drill.declared:quarterly 1:drill.judged:nightly 0:drill.declared:nightly",
		"?kind=drill.judged":                "5 3:drill.judged:quarterly 1:drill.judged:nightly",
		"?subject=nightly":                  "5 1:drill.judged:nightly 0:drill.declared:nightly",
		"?before=3&limit=1":                 "5 2:drill.declared:quarterly",
		"?kind=x":                           "5",
		"?kind=drill.judged&before=2":       "5 1:drill.judged:nightly",
		"?before=99999999999999999&limit=1": "5 4:drill.decided:quarterly",
	} {
		if got := get(query); got != want {
			t.Errorf("%q lists %s\nwant %s", query, got, want)
		}
	}
	for _, query := range []string{"?limit=0", "?limit=501", "?before=-1", "?before=x", "?before=99999999999999999999", "?kind=" + strings.Repeat("k", 101), "?from=1"} {
		wantProblem(t, b.as(Viewer, "GET", "/v1/evidence"+query, ""), 422, "invalid", "")
	}
}

func TestGetEvidence(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.judge("quarterly", aDrill, true)
	proof := decode[evidence.Proof](t, b.as(Viewer, "GET", "/v1/evidence/1", ""))
	if signedBy, err := proof.Verify(b.ledger.Trusted()); err != nil || signedBy != b.ledger.Trusted()[0] || proof.Record.Kind != "drill.judged" {
		t.Errorf("the proof of %+v: signed by %q, %v", proof.Record, signedBy, err)
	}
	proof.Record.Actor = "approver"
	if _, err := proof.Verify(b.ledger.Trusted()); err == nil {
		t.Error("the proof holds for another record")
	}
	wantProblem(t, b.as(Viewer, "GET", "/v1/evidence/2", ""), 404, "missing", "there is no entry 2")
	wantProblem(t, b.as(Viewer, "GET", "/v1/evidence/9223372036854775807", ""), 404, "missing", "there is no entry")
	for _, seq := range []string{"-1", "x", "1.5", "99999999999999999999", "%2e%2e", "0x1"} {
		wantProblem(t, b.as(Viewer, "GET", "/v1/evidence/"+seq, ""), 422, "invalid", "seq")
	}
}

func TestVerifyEvidence(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.judge("quarterly", aDrill, true)
	got := decode[evidence.Report](t, b.as(Viewer, "GET", "/v1/evidence/verify", ""))
	if got.Size != 2 || len(got.Problems) != 0 || got.SignedBy != b.ledger.Trusted()[0] || got.Attachments == 0 {
		t.Errorf("a sound ledger: %+v", got)
	}
	b.server.verifying.Lock()
	wantProblem(t, b.as(Viewer, "GET", "/v1/evidence/verify", ""), 429, "too-many-requests", "a verification runs already")
	b.server.verifying.Unlock()

	judged, err := b.ledger.Get(t.Context(), 1)
	if err != nil || len(judged.Attachments) != 1 {
		t.Fatalf("%+v, %v", judged, err)
	}
	record := filepath.Join(b.config.DataDir, "points", "evidence", filepath.FromSlash(judged.Attachments[0].Key))
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), `"verdict": "pass"`, `"verdict": "fail"`, 1)
	if changed == string(text) {
		t.Fatal("the record has no verdict to change")
	}
	if err := os.WriteFile(record, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	a := b.as(Viewer, "GET", "/v1/evidence/verify", "")
	got = decode[evidence.Report](t, a)
	if a.status != http.StatusOK || len(got.Problems) != 1 || !strings.HasSuffix(got.Problems[0].Key, judged.Attachments[0].Key) {
		t.Errorf("a changed record: %d %s", a.status, a.body)
	}
	wantProblem(t, b.as(Viewer, "GET", drillsPath+"/"+aDrill, ""), 422, "corrupt", "was altered")
	wantProblem(t, b.as(Viewer, "GET", drillsPath+"/"+aDrill+"/report", ""), 422, "corrupt", "was altered")
}

func TestReportOfADrill(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := drillsPath + "/" + aDrill + "/report"
	wantProblem(t, b.as(Viewer, "GET", path, ""), 404, "missing", "there is no drill")
	b.judge("quarterly", aDrill, true)
	page := b.as(Viewer, "GET", path, "")
	if page.status != http.StatusOK || page.header.Get("Content-Type") != "text/html; charset=utf-8" || !strings.Contains(page.body, aDrill) {
		t.Errorf("%d %q: %.200s", page.status, page.header.Get("Content-Type"), page.body)
	}
	if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script-src") {
		t.Errorf("Content-Security-Policy: %q", policy)
	}
	a := b.as(Viewer, "GET", path+"?format=json", "")
	got := loosely[struct{ Record drill.Record }](t, a)
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" || got.Record.ID != aDrill || got.Record.Verdict != drill.VerdictPass {
		t.Errorf("%d %q: %.200s", a.status, a.header.Get("Content-Type"), a.body)
	}
	wantProblem(t, b.as(Viewer, "GET", path+"?format=pdf", ""), 422, "invalid", "format")
}

func TestCommitments(t *testing.T) {
	t.Parallel()
	b := setup(t)
	state := func() string {
		t.Helper()
		a := b.as(Viewer, "GET", "/v1/commitments", "")
		var out []string
		for _, c := range loosely[struct{ Commitments []drill.Commitment }](t, a).Commitments {
			out = append(out, c.Plan+" "+c.State)
		}
		return strings.Join(out, ", ")
	}
	if got := state(); got != "nightly unproven, quarterly unproven, talk unproven" {
		t.Errorf("before any drill: %s", got)
	}
	rec := b.judge("quarterly", aDrill, true)
	if got := state(); got != "nightly unproven, quarterly unproven, talk unproven" {
		t.Errorf("before the signature: %s", got)
	}
	b.decide(rec, drill.DecisionSigned, "approver")
	if got := state(); got != "nightly unproven, quarterly proven, talk unproven" {
		t.Errorf("after the signature: %s", got)
	}
	coverage := decode[drill.Coverage](t, b.as(Viewer, "GET", "/v1/coverage", ""))
	if len(coverage.Plans) != 3 || coverage.Plans[1].Plan != "quarterly" || coverage.Plans[1].Signed != 1 || len(coverage.NotRestored) != 0 {
		t.Errorf("coverage: %+v", coverage)
	}
}

func TestChangesOfKeysAreEvidence(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if a := b.as(Admin, "POST", "/v1/admin/keys", `{"id":"nightly","role":"operator"}`); a.status != http.StatusCreated {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := b.as(Admin, "DELETE", "/v1/admin/keys/nightly", ""); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	entries, err := b.ledger.List(t.Context(), evidence.ListOptions{Subject: "nightly"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Kind+" by "+e.Actor)
		if strings.Contains(string(e.Body), "secret") || strings.Contains(string(e.Body), "argon2") {
			t.Errorf("the entry says too much: %s", e.Body)
		}
	}
	if want := "audit.key.create by boss, audit.key.delete by boss"; strings.Join(got, ", ") != want {
		t.Errorf("the ledger has %q", got)
	}
}
