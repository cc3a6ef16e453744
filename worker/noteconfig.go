package worker

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// configNote is the file in which a host keeps the fingerprint of the
// configuration that it has last put into the ledger.
const configNote = "evidence-config"

// NoteConfig puts a changed configuration into the ledger: its fingerprint, and
// that of each plan. A ledger that can't be reached now is tried again when a
// worker starts next.
func (p *Parts) NoteConfig(ctx context.Context, log *slog.Logger) {
	if err := p.noteConfig(ctx); err != nil && ctx.Err() == nil {
		log.WarnContext(ctx, "the configuration in force is not in the ledger", "error", err)
	}
}

func (p *Parts) noteConfig(ctx context.Context) error {
	if p.Ledger == nil || !p.Ledger.Writable() {
		return nil
	}
	plans := map[string]string{}
	for name := range p.Config.Drills {
		plans[name] = p.Config.PlanDigest(name)
	}
	host := Host(p.Config.DataDir)
	body := map[string]any{"config": p.Config.Fingerprint(), "plans": plans, "host": host, "version": p.Version}
	inForce := []string{p.Config.Fingerprint()}
	for _, name := range slices.Sorted(maps.Keys(plans)) {
		inForce = append(inForce, name, plans[name])
	}
	now := strings.Join(inForce, " ")
	path := filepath.Join(p.Config.DataDir, configNote)
	before, err := os.ReadFile(path)
	if err == nil && string(bytes.TrimSpace(before)) == now {
		return nil
	}
	at := time.Now().UTC()
	_, err = p.Ledger.Append(ctx, evidence.Entry{
		ID: "audit/config/" + host + "/" + at.Format(time.RFC3339Nano), Kind: drills.KindConfig, Actor: "host " + host,
		Subject: "configuration", Since: at, Body: body,
	})
	if err != nil {
		return err
	}
	return fault.Wrap(fault.Denied, os.WriteFile(path, []byte(now+"\n"), 0o600), "remember the configuration in force")
}
