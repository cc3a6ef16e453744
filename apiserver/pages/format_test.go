package pages

import (
	"testing"
	"time"
)

func TestAge(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]string{
		0: "less than 1 min ago", 59 * time.Second: "less than 1 min ago", 60 * time.Second: "1 min ago", 3599 * time.Second: "59 min ago",
		3 * time.Hour: "3 h ago", 47 * time.Hour: "47 h ago", 48 * time.Hour: "2 d ago", 400 * 24 * time.Hour: "400 d ago",
		-time.Second: "in less than 1 min", -90 * time.Minute: "in 1 h",
	} {
		at := now.Add(-ago)
		full := `<time datetime="` + at.Format(time.RFC3339) + `" title="` + at.Format("2006-01-02 15:04:05 UTC") + `">` + want + `</time>`
		if got := string(age(at, now)); got != full {
			t.Errorf("%s: %s", ago, got)
		}
	}
	if got := age(time.Time{}, now); got != "–" {
		t.Errorf("no moment: %s", got)
	}
	if got := moment((*time.Time)(nil)); !got.IsZero() {
		t.Errorf("nil: %s", got)
	}
	// Elsewhere the same moment has another date.
	if got := when(now.In(time.FixedZone("", 14*3600))); got != `<time datetime="2026-03-04T12:00:00Z" title="2026-03-04 12:00:00 UTC">2026-03-04 12:00:00 UTC</time>` {
		t.Errorf("when: %s", got)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	half := 1830.0
	for _, c := range []struct {
		of   any
		want string
	}{
		{0.0, "0 s"}, {0.4, "under 1 s"}, {59.9, "59 s"}, {60.0, "1 min"}, {&half, "30 min 30 s"}, {3600.0, "1 h"}, {3900.0, "1 h 05 min"},
		{86400.0, "1 d"}, {90000.0, "1 d 01 h"}, {-90.0, "−1 min 30 s"}, {2 * time.Minute, "2 min"}, {(*float64)(nil), "–"}, {"x", "–"}, {1e300, "106751 d 23 h"},
	} {
		if got := duration(c.of); got != c.want {
			t.Errorf("%v: %q, want %q", c.of, got, c.want)
		}
	}
}

func TestBytes(t *testing.T) {
	t.Parallel()
	size := int64(1_500_000_000)
	for _, c := range []struct {
		of   any
		want string
	}{
		{0, "0 B"}, {999, "999 B"}, {1000, "1.0 kB"}, {int64(99_900), "99.9 kB"}, {int64(123_456), "123 kB"}, {int64(999_600), "1.0 MB"},
		{&size, "1.5 GB"}, {uint64(2e12), "2.0 TB"}, {int64(3e15), "3.0 PB"}, {(*int64)(nil), "–"}, {"x", "–"},
	} {
		if got := bytesText(c.of); got != c.want {
			t.Errorf("%v: %q, want %q", c.of, got, c.want)
		}
	}
}

func TestBadgesEscape(t *testing.T) {
	t.Parallel()
	for of, want := range map[string]string{
		"pass": `<span class="badge good">pass</span>`, "FAILED": `<span class="badge bad">FAILED</span>`, "": "–",
		"timed out": `<span class="badge bad">timed out</span>`, "<b>": `<span class="badge">&lt;b&gt;</span>`, "partial": `<span class="badge waiting">partial</span>`,
	} {
		if got := string(badge(of)); got != want {
			t.Errorf("%q: %s", of, got)
		}
	}
}

func TestWorkflowLinks(t *testing.T) {
	t.Parallel()
	s := &site{options: Options{TemporalUI: "https://ui.test/temporal/", Namespace: "a b"}}
	if got := s.workflowURL("drill/x?y"); got != "https://ui.test/temporal/namespaces/a%20b/workflows/drill%2Fx%3Fy" {
		t.Errorf("the link is %s", got)
	}
	if got := (&site{}).workflowURL("x"); got != "" {
		t.Errorf("without a Web UI: %s", got)
	}
}
