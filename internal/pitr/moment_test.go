package pitr_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
)

func TestMoments(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 31, 12, 0, 0, 500e6, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-01-31T13:00:00.5+01:00": at, "latest": {},
	} {
		target, err := pitr.ParseTarget(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := target.Moment(); err != nil || !got.Equal(want) {
			t.Errorf("%s is %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"latest@2", "2026-01-31T12:00:00Z@1", "16/B374D848", "12345", "immediate", "before the accident"} {
		target, err := pitr.ParseTarget(text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := target.Moment(); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), text) {
			t.Errorf("%s: %v, want a refusal that names it", text, err)
		}
	}
}
