package apiserver

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

func TestDecideFinding(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const id = "20260701T060000.000Z-cccccc"
	path := drillsPath + "/" + id + "/findings"
	wantProblem(t, b.as(Operator, "POST", path, `{"finding":"x","owner":"ann"}`), 404, "missing", "no drill")
	rec := b.judge("quarterly", id, false)
	finding := rec.Findings[0].ID
	until := time.Now().AddDate(0, 1, 0).UTC().Truncate(time.Second).Format(time.RFC3339)
	accept := fmt.Sprintf(`{"finding":%q,"acceptUntil":%q,"reason":"replaced next week"}`, finding, until)
	for body, problem := range map[string]struct {
		status       int
		slug, phrase string
	}{
		`{"finding":"quarterly/nosuch","owner":"ann"}`:                                              {404, "missing", "no finding"},
		fmt.Sprintf(`{"finding":%q}`, finding):                                                      {400, "invalid", "say what is decided"},
		fmt.Sprintf(`{"finding":%q,"due":"tomorrow"}`, finding):                                     {422, "invalid", "due"},
		fmt.Sprintf(`{"finding":%q,"acceptUntil":%q}`, finding, until):                              {400, "invalid", "reason is missing"},
		fmt.Sprintf(`{"finding":%q,"acceptUntil":"2001-01-01T00:00:00Z","reason":"late"}`, finding): {400, "invalid", "to come"},
	} {
		wantProblem(t, b.as(Approver, "POST", path, body), problem.status, problem.slug, problem.phrase)
	}
	wantProblem(t, b.as(Operator, "POST", path, accept), 403, "denied", "role approver")
	for role, body := range map[Role]string{Operator: fmt.Sprintf(`{"finding":%q,"owner":"grace"}`, finding), Approver: accept} {
		if a := b.as(role, "POST", path, body); a.status != http.StatusCreated {
			t.Errorf("%s: %d %s", role, a.status, a.body)
		}
	}
	found, err := b.drills.Findings(t.Context(), "quarterly")
	if err != nil || len(found) == 0 {
		t.Fatal(found, err)
	}
	if f := found[0]; f.ID != finding || f.Owner != "grace" || f.Status != drill.FindingAccepted || f.Accepted.By != "approver" {
		t.Errorf("%+v", f)
	}
	outcomes := b.outcomes()
	if diff := cmp.Diff([]string{"drill.finding done " + finding, "drill.finding done " + finding}, outcomes[len(outcomes)-2:]); diff != "" {
		t.Error("audit log (-want +got):\n", diff)
	}
}
