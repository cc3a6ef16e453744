package worker

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

const overdueConfig = `
dataDir: DIR/data
encryption: {identity: IDENTITY}
stores: {primary: {kind: local, dir: DIR/primary}}
surfaces: {redis: {kind: redis, url: "redis://cache.example.com"}}
policies: {daily: {surface: redis, cron: "0 1 * * *", store: primary}}
drills:
  nightly:   {kind: restore_test, cron: "0 2 * * *", surfaces: [redis], owner: ops}
  yearly:    {kind: quarterly, cron: "0 2 29 2 *", surfaces: [redis], owner: ops}
  following: {kind: restore_test, after: [daily], surfaces: [redis], owner: ops}
  asked:     {kind: restore_test, surfaces: [redis], owner: ops}
`

// A plan that was never drilled is overdue when a drill of it would have been
// due since it came into force.
func TestNeverDrilledIsOverdue(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("DIR", dir, "IDENTITY", identity.Reveal()).Replace(overdueConfig)
	file := filepath.Join(dir, "lifeboat.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	parts, err := Open(t.Context(), cfg, "1.0.0")
	if err != nil {
		t.Fatal(err)
	}
	private, _, err := seal.GenerateSigner("lifeboat-evidence")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := seal.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	since := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	parts.Ledger = evidence.Open(parts.Stores["primary"], evidence.Options{Signer: signer, Now: func() time.Time { return since }})
	parts.Drills = drills.Open(parts.Ledger)
	overdue := func(now time.Time) string {
		t.Helper()
		found, err := parts.Commitments(t.Context(), now)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range found {
			if c.Overdue {
				names = append(names, c.Plan)
			}
		}
		return strings.Join(names, " ")
	}
	if got := overdue(since); got != "" {
		t.Errorf("plans that the ledger does not know are overdue: %s", got)
	}
	parts.NoteConfig(t.Context(), slog.New(slog.DiscardHandler))
	for _, c := range []struct {
		after time.Duration
		want  string
	}{
		{13 * time.Hour, ""},
		{38 * time.Hour, ""},
		{39 * time.Hour, "nightly"},
		{9 * 24 * time.Hour, "following nightly"},
	} {
		if got := overdue(since.Add(c.after)); got != c.want {
			t.Errorf("after %v overdue are %q, not %q", c.after, got, c.want)
		}
	}
}
