package velero

import (
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func begun(name, phase string, at time.Time) backup {
	began := metav1.NewTime(at)
	return backup{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: began}, Status: backupStatus{Phase: phase, StartTimestamp: &began}}
}

func TestNewerBackupsThatFailedAreMissing(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 8, 13, 12, 0, 0, 0, time.UTC)
	refused := begun("refused", phaseFailedValidation, noon.Add(4*time.Hour))
	refused.Status.StartTimestamp = nil
	all := []backup{
		begun("before", phaseFailed, noon.Add(-time.Hour)), begun("good", phaseCompleted, noon), begun("bad", phaseFailed, noon.Add(time.Hour)),
		begun("half", phasePartiallyFailed, noon.Add(2*time.Hour)), begun("under-way", "InProgress", noon.Add(3*time.Hour)), refused,
	}
	fit, found := configured(t, surface.Velero{}).fittest(all)
	if !found || fit.Name != "good" {
		t.Fatalf("%s, %v", fit.Name, found)
	}
	got := failedSince(all, fit)
	var names []string
	for _, line := range got {
		names = append(names, strings.Fields(strings.ReplaceAll(line, ",", ""))[1])
	}
	if !slices.Equal(names, []string{"refused", "half", "bad"}) || !strings.HasSuffix(got[2], "is Failed: what has changed since 2026-08-13T12:00:00Z is not in the point") {
		t.Errorf("%q", got)
	}
	fit, _ = configured(t, surface.Velero{AllowPartial: true}).fittest(all)
	if fit.Name != "half" || len(failedSince(all, fit)) != 1 {
		t.Errorf("%s, %q", fit.Name, failedSince(all, fit))
	}
	view := &view{backup: all[1], behind: got, notes: []string{"old"}}
	if !slices.Equal(view.Missing(), got) || !slices.Equal(view.Notes(), []string{"old"}) {
		t.Errorf("missing: %q, notes: %q", view.Missing(), view.Notes())
	}
}

func TestSchedulesThatHaveStoppedAreNoticed(t *testing.T) {
	t.Parallel()
	// A Thursday.
	at := time.Date(2026, 8, 13, 2, 0, 5, 0, time.UTC)
	for _, c := range []struct {
		expression string
		age        time.Duration
		want       bool
	}{
		{"0 2 * * *", 47 * time.Hour, false},
		{"0 2 * * *", 48 * time.Hour, true},
		{"@every 1h", 119 * time.Minute, false},
		{"@every 1h", 3 * time.Hour, true},
		{"@daily", 30 * time.Hour, false},
		// Friday and Monday are next.
		{"0 2 * * MON-FRI", 72 * time.Hour, false},
		{"0 2 * * MON-FRI", 97 * time.Hour, true},
		{"whatever", 1000 * time.Hour, false},
		{"0 2 30 2 *", 1000 * time.Hour, false},
	} {
		got := overdue(c.expression, begun("b", phaseCompleted, at), at.Add(c.age))
		if (got != "") != c.want || (c.want && !strings.Contains(got, "Backup b of 2026-08-13T02:00:05Z is the newest")) {
			t.Errorf("%s after %s: %q", c.expression, c.age, got)
		}
	}
}
