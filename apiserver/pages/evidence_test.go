package pages

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

func TestTheLedgerIsListedAndVerified(t *testing.T) {
	t.Parallel()
	r := inner(t)
	r.judge(drillID, true)
	w := r.as(apiserver.Viewer)
	p := w.get("/evidence")
	p.wants(http.StatusOK, "drill.judged", "drill.declared", "boss", "quarterly", "Last read whole verified", "lifeboat evidence verify --pubkey", "Verify the whole ledger")
	p.well()
	w.get("/evidence?kind=drill.judged&subject=quarterly").wants(http.StatusOK, "drill.judged")
	w.get("/evidence?kind=nothing").wants(http.StatusOK, "no entry that the filter lets through")
	found := w.submit(p, "/evidence/verify", nil)
	found.wants(http.StatusOK, "Every byte was read", "Entries by kind", "drill.judged", "Signed by")
	found.well()
	export := w.get("/evidence/export?kind=drill.judged")
	var out struct{ Entries []evidence.Record }
	if err := json.Unmarshal([]byte(export.body), &out); err != nil || len(out.Entries) != 1 || !strings.Contains(export.header.Get("Content-Disposition"), "lifeboat-evidence.json") {
		t.Errorf("the export is %s: %v", export.body, err)
	}
}

func TestAnEntryHasItsProof(t *testing.T) {
	t.Parallel()
	r := inner(t)
	rec := r.judge(drillID, true)
	w := r.as(apiserver.Viewer)
	p := w.get("/evidence/1")
	p.wants(http.StatusOK, "drill.judged", drillID, "record-1", "leads from this entry to the root", "Download entry and proof", `"verdict": "`+rec.Verdict)
	p.well()
	if !strings.Contains(p.body, `href="/drills/`+drillID+`"`) {
		t.Error("the entry does not lead to its drill")
	}
	file := w.get("/evidence/1/proof")
	var proof evidence.Proof
	if err := json.Unmarshal([]byte(file.body), &proof); err != nil || proof.Record.Seq != 1 || proof.Checkpoint == "" {
		t.Errorf("the proof is %s: %v", file.body, err)
	}
	if got := file.header.Get("Content-Disposition"); got != `attachment; filename="lifeboat-evidence-1.json"` {
		t.Errorf("Content-Disposition: %s", got)
	}
	w.get("/evidence/99").wants(http.StatusNotFound, "there is no entry 99")
	w.get("/evidence/x/proof").wants(http.StatusUnprocessableEntity)
}

func TestALedgerThatWasChangedDoesNotVerify(t *testing.T) {
	t.Parallel()
	r := inner(t)
	r.judge(drillID, true)
	w := r.as(apiserver.Viewer)
	p := w.get("/evidence")
	for object, err := range r.store.List(t.Context(), store.ListOptions{Prefix: "evidence/drills/"}) {
		if err != nil {
			t.Fatal(err)
		}
		if err := r.store.Delete(t.Context(), object.Key); err != nil {
			t.Fatal(err)
		}
	}
	found := w.submit(p, "/evidence/verify", nil)
	found.wants(http.StatusOK, "The ledger does not verify: 1 problem", "record-1")
	found.well()
}
