package apiserver

import (
	"context"
	"net/http"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
)

// Idempotent is the header of every request that starts work.
type Idempotent struct {
	Key string `header:"Idempotency-Key" maxLength:"255" doc:"Makes a repeated request find what the first one started."`
}

// PathID names one thing in the path.
type PathID struct {
	ID string `path:"id" maxLength:"100"`
}

// Started is the answer to a request that started work. A repeated request gets the same one.
type Started struct {
	ID         string `json:"id" doc:"Of the recovery point, the restore or the run."`
	Operation  string `json:"operation"`
	Surface    string `json:"surface,omitempty"`
	Kind       string `json:"kind,omitempty"`
	State      string `json:"state" enum:"running"`
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
}

type startedOutput struct {
	Location string `header:"Location" doc:"Where to look how it goes."`
	Body     Started
}

// work is what a request wants to be started.
type work struct {
	// action and target are for the audit log.
	action, target string
	key            string
	// path is where the result will be, without the id.
	path string
	// answer has what is known before the start.
	answer Started
	// launch starts it. It runs only when nothing was wrong with the request.
	launch func(context.Context, launch.Request) (launch.Started, error)
}

// start launches work on behalf of whoever asks, and writes the audit entry.
func (s *Server) start(ctx context.Context, w work) (*startedOutput, error) {
	started, err := w.launch(ctx, launch.Request{Requester: identityOf(ctx).ID, IdempotencyKey: w.key})
	if fault.Is(err, fault.Conflict) && w.key != "" {
		err = newProblem(http.StatusUnprocessableEntity, "idempotency-key-reused", err.Error())
	}
	if err != nil {
		return nil, s.failed(ctx, w.action, w.target, err)
	}
	entry := audit.Entry{Action: w.action, Target: w.target, Result: audit.Accepted, WorkflowID: started.WorkflowID}
	if started.Replayed {
		entry.Detail = "the same request as before"
	}
	s.Record(ctx, entry)
	out := &startedOutput{Location: w.path + started.ID, Body: w.answer}
	out.Body.ID, out.Body.State = started.ID, "running"
	out.Body.WorkflowID, out.Body.RunID = started.WorkflowID, started.RunID
	return out, nil
}

// failed writes down that a change did not come about, and returns the problem to answer.
func (s *Server) failed(ctx context.Context, action, target string, err error) error {
	p := s.problem(ctx, err)
	result := audit.Failed
	if p.GetStatus() == http.StatusForbidden {
		result = audit.Refused
	}
	s.Record(ctx, audit.Entry{Action: action, Target: clip(target), Result: result, Detail: p.Error()})
	return p
}

// clip keeps what a client names from filling the log.
func clip(text string) string {
	if len(text) <= 200 {
		return text
	}
	return strings.ToValidUTF8(text[:200], "") + "…"
}

// requireAdmin refuses a request whose key lacks the role that this use of the operation takes.
func requireAdmin(ctx context.Context, what string) error {
	if who := identityOf(ctx); !who.Role.Includes(Admin) {
		return newProblem(http.StatusForbidden, "denied",
			what+" takes the role "+string(Admin)+", and the key has the role "+string(who.Role))
	}
	return nil
}
