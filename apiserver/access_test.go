package apiserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
)

// access is every operation with the least role that may use it. The requests
// are such that they get past the check of roles, not necessarily further.
var access = []struct {
	method, path, body string
	least              Role
}{
	{"GET", "/v1/admin/snapshots", "", Viewer},
	{"GET", "/v1/admin/snapshots/{id}", "", Viewer},
	{"GET", "/v1/admin/snapshots/{id}/download", "", Operator},
	{"GET", "/v1/admin/restores/{id}", "", Viewer},
	{"GET", "/v1/admin/prunes/{id}", "", Viewer},
	{"GET", "/v1/status", "", Viewer},
	{"GET", "/v1/alerts", "", Viewer},
	{"GET", "/v1/runs", "", Viewer},
	{"GET", "/v1/surfaces", "", Viewer},
	{"GET", "/v1/surfaces/{name}", "", Viewer},
	{"POST", "/v1/admin/snapshots/create", `{"database":"main"}`, Operator},
	{"POST", "/v1/admin/snapshots/restore", `{"id":"20260102T030405.000Z-nobody"}`, Operator},
	{"POST", "/v1/admin/snapshots/restore", `{"id":"20260102T030405.000Z-nobody","to":"in-place","confirm":"main"}`, Admin},
	{"POST", "/v1/admin/snapshots/restore", `{"id":"20260102T030405.000Z-nobody","to":"staging","replace":true}`, Admin},
	{"POST", "/v1/admin/snapshots/prune", `{"policy":"main-daily","dryRun":true}`, Operator},
	{"POST", "/v1/admin/snapshots/prune", `{"policy":"main-daily"}`, Admin},
	{"POST", "/v1/admin/snapshots/{id}/verify", "", Operator},
	{"GET", "/v1/pitr/{surface}", "", Viewer},
	{"GET", "/v1/pitr/{surface}/plan", "", Viewer},
	{"GET", "/v1/targets", "", Viewer},
	{"POST", "/v1/pitr/{surface}/restore", `{"at":"latest"}`, Operator},
	{"DELETE", "/v1/pitr/{surface}/instances/{id}", "", Operator},
	{"GET", "/v1/admin/recoveries/{id}", "", Viewer},
	{"GET", "/v1/admin/removals/{id}", "", Viewer},
	{"POST", "/v1/objects/{surface}/restore", `{"at":"2026-01-02T03:04:05Z","to":{"prefix":"rescued/"}}`, Operator},
	{"GET", "/v1/admin/rewinds/{id}", "", Viewer},
	{"POST", "/v1/drills", `{"plan":"quarterly"}`, Operator},
	{"GET", "/v1/drills", "", Viewer},
	{"GET", "/v1/drills/{id}", "", Viewer},
	{"DELETE", "/v1/drills/{id}", "", Operator},
	{"POST", "/v1/drills/{id}/manual-steps", `{"text":"moved the DNS name"}`, Operator},
	{"POST", "/v1/drills/{id}/sign-off", `{"statement":"looked at all of it"}`, Approver},
	{"POST", "/v1/drills/{id}/findings", `{"finding":"x","owner":"ann"}`, Operator},
	{"GET", "/v1/drills/{id}/report", "", Viewer},
	{"GET", "/v1/evidence", "", Viewer},
	{"GET", "/v1/evidence/verify", "", Viewer},
	{"GET", "/v1/evidence/{seq}", "", Viewer},
	{"GET", "/v1/schedules", "", Viewer},
	{"POST", "/v1/schedules/{name}/pause", `{"reason":"maintenance"}`, Operator},
	{"POST", "/v1/schedules/{name}/resume", "", Operator},
	{"POST", "/v1/schedules/{name}/run", "", Operator},
	{"GET", "/v1/audit", "", Approver},
	{"GET", "/v1/commitments", "", Viewer},
	{"GET", "/v1/coverage", "", Viewer},
	{"GET", "/v1/whoami", "", Viewer},
	{"GET", "/v1/admin/keys", "", Admin},
	{"POST", "/v1/admin/keys", `{"id":"ROLE","role":"viewer"}`, Admin},
	{"DELETE", "/v1/admin/keys/{id}", "", Admin},
}

