package activities

import (
	"cmp"
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// KindAudit begins the kinds of entries that say who did what.
const KindAudit = "audit."

// AuditInput is one thing that was done.
type AuditInput struct {
	// By is the API key or account that asked for it; empty for a schedule.
	By        string `json:"by,omitempty"`
	Operation string `json:"operation"`
	// Subject is the surface or policy; ID the point or the restore.
	Subject string `json:"subject"`
	ID      string `json:"id,omitempty"`
	// Result is done, failed or cancelled; Error the sentence of a failure.
	Result string `json:"result"`
	Error  string `json:"error,omitempty"`
	// Facts say more: where to, how much.
	Facts      map[string]string `json:"facts,omitempty"`
	WorkflowID string            `json:"workflowId"`
	RunID      string            `json:"runId"`
	Started    time.Time         `json:"startedAt"`
}

// auditBody is what stands in the ledger of it.
type auditBody struct {
	AuditInput
	// Config is the fingerprint of the configuration in force, Keys the public keys of it.
	Config  string   `json:"config"`
	Keys    []string `json:"keys,omitempty"`
	Version string   `json:"version"`
}

// RecordAudit puts one thing that was done into the ledger. Without a ledger there is nothing to do.
func (a *Activities) RecordAudit(ctx context.Context, in AuditInput) error {
	p := startPulse(ctx, "put it into the ledger", 0)
	defer p.end()
	if a.Ledger == nil || !a.Ledger.Writable() {
		return nil
	}
	_, err := a.Ledger.Append(ctx, evidence.Entry{
		ID: "audit/" + in.WorkflowID + "/" + in.RunID, Kind: KindAudit + in.Operation, Actor: cmp.Or(in.By, "schedule"), Subject: in.Subject,
		Since: in.Started.Add(-clockSlack), Body: auditBody{AuditInput: in, Config: a.Config.Fingerprint(), Keys: a.Config.Encryption.Recipients, Version: a.Version},
	})
	return fault.While(err, "put the %s of %s into the ledger", in.Operation, in.Subject)
}
