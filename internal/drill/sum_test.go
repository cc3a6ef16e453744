package drill

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Whatever people write into a drill, its summary fits into an entry of the ledger.
func TestASummaryFits(t *testing.T) {
	t.Parallel()
	r := soundDrill()
	r.Summary = strings.Repeat("\x01", 1<<20)
	r.Identity.Parts = map[string]string{"plan": "p1"}
	for i := range 200 {
		text := strings.Repeat("\x02", 4000-10) + fmt.Sprint(i)
		r.Findings = append(r.Findings, Finding{
			ID: fmt.Sprintf("quarterly/step-undocumented/%d", i), Severity: SeverityMajor, Subject: text, Cause: text, Owner: text,
			Status: FindingOpen, Found: r.ID, Seen: r.ID, FoundAt: judged, SeenAt: judged,
		})
	}
	s := SummaryOf(r)
	text, err := json.Marshal(s)
	if err != nil || len(text) > maxSummary {
		t.Fatal(len(text), err)
	}
	if !s.Abridged || len(s.Findings) == 0 || s.Parts == nil {
		t.Errorf("abridged %v, %d findings, parts %v", s.Abridged, len(s.Findings), s.Parts)
	}
	// More surfaces than an entry takes: it says how the drill ended, and proves nothing.
	for i := range 2000 {
		r.Identity.Parts[fmt.Sprintf("surface:%060d", i)] = strings.Repeat("0", 64)
	}
	s = SummaryOf(r)
	if text, err := json.Marshal(s); err != nil || len(text) > maxSummary || s.Parts != nil || s.ID != r.ID {
		t.Error(len(text), err, len(s.Parts))
	}
}

func TestASummarySaysWhatItLacks(t *testing.T) {
	t.Parallel()
	r := soundDrill()
	own := Finding{ID: "quarterly/a", Severity: SeverityMajor, Cause: "gone", Status: FindingOpen, Seen: r.ID, FoundAt: judged, SeenAt: judged}
	carried := Finding{ID: "quarterly/b", Cause: strings.Repeat("x", maxCause+1), Status: FindingOpen, Seen: "earlier"}
	closed := Finding{ID: "quarterly/c", Status: FindingClosed, Seen: "earlier", Retest: r.ID}
	r.Findings = []Finding{own, carried, closed}
	s := SummaryOf(r)
	if s.Abridged || !s.FailedAt.Equal(judged) || len(s.Findings) != 2 {
		t.Errorf("%+v", s)
	}
	if diff := cmp.Diff([]string{closed.ID}, s.Closed); diff != "" {
		t.Error(diff)
	}
	for name, change := range map[string]func(*Finding){
		"a long cause":   func(f *Finding) { f.Cause = strings.Repeat("x", maxCause+1) },
		"a long subject": func(f *Finding) { f.Subject = strings.Repeat("x", maxSubject+1) },
		"accepted":       func(f *Finding) { f.Status, f.Accepted = FindingAccepted, &Acceptance{Until: judged.Add(time.Hour)} },
	} {
		changed := own
		change(&changed)
		r.Findings = []Finding{changed}
		if s := SummaryOf(r); !s.Abridged {
			t.Errorf("%s: %+v", name, s)
		}
	}
}
