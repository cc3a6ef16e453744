package apiserver

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
)

// auditList is the answer of /v1/audit as a client sees it.
type auditList struct {
	Entries []AuditEntry `json:"entries"`
	Next    string       `json:"next"`
	Blind   string       `json:"blind"`
}

// attestedByWorker puts into the ledger what a workflow would.
func (b *bundle) attestedByWorker(i int) {
	b.t.Helper()
	_, err := b.ledger.Append(b.t.Context(), evidence.Entry{
		ID: fmt.Sprintf("audit/run-%d", i), Kind: "audit.restore", Actor: "ann", Subject: "main", Since: time.Now().Add(-time.Minute),
		Body: map[string]any{
			"operation": "restore", "id": fmt.Sprintf("r%d", i), "result": "failed", "error": "no room", "workflowId": "restore/main/r",
			"startedAt": time.Now(),
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestAuditIsListed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.attestedByWorker(1)
	b.as(Admin, "POST", "/v1/admin/keys", `{"id":"nightly","role":"operator"}`)
	wantProblem(t, b.as(Operator, "GET", "/v1/audit", ""), 403, "denied", "approver")
	got := decode[auditList](t, b.as(Approver, "GET", "/v1/audit", ""))
	var lines []string
	for _, e := range got.Entries {
		lines = append(lines, strings.Join([]string{e.Source, e.Actor, e.Action, e.Target, e.Result, e.Detail}, " "))
	}
	want := []string{
		"log operator list-audit  refused role operator does not suffice",
		"ledger boss key.create nightly done role operator",
		"ledger ann restore main failed no room",
	}
	if strings.Join(lines, "\n") != strings.Join(want, "\n") || got.Next != "" || got.Blind != "" {
		t.Errorf("the audit is %s", strings.Join(lines, "\n"))
	}
	// What stands in both has the ledger's number and what the log alone knows.
	if e := got.Entries[1]; e.Seq == nil || *e.Seq != 1 || e.Remote != "192.0.2.1" || e.RequestID == "" {
		t.Errorf("the entry that is in both is %+v", e)
	}
	if e := got.Entries[2]; e.Seq == nil || *e.Seq != 0 || e.WorkflowID != "restore/main/r" || e.Time.IsZero() {
		t.Errorf("the entry of a worker is %+v", e)
	}
	wantProblem(t, b.as(Approver, "GET", "/v1/audit?before=yesterday", ""), 400, "invalid", "is not a moment")
}

func TestAuditIsPaged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const each = 12
	for i := range each {
		b.attestedByWorker(i)
		b.server.Record(t.Context(), audit.Entry{Action: fmt.Sprintf("a%d", i), Result: audit.Done})
		b.as(Admin, "DELETE", "/v1/admin/keys/nobody", "", "X-Request-Id", fmt.Sprintf("f%d", i))
		if i%4 == 0 {
			b.as(Admin, "POST", "/v1/admin/keys", fmt.Sprintf(`{"id":"k%d","role":"viewer"}`, i))
		}
	}
	whole := decode[auditList](t, b.as(Approver, "GET", "/v1/audit?limit=500", "")).Entries
	if len(whole) != 3*each+3 {
		t.Fatalf("%d entries", len(whole))
	}
	for _, limit := range []int{1, 2, 7, 38, 39, 40} {
		var paged []AuditEntry
		before := ""
		for {
			page := decode[auditList](t, b.as(Approver, "GET", fmt.Sprintf("/v1/audit?limit=%d&before=%s", limit, url.QueryEscape(before)), ""))
			paged = append(paged, page.Entries...)
			if before = page.Next; before == "" {
				break
			}
		}
		if a, b := fmt.Sprint(keysOf(paged)), fmt.Sprint(keysOf(whole)); a != b {
			t.Errorf("in pages of %d: %s\nwant %s", limit, a, b)
		}
	}
	if got := decode[auditList](t, b.as(Approver, "GET", "/v1/audit?before=2000-01-01T00:00:00Z", "")); len(got.Entries) != 0 || got.Next != "" {
		t.Errorf("before everything: %+v", got)
	}
}

func keysOf(entries []AuditEntry) []string {
	var keys []string
	for _, e := range entries {
		keys = append(keys, e.Source+e.Action+e.RequestID+e.Detail)
	}
	return keys
}

func TestAuditWithoutTheLedger(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.as(Admin, "POST", "/v1/admin/keys", `{"id":"nightly","role":"operator"}`)
	if err := b.store.Delete(t.Context(), "evidence/entries/000000000000"); err != nil {
		t.Fatal(err)
	}
	got := decode[auditList](t, b.as(Approver, "GET", "/v1/audit", ""))
	if len(got.Entries) != 1 || got.Entries[0].Source != "log" || got.Entries[0].Action != "key.create" || got.Blind == "" {
		t.Errorf("%+v", got)
	}
}
