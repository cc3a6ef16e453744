package alert_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/alert"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func of(t *testing.T, alerts []status.Alert, rule string) status.Alert {
	t.Helper()
	for _, a := range alerts {
		if a.Rule == rule {
			return a
		}
	}
	t.Fatalf("%s does not hold in %v", rule, alerts)
	return status.Alert{}
}

func TestAnAlertIsPendingAndThenFiresAndKeepsItsBeginning(t *testing.T) {
	t.Parallel()
	r := status.Report{At: noon, Stores: []status.Store{{Name: "primary", Problem: "connection refused"}, {Name: "offsite", Usable: true}}}
	first := alert.Evaluate(r, nil, noon)
	a := of(t, first, "LifeboatStoreUnreachable")
	if len(first) != 1 || a.State != status.Pending || !a.Since.Equal(noon) || !a.FiringSince.IsZero() {
		t.Fatalf("at first: %+v", first)
	}
	if a.Labels["store"] != "primary" || a.Summary != "The store primary can't be used: connection refused" {
		t.Errorf("says %q of %v", a.Summary, a.Labels)
	}
	late := noon.Add(2*time.Minute - time.Second)
	r.At = late
	if a := of(t, alert.Evaluate(r, first, late), "LifeboatStoreUnreachable"); a.State != status.Pending {
		t.Errorf("fires a second early")
	}
	due := noon.Add(2 * time.Minute)
	r.At = due
	second := alert.Evaluate(r, first, due)
	if a := of(t, second, "LifeboatStoreUnreachable"); a.State != status.Firing || !a.Since.Equal(noon) || !a.FiringSince.Equal(due) {
		t.Errorf("then: %+v", a)
	}
	r.At = due.Add(time.Hour)
	if a := of(t, alert.Evaluate(r, second, r.At), "LifeboatStoreUnreachable"); !a.FiringSince.Equal(due) {
		t.Errorf("an hour later it fires since %s", a.FiringSince)
	}
	r.Stores[0].Usable = true
	if left := alert.Evaluate(r, second, r.At); len(left) != 0 {
		t.Errorf("mended: %v", left)
	}
	r.Stores[0].Usable = false
	if a := of(t, alert.Evaluate(r, nil, r.At), "LifeboatStoreUnreachable"); !a.Since.Equal(r.At) {
		t.Errorf("broken again: since %s", a.Since)
	}
}

func TestNobodyWatching(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		age   time.Duration
		state string
	}{
		"two minutes": {2 * time.Minute, ""}, "more": {2*time.Minute + time.Second, status.Pending},
		"almost three": {3*time.Minute - time.Second, status.Pending}, "three": {3 * time.Minute, status.Firing},
	} {
		state := ""
		// Whoever asks remembers nothing.
		for _, a := range alert.Evaluate(status.Report{At: noon.Add(-c.age)}, nil, noon) {
			state = a.State
		}
		if state != c.state {
			t.Errorf("%s: %q, want %q", name, state, c.state)
		}
	}
	if a := of(t, alert.Evaluate(status.Report{}, nil, noon), "LifeboatNotWatching"); a.State != status.Firing {
		t.Errorf("without a report: %+v", a)
	}
}

func TestAFailedBackupSaysWhetherItsPointStands(t *testing.T) {
	t.Parallel()
	p := status.Policy{Name: "p", Surface: "main", Kind: "snapshot", FailedLast: true, Failure: "offsite is full", FailedFrom: noon.Add(-time.Hour)}
	for at, stands := range map[time.Time]bool{{}: false, noon.Add(-2 * time.Hour): false, noon.Add(-time.Minute): true} {
		p.LastSuccess = at
		a := of(t, alert.Evaluate(status.Report{At: noon, Policies: []status.Policy{p}}, nil, noon), "LifeboatBackupFailed")
		if strings.Contains(a.Summary, "offsite is full; the point of 2026-05-04T11:59:00Z stands") != stands || !strings.Contains(a.Description, "`lifeboat schedule run p`") {
			t.Errorf("a point of %s: %q, %q", at, a.Summary, a.Description)
		}
	}
}

func TestTheWorstComesFirst(t *testing.T) {
	t.Parallel()
	r := status.Report{
		At:       noon,
		Stores:   []status.Store{{Name: "primary"}},
		Policies: []status.Policy{{Name: "p", Surface: "main", Kind: "snapshot", FailedLast: true, Failure: "disk full"}},
		Vitals:   status.Vitals{Certificates: []status.Certificate{{Where: "db:5432", NotAfter: noon}, {Where: "db:5432", NotAfter: noon}}},
	}
	alerts := alert.Evaluate(r, nil, noon)
	var got []string
	for _, a := range alerts {
		got = append(got, a.Rule)
	}
	want := []string{"LifeboatBackupFailed", "LifeboatCertificateExpires", "LifeboatStoreUnreachable"}
	if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
		t.Errorf("order %v, want %v", got, want)
	}
	linked := alert.Linked(alerts, "https://wiki.example/rb")
	if linked[0].Runbook != "https://wiki.example/rb/lifeboatbackupfailed.md" || alerts[0].Runbook == linked[0].Runbook {
		t.Errorf("runbooks %q and %q", alerts[0].Runbook, linked[0].Runbook)
	}
}