func TestRolesMatrix(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range access {
		path := strings.NewReplacer("{id}", "20260102T030405.000Z-nobody", "{name}", "main", "{surface}", "main", "{seq}", "0").Replace(c.path)
		t.Run(c.method+" "+c.path+" "+c.body, func(t *testing.T) {
			for _, role := range []Role{Viewer, Operator, Approver, Admin} {
				a := b.as(role, c.method, path, strings.ReplaceAll(c.body, "ROLE", "k-"+string(role)))
				if role.Includes(c.least) {
					if a.status == http.StatusForbidden || a.status == http.StatusUnauthorized || a.status >= 500 {
						t.Errorf("%s: status %d: %s", role, a.status, a.body)
					}
					continue
				}
				wantProblem(t, a, http.StatusForbidden, "denied", "the key has the role "+string(role))
			}
			a := b.send(c.method, path, c.body)
			wantProblem(t, a, http.StatusUnauthorized, "unauthenticated", "credentials are missing")
			if got := strings.Join(a.header.Values("WWW-Authenticate"), " | "); got != `Bearer realm="lifeboat" | Basic realm="lifeboat", charset="UTF-8"` {
				t.Errorf("WWW-Authenticate: %s", got)
			}
		})
	}
	for _, e := range b.audited() {
		if e.Result == audit.Refused && (e.Actor == "" || e.Role == "" || e.Detail == "" || e.RequestID == "") {
			t.Errorf("a refusal is not complete: %+v", e)
		}
	}
}

func TestTheMatrixIsComplete(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	for _, c := range access {
		listed[c.method+" "+c.path] = true
	}
	for _, op := range operations(t, setup(t)) {
		if !listed[op.method+" "+op.path] {
			t.Errorf("%s %s is described and not in the matrix of roles", op.method, op.path)
		}
		delete(listed, op.method+" "+op.path)
	}
	if len(listed) > 0 {
		t.Errorf("not described: %v", listed)
	}
}

