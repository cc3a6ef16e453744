package apiserver

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// attested writes what was done into the audit log, and into the ledger, where
// every API server shows it and nobody can take it back. What workflows do they
// put there themselves. A ledger that can't be written to leaves it to the log.
func (s *Server) attested(ctx context.Context, e audit.Entry) {
	e.Time = time.Now().UTC()
	s.Record(ctx, e)
	if s.ledger == nil || !s.ledger.Writable() {
		return
	}
	e.Actor, e.Role, e.RequestID = identityOf(ctx).ID, string(identityOf(ctx).Role), requestOf(ctx).id
	_, err := s.ledger.Append(context.WithoutCancel(ctx), evidence.Entry{
		ID: "audit/" + e.Action + "/" + e.RequestID, Kind: "audit." + e.Action, Actor: e.Actor, Subject: e.Target, Since: e.Time, Body: e,
	})
	if err != nil {
		s.log.ErrorContext(ctx, "what was done is not in the ledger", "error", err, "action", e.Action, "target", e.Target)
	}
}

// AuditEntry is one thing that somebody did or tried, or that was done for them.
type AuditEntry struct {
	audit.Entry
	// Source is log, the audit log of the API server that answers, or ledger.
	Source string `json:"source" enum:"log,ledger"`
	// Seq is the entry's number in the ledger.
	Seq *int64 `json:"seq,omitempty" doc:"Number of the entry in the ledger: see /v1/evidence."`
}

// sameAct reports whether two entries are of one act that stands in the log and in the ledger.
func (e AuditEntry) sameAct(o AuditEntry) bool {
	return e.Source != o.Source && e.RequestID != "" && e.RequestID == o.RequestID && e.Action == o.Action && e.Time.Equal(o.Time)
}

func (s *Server) describeAudit(api huma.API, readErrors []int) {
	add(s, api, route{
		id: "list-audit", method: http.MethodGet, path: "/v1/audit", tag: "evidence", role: Approver,
		summary: "List who did what, newest first", errors: append([]int{http.StatusBadRequest}, readErrors...),
		description: "From the audit log of the API server that answers, with refusals and failures, and from the ledger, which has what all " +
			"API servers and workers did. next leads to older entries.",
	}, s.listAudit)
}

type auditInput struct {
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"50"`
	Before string `query:"before" maxLength:"40" doc:"Only entries of before this moment, as RFC 3339 has it."`
}

type auditOutput struct {
	Body struct {
		Entries []AuditEntry `json:"entries" nullable:"false"`
		Next    string       `json:"next,omitempty" doc:"The before that leads to older entries; absent at the end."`
		Blind   string       `json:"blind,omitempty" doc:"Why the entries of the ledger are not among them."`
	}
}

func (s *Server) listAudit(ctx context.Context, in *auditInput) (*auditOutput, error) {
	var before time.Time
	if in.Before != "" {
		var err error
		if before, err = time.Parse(time.RFC3339Nano, in.Before); err != nil {
			return nil, fault.New(fault.Invalid, "before %q is not a moment such as 2006-01-02T15:04:05Z", in.Before)
		}
	}
	logged, err := s.audit.Newest(before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	entries := make([]AuditEntry, 0, 2*len(logged))
	for _, e := range logged {
		entries = append(entries, AuditEntry{Entry: e, Source: "log"})
	}
	out := &auditOutput{}
	if s.ledger != nil {
		proven, err := s.ledgerAudit(ctx, before, in.Limit+1)
		if err != nil {
			out.Body.Blind = s.problem(ctx, err).Error()
		}
		entries = append(entries, proven...)
	}
	out.Body.Entries, out.Body.Next = auditPage(entries, in.Limit)
	return out, nil
}

// auditPage merges entries, newest first, and cuts them off after limit, but not
// between two of one moment: next is the moment to go on from.
func auditPage(entries []AuditEntry, limit int) (page []AuditEntry, next string) {
	slices.SortStableFunc(entries, func(a, b AuditEntry) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(b.Source, a.Source))
	})
	// Of an act that stands in both, the ledger's entry is shown with what the log knows more.
	page = []AuditEntry{}
	for _, e := range entries {
		if last := len(page) - 1; last >= 0 && page[last].sameAct(e) {
			if e.Source == "ledger" {
				page[last].Source, page[last].Seq = e.Source, e.Seq
			}
			continue
		}
		if len(page) >= limit && !e.Time.Equal(page[len(page)-1].Time) {
			return page, page[len(page)-1].Time.Format(time.RFC3339Nano)
		}
		page = append(page, e)
	}
	return page, ""
}

const (
	// ledgerLag is by how much an entry of the ledger may be later than what it is about.
	ledgerLag = time.Minute
	// ledgerSlack are entries that are read beyond what is asked for, as two that
	// were appended at the same time may stand in either order.
	ledgerSlack = 16
)

// ledgerAudit returns the newest entries of the ledger before a moment, of any
// where that is zero.
func (s *Server) ledgerAudit(ctx context.Context, before time.Time, limit int) ([]AuditEntry, error) {
	head, err := s.ledger.Head(ctx)
	if err != nil {
		return nil, err
	}
	end := head.Size
	if !before.IsZero() {
		if end, err = s.ledgerEnd(ctx, end, before.Add(ledgerLag)); err != nil {
			return nil, err
		}
	}
	var entries []AuditEntry
	for limit += ledgerSlack; end > 0 && len(entries) < limit; {
		records, err := s.ledger.List(ctx, evidence.ListOptions{To: end, Limit: limit, Newest: true})
		if err != nil {
			return entries, err
		}
		for _, r := range records {
			if e := auditOf(r); before.IsZero() || e.Time.Before(before) {
				entries = append(entries, e)
			}
			end = r.Seq
		}
	}
	return entries, nil
}

// ledgerEnd finds the first entry that is not before a moment: the times of
// entries never go back.
func (s *Server) ledgerEnd(ctx context.Context, size int64, moment time.Time) (int64, error) {
	var failed error
	end := sort.Search(int(size), func(i int) bool {
		if failed != nil {
			return true
		}
		found, err := s.ledger.Get(ctx, int64(i))
		failed = err
		return err != nil || !found.Time.Before(moment)
	})
	return int64(end), failed
}

// auditOf is an entry of the ledger as one of an audit. Its body is an
// audit.Entry, what a workflow says of its work, or an event of a drill.
func auditOf(r evidence.Record) AuditEntry {
	var body struct {
		audit.Entry
		// ID and Error are of work that a workflow did.
		ID    string `json:"id"`
		Error string `json:"error"`
	}
	action, audited := strings.CutPrefix(r.Kind, "audit.")
	if audited {
		// A body of another form leaves what the record itself says.
		_ = json.Unmarshal(r.Body, &body)
	}
	e := body.Entry
	if e.Time.IsZero() {
		e.Time = r.Time
	}
	e.Actor, e.Action = cmp.Or(e.Actor, r.Actor), cmp.Or(e.Action, action)
	e.Target, e.Result = cmp.Or(e.Target, r.Subject), cmp.Or(e.Result, audit.Done)
	e.Detail = cmp.Or(e.Detail, body.Error, body.ID)
	return AuditEntry{Entry: e, Source: "ledger", Seq: &r.Seq}
}
