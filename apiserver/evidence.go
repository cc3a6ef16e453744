package apiserver

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/report"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// describeEvidence lists the operations of evidence and what it permits to promise.
func (s *Server) describeEvidence(api huma.API, readErrors []int) {
	add(s, api, route{
		id: "list-evidence", method: http.MethodGet, path: "/v1/evidence", tag: "evidence", role: Viewer,
		summary: "List the ledger's entries, newest first", errors: readErrors,
	}, s.listEvidence)
	add(s, api, route{
		id: "verify-evidence", method: http.MethodGet, path: "/v1/evidence/verify", tag: "evidence", role: Viewer,
		summary: "Read the whole ledger and check every byte of it", errors: readErrors,
		description: "Answers 200 with the problems that were found; none means that nothing was changed. One verification runs at a time.",
	}, s.verifyEvidence)
	add(s, api, route{
		id: "get-evidence", method: http.MethodGet, path: "/v1/evidence/{seq}", tag: "evidence", role: Viewer,
		summary: "Show an entry with the proof that it is in the ledger", errors: readErrors,
	}, s.getEvidence)
	add(s, api, route{
		id: "get-drill-report", method: http.MethodGet, path: "/v1/drills/{id}/report", tag: "evidence", role: Viewer,
		summary: "Write the report of a drill, as a page or as JSON", errors: readErrors,
	}, s.getReport)
	add(s, api, route{
		id: "get-commitments", method: http.MethodGet, path: "/v1/commitments", tag: "evidence", role: Viewer,
		summary: "Say which RTO and RPO may be promised today, and why not the others", errors: readErrors,
	}, s.getCommitments)
	add(s, api, route{
		id: "get-coverage", method: http.MethodGet, path: "/v1/coverage", tag: "evidence", role: Viewer,
		summary: "Say how much of the yearly plan was done", errors: readErrors,
	}, s.getCoverage)
}

type listEvidenceInput struct {
	Kind    string `query:"kind" maxLength:"100" doc:"Only entries of this kind."`
	Subject string `query:"subject" maxLength:"200" doc:"Only entries about this."`
	Before  int64  `query:"before" minimum:"0" doc:"Only entries with a smaller number; 0 for all."`
	Limit   int    `query:"limit" default:"50" minimum:"1" maximum:"500" doc:"At most so many."`
}

type listEvidenceOutput struct {
	Body struct {
		Size    int64             `json:"size" doc:"How many entries the ledger has."`
		Root    string            `json:"root" doc:"The root of its Merkle tree, in base64."`
		Entries []evidence.Record `json:"entries" nullable:"false"`
	}
}

func (s *Server) listEvidence(ctx context.Context, in *listEvidenceInput) (*listEvidenceOutput, error) {
	if err := s.haveLedger(); err != nil {
		return nil, err
	}
	head, err := s.ledger.Head(ctx)
	if err != nil {
		return nil, err
	}
	entries, err := s.ledger.List(ctx, evidence.ListOptions{To: in.Before, Kind: in.Kind, Subject: in.Subject, Limit: in.Limit, Newest: true})
	if err != nil {
		return nil, err
	}
	out := &listEvidenceOutput{}
	out.Body.Size, out.Body.Root, out.Body.Entries = head.Size, head.Root, entries
	if entries == nil {
		out.Body.Entries = []evidence.Record{}
	}
	return out, nil
}

type evidenceInput struct {
	Seq int64 `path:"seq" minimum:"0"`
}

type evidenceOutput struct{ Body evidence.Proof }

func (s *Server) getEvidence(ctx context.Context, in *evidenceInput) (*evidenceOutput, error) {
	if err := s.haveLedger(); err != nil {
		return nil, err
	}
	proof, err := s.ledger.Prove(ctx, in.Seq)
	return &evidenceOutput{Body: proof}, err
}

type verifyEvidenceOutput struct{ Body evidence.Report }

func (s *Server) verifyEvidence(ctx context.Context, _ *struct{}) (*verifyEvidenceOutput, error) {
	if err := s.haveLedger(); err != nil {
		return nil, err
	}
	if !s.verifying.TryLock() {
		return nil, newProblem(http.StatusTooManyRequests, "too-many-requests", "a verification runs already: ask again when it is done")
	}
	defer s.verifying.Unlock()
	found, err := s.ledger.Verify(ctx, evidence.VerifyOptions{})
	if fault.Is(err, fault.Corrupt) {
		err = nil
	}
	return &verifyEvidenceOutput{Body: found}, err
}

type reportInput struct {
	PathID
	Format string `query:"format" default:"html" enum:"html,json"`
}

type reportOutput struct {
	ContentType string `header:"Content-Type"`
	Policy      string `header:"Content-Security-Policy"`
	Body        []byte
}

func (s *Server) getReport(ctx context.Context, in *reportInput) (*reportOutput, error) {
	if err := s.haveLedger(); err != nil {
		return nil, err
	}
	d, err := s.report(ctx, in.ID, time.Now())
	if err != nil {
		return nil, err
	}
	if in.Format == "json" {
		text, err := report.JSON(d)
		return &reportOutput{ContentType: "application/json", Body: text}, err
	}
	text, err := report.HTML(d)
	// The page is self-contained: its own style, and nothing else.
	return &reportOutput{
		ContentType: "text/html; charset=utf-8", Policy: "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'", Body: text,
	}, err
}

type commitmentsOutput struct {
	Body struct {
		Commitments []drill.Commitment `json:"commitments" nullable:"false"`
	}
}

func (s *Server) getCommitments(ctx context.Context, _ *struct{}) (*commitmentsOutput, error) {
	out := &commitmentsOutput{}
	found, err := s.commitments(ctx, time.Now())
	out.Body.Commitments = found
	return out, err
}

type coverageOutput struct{ Body drill.Coverage }

func (s *Server) getCoverage(ctx context.Context, _ *struct{}) (*coverageOutput, error) {
	found, err := s.coverage(ctx, time.Now())
	return &coverageOutput{Body: found}, err
}