func TestBasicCredentials(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if a := b.send("GET", "/v1/surfaces", "", "Authorization", basic("viewer", hush+"-key")); a.status != http.StatusOK {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}

func TestGuessingIsHeldBack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	b.server.failures.now = func() time.Time { return now }
	if a := b.as(Viewer, "GET", "/v1/surfaces", ""); a.status != http.StatusOK {
		t.Fatalf("status %d: %s", a.status, a.body)
	}
	guess := func() answer {
		return b.send("GET", "/v1/surfaces", "", "Authorization", "Bearer lb_viewer_guess")
	}
	for range addressBurst {
		wantProblem(t, guess(), http.StatusUnauthorized, "unauthenticated", "not valid")
	}
	a := guess()
	wantProblem(t, a, http.StatusTooManyRequests, "too-many-requests", "wait")
	if got := a.header.Get("Retry-After"); got != "7" {
		t.Errorf("Retry-After: %q", got)
	}
	// A right key that was not seen before is held back like a guess; one that was, is not.
	wantProblem(t, b.as(Operator, "GET", "/v1/surfaces", ""), http.StatusTooManyRequests, "too-many-requests", "")
	if a := b.as(Viewer, "GET", "/v1/surfaces", ""); a.status != http.StatusOK {
		t.Errorf("a key that was verified before is held back: %d", a.status)
	}
	now = now.Add(addressEvery)
	if a := b.as(Operator, "GET", "/v1/surfaces", ""); a.status != http.StatusOK {
		t.Errorf("after waiting the right key is held back: %d", a.status)
	}
	entries := b.audited()
	if len(entries) == 0 || entries[0].Target != "viewer" || entries[0].Actor != "" || entries[0].Detail != "wrong credentials" {
		t.Errorf("the guesses are not in the audit log: %+v", entries)
	}
	if strings.Contains(fmt.Sprint(entries), "guess") {
		t.Error("a guessed secret is in the audit log")
	}
	metrics := b.send("GET", "/metrics", "").body
	for _, want := range []string{`lifeboat_auth_refusals_total{reason="rate"} 2`, `lifeboat_auth_refusals_total{reason="credentials"} 10`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
}

func TestKeysOverTheAPI(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.as(Admin, "POST", "/v1/admin/keys", `{"id":"nightly","role":"operator"}`)
	made := decode[NewKey](t, a)
	if a.status != http.StatusCreated || made.ID != "nightly" || made.Role != Operator || made.Source != "file" || made.CreatedAt.IsZero() {
		t.Fatalf("%d %+v", a.status, made)
	}
	use := func() int {
		return b.send("POST", createPath, `{"database":"main"}`, "Authorization", "Bearer "+made.Token).status
	}
	if got := use(); got != http.StatusAccepted {
		t.Errorf("the new key gives %d", got)
	}
	wantProblem(t, b.as(Admin, "POST", "/v1/admin/keys", `{"id":"nightly","role":"viewer"}`), 409, "conflict", "already")
	wantProblem(t, b.as(Admin, "POST", "/v1/admin/keys", `{"id":"viewer","role":"viewer"}`), 409, "conflict", "configuration")
	wantProblem(t, b.as(Admin, "POST", "/v1/admin/keys", `{"id":"admin","role":"viewer"}`), 400, "invalid", "not \\\"admin\\\"")
	wantProblem(t, b.as(Admin, "POST", "/v1/admin/keys", `{"id":"A_b","role":"viewer"}`), 422, "invalid", "body.id")
	wantProblem(t, b.as(Admin, "POST", "/v1/admin/keys", `{"id":"x","role":"root"}`), 422, "invalid", "body.role")

	list := b.as(Admin, "GET", "/v1/admin/keys", "")
	var ids []string
	for _, k := range decode[[]Key](t, list) {
		ids = append(ids, k.ID+":"+string(k.Role)+":"+k.Source)
	}
	want := "[approver:approver:config boss:admin:config nightly:operator:file operator:operator:config viewer:viewer:config]"
	if fmt.Sprint(ids) != want || strings.Contains(list.body, "argon2") {
		t.Errorf("the keys list as %s", list.body)
	}

	if a := b.as(Admin, "DELETE", "/v1/admin/keys/nightly", ""); a.status != http.StatusNoContent || a.body != "" {
		t.Errorf("removing gives %d %q", a.status, a.body)
	}
	if got := use(); got != http.StatusUnauthorized {
		t.Errorf("the removed key gives %d", got)
	}
	wantProblem(t, b.as(Admin, "DELETE", "/v1/admin/keys/nightly", ""), 404, "missing", "no key")
	wantProblem(t, b.as(Admin, "DELETE", "/v1/admin/keys/boss", ""), 409, "conflict", "remove it there")
	var done []string
	for _, e := range b.audited() {
		if e.Result == audit.Done {
			done = append(done, e.Action+" "+e.Target+" "+e.Detail)
		}
	}
	if fmt.Sprintf("%q", done) != `["key.create nightly role operator" "key.delete nightly "]` {
		t.Errorf("audit log: %q", done)
	}
}

func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.seal("main", "postgres", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	b.launcher.know(launch.Run{ID: m.ID, Operation: "verify", Surface: "main", State: "running"}, nil)
	b.judge("quarterly", m.ID, true)
	var seen strings.Builder
	for _, c := range access {
		path := strings.NewReplacer("{id}", m.ID, "{name}", "main", "{seq}", "0").Replace(c.path)
		for _, role := range []Role{Viewer, Admin} {
			seen.WriteString(b.as(role, c.method, path, c.body).body)
		}
		seen.WriteString(b.as(Admin, c.method, path, `{"password":"`+hush+`"}`).body)
	}
	for _, path := range []string{"/", "/openapi.json", "/healthz", "/readyz", "/metrics", "/nowhere?token=" + hush} {
		seen.WriteString(b.send("GET", path, "").body)
	}
	seen.WriteString(b.logs.String())
	text, err := json.Marshal(b.audited())
	if err != nil {
		t.Fatal(err)
	}
	seen.Write(text)
	if at := strings.Index(seen.String(), hush); at >= 0 {
		t.Errorf("a secret came out: …%s…", seen.String()[max(0, at-200):min(seen.Len(), at+50)])
	}
}
