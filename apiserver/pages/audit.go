package pages

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/lifeboat-dr/lifeboat/apiserver"
)

const (
	// auditPageSize is how many entries a page of the audit log has, at least while there are more.
	auditPageSize = 50
	// auditReads bounds how often a search asks for more entries before it shows what it has.
	auditReads = 5
	// auditBatch is how many entries one request asks for.
	auditBatch = "200"
)

// auditPage lists who did what.
type auditPage struct {
	Entries []apiserver.AuditEntry
	Blind   string
	// Words are what is searched for, Result is the one that entries must have.
	Words, Result string
	// Older leads to what follows, empty at the end; Newest leads back, empty on the first page.
	Older, Newest string
}

func (s *site) audit(v *visit) error {
	data := auditPage{Words: v.QueryParam("words"), Result: v.QueryParam("result")}
	before := v.QueryParam("before")
	if before != "" {
		data.Newest = data.link("")
	}
	for range auditReads {
		query := url.Values{"limit": {auditBatch}}
		if data.Words == "" && data.Result == "" {
			query.Set("limit", "50")
		}
		if before != "" {
			query.Set("before", before)
		}
		var found struct {
			Entries []apiserver.AuditEntry `json:"entries"`
			Next    string                 `json:"next"`
			Blind   string                 `json:"blind"`
		}
		if err := v.ask(http.MethodGet, "/v1/audit?"+query.Encode(), nil, &found); err != nil {
			return err
		}
		data.Blind = found.Blind
		for _, e := range found.Entries {
			if data.wants(e) {
				data.Entries = append(data.Entries, e)
			}
		}
		before = found.Next
		if before == "" || len(data.Entries) >= auditPageSize {
			break
		}
	}
	if before != "" {
		data.Older = data.link(before)
	}
	return v.render("audit", data)
}

// link is the page with the same search, from a moment on.
func (p auditPage) link(before string) string {
	query := url.Values{}
	for name, value := range map[string]string{"words": p.Words, "result": p.Result, "before": before} {
		if value != "" {
			query.Set(name, value)
		}
	}
	return "/audit?" + query.Encode()
}

// wants reports whether an entry has all the words that are searched for.
func (p auditPage) wants(e apiserver.AuditEntry) bool {
	if p.Result != "" && e.Result != p.Result {
		return false
	}
	text := strings.ToLower(strings.Join([]string{e.Actor, e.Role, e.Action, e.Target, e.Result, e.Detail, e.WorkflowID, e.RequestID, e.Remote}, " "))
	for word := range strings.FieldsSeq(strings.ToLower(p.Words)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
