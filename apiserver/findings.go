package apiserver

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// findingAction is what the audit log calls a decision on a finding.
const findingAction = "drill.finding"

// describeFindings lists the operation of findings.
func (s *Server) describeFindings(api huma.API, errors []int) {
	add(s, api, route{
		id: "decide-finding", method: http.MethodPost, path: "/v1/drills/{id}/findings", tag: "drills", role: Operator,
		status: http.StatusCreated, summary: "Give a finding an owner or a due date, or accept its risk until a date", errors: errors,
		description: "The finding is one of the drill's plan that is not closed. Accepting a risk takes the role approver.",
	}, s.decideFinding)
}

type findingInput struct {
	PathID
	Body struct {
		Finding     string    `json:"finding" minLength:"1" maxLength:"400" doc:"The ID of the finding."`
		Owner       string    `json:"owner,omitempty" maxLength:"200" doc:"Who mends it."`
		Due         time.Time `json:"due,omitzero" doc:"Until when."`
		AcceptUntil time.Time `json:"acceptUntil,omitzero" doc:"Accepts the risk until this moment."`
		Reason      string    `json:"reason,omitempty" maxLength:"4000" doc:"Why the risk is accepted."`
	}
}

type findingOutput struct{ Body drills.FindingDecision }

func (s *Server) decideFinding(ctx context.Context, in *findingInput) (*findingOutput, error) {
	out, err := s.fileDecision(ctx, in)
	if err != nil {
		return nil, s.failed(ctx, findingAction, in.ID, err)
	}
	s.Record(ctx, audit.Entry{Action: findingAction, Target: in.ID, Result: audit.Done, Detail: clip(in.Body.Finding)})
	return &findingOutput{Body: out}, nil
}

// fileDecision puts a decision on a finding into the ledger.
func (s *Server) fileDecision(ctx context.Context, in *findingInput) (drills.FindingDecision, error) {
	who, now, body := identityOf(ctx), time.Now().UTC(), in.Body
	out := drills.FindingDecision{Finding: body.Finding, Owner: body.Owner, Due: body.Due}
	switch {
	case body.Owner == "" && body.Due.IsZero() && body.AcceptUntil.IsZero():
		return out, fault.New(fault.Invalid, "say what is decided: owner, due or acceptUntil")
	case body.AcceptUntil.IsZero():
	case !who.Role.Includes(Approver):
		return out, fault.New(fault.Denied, "accepting a risk takes the role approver, and %s has the role %s", who.ID, who.Role)
	case !body.AcceptUntil.After(now):
		return out, fault.New(fault.Invalid, "acceptUntil is not a moment to come")
	case strings.TrimSpace(body.Reason) == "":
		return out, fault.New(fault.Invalid, "reason is missing: say why the risk is accepted")
	default:
		out.Accepted = &drill.Acceptance{By: who.ID, Until: body.AcceptUntil, Reason: body.Reason, At: now}
	}
	if err := s.haveLedger(); err != nil {
		return out, err
	}
	d, err := s.drills.Find(ctx, in.ID)
	if err != nil {
		return out, err
	}
	if plan := s.config.Drills[d.Plan].SignOff; out.Accepted != nil && !plan.Admits(who.ID) {
		return out, fault.New(fault.Denied, "the plan lets %s accept the risks of its findings, and not %s", strings.Join(plan.Approvers, ", "), who.ID)
	}
	return out, s.drills.DecideFinding(ctx, drills.Ref{Plan: d.Plan, ID: d.ID, Actor: who.ID, Since: now}, out)
}
