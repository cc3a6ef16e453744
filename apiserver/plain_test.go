package apiserver

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// operation is one of the OpenAPI document.
type operation struct {
	method, path string
	body         map[string]any
}

// document is the OpenAPI document as a client gets it.
func document(t *testing.T, b *bundle) map[string]any {
	t.Helper()
	a := b.send("GET", "/openapi.json", "")
	if a.status != http.StatusOK {
		t.Fatalf("status %d", a.status)
	}
	var out map[string]any
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func operations(t *testing.T, b *bundle) []operation {
	t.Helper()
	var out []operation
	for path, item := range document(t, b)["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			out = append(out, operation{strings.ToUpper(method), path, op.(map[string]any)})
		}
	}
	return out
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	b := setup(t)
	doc := document(t, b)
	if version, _ := doc["openapi"].(string); !strings.HasPrefix(version, "3.1.") {
		t.Errorf("version %q", version)
	}
	ids := map[string]bool{}
	described := map[string]bool{}
	for _, op := range operations(t, b) {
		described[op.method+" "+regexp.MustCompile(`\{(\w+)\}`).ReplaceAllString(op.path, ":$1")] = true
		id, _ := op.body["operationId"].(string)
		if id == "" || ids[id] {
			t.Errorf("%s %s: operationId %q is missing or there twice", op.method, op.path, id)
		}
		ids[id] = true
		if op.body["security"] == nil || op.body["summary"] == nil || op.body["x-role"] == nil {
			t.Errorf("%s: no security, summary or role", id)
		}
		responses := op.body["responses"].(map[string]any)
		for _, status := range []string{"401", "403", "429", "500"} {
			content, _ := responses[status].(map[string]any)["content"].(map[string]any)
			if content["application/problem+json"] == nil {
				t.Errorf("%s: no problem for %s", id, status)
			}
		}
		// What a key or a person's decision is made of is there with the answer.
		atOnce := slices.Contains([]string{
			"create-key", "tell-manual-step", "sign-drill", "decide-finding", "pause-schedule", "resume-schedule",
		}, id)
		if op.method == "POST" && !atOnce && responses["202"] == nil {
			t.Errorf("%s: starts work and is not answered by 202", id)
		}
	}
	router := b.server.Handler().(*echo.Echo)
	for _, r := range router.Routes() {
		if strings.HasPrefix(r.Path, "/v1/") && !described[r.Method+" "+r.Path] {
			t.Errorf("%s %s is served and not described", r.Method, r.Path)
		}
		delete(described, r.Method+" "+r.Path)
	}
	if len(described) > 0 {
		t.Errorf("described and not served: %v", described)
	}
	// Every reference leads somewhere.
	text := b.send("GET", "/openapi.json", "").body
	schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
	for _, ref := range regexp.MustCompile(`"\$ref": "#/components/schemas/([^"]+)"`).FindAllStringSubmatch(text, -1) {
		if schemas[ref[1]] == nil {
			t.Errorf("there is no schema %s", ref[1])
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *Deps) {
		d.Stores["offsite"] = brokenStore{err: fault.New(fault.Unavailable, "no route to "+hush)}
	})
	if got := decode[health](t, b.send("GET", "/healthz", "")); got.Status != "ok" || got.Version != "1.2.3" {
		t.Errorf("healthz: %+v", got)
	}
	a := b.send("GET", "/readyz", "")
	got := decode[health](t, a)
	if a.status != http.StatusOK || got.Status != "degraded" || got.Temporal != "ok" || got.Stores["primary"] != "ok" ||
		got.Stores["offsite"] != "unavailable" || strings.Contains(a.body, hush) {
		t.Errorf("readyz with a broken store: %d %s", a.status, a.body)
	}
	b.launcher.fail(fault.New(fault.Unavailable, "reach Temporal"))
	a = b.send("GET", "/readyz", "")
	if got := decode[health](t, a); a.status != http.StatusServiceUnavailable || got.Temporal != "unavailable" || got.Status != "unavailable" {
		t.Errorf("readyz without Temporal: %d %s", a.status, a.body)
	}
	if a := b.send("GET", "/healthz", ""); a.status != http.StatusOK {
		t.Errorf("healthz without Temporal: %d", a.status)
	}
}

func TestStoresAreCheckedNowAndThen(t *testing.T) {
	t.Parallel()
	counting := &countingStore{}
	r := newReadiness(map[string]store.Store{"a": counting})
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	r.now = func() time.Time { return now }
	for range 3 {
		r.look(t.Context())
	}
	if counting.checks != 1 {
		t.Errorf("%d checks within the age of one", counting.checks)
	}
	now = now.Add(readinessAge)
	r.look(t.Context())
	if counting.checks != 2 {
		t.Errorf("%d checks after the first one's age", counting.checks)
	}
}

// countingStore counts how often it is checked.
type countingStore struct {
	store.Store
	checks int
}

func (s *countingStore) Check(context.Context) error {
	s.checks++
	return nil
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.as(Viewer, "GET", "/v1/surfaces/main", "")
	b.as(Viewer, "GET", "/v1/surfaces/nobody", "")
	b.send("GET", "/random/path/1", "")
	b.send("BREW", "/", "")
	a := b.send("GET", "/metrics", "")
	for _, want := range []string{
		`lifeboat_build_info{go="go`, `version="1.2.3"} 1`, "go_goroutines ", "process_open_fds ",
		`lifeboat_http_requests_total{method="GET",route="/v1/surfaces/:name",status="200"} 1`,
		`lifeboat_http_requests_total{method="GET",route="/v1/surfaces/:name",status="404"} 1`,
		`lifeboat_http_requests_total{method="other",`,
		`lifeboat_http_request_duration_seconds_count{method="GET",route="/v1/surfaces/:name"} 2`,
	} {
		if !strings.Contains(a.body, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	for _, not := range []string{"random", "nobody", "BREW"} {
		if strings.Contains(a.body, not) {
			t.Errorf("a client's %q became a label", not)
		}
	}
}

func TestMetricsTakeTheirToken(t *testing.T) {
	t.Parallel()
	const hidden = "scrape-" + hush + "-token"
	b := setup(t, func(d *Deps) { d.Config.Metrics.Token = hidden })
	for _, header := range []string{"", "Bearer", "Bearer " + hush, "Basic " + hidden, hidden, "Bearer " + token(Admin)} {
		a := b.send("GET", "/metrics", "", "Authorization", header)
		if a.status != http.StatusUnauthorized || !strings.Contains(a.header.Get("WWW-Authenticate"), "Bearer") || strings.Contains(a.body, "lifeboat_build_info") ||
			strings.Contains(a.body, hush) {
			t.Errorf("%q gives %d %s", header, a.status, a.body)
		}
	}
	if a := b.send("GET", "/metrics", "", "Authorization", "bearer "+hidden); a.status != http.StatusOK || !strings.Contains(a.body, "lifeboat_build_info") {
		t.Errorf("with its token: %d %s", a.status, a.body)
	}
	// It is no key of anything else.
	wantProblem(t, b.send("GET", "/v1/surfaces", "", "Authorization", "Bearer "+hidden), http.StatusUnauthorized, "unauthenticated", "")
	if strings.Contains(b.logs.String(), hush) {
		t.Error("the token is in the log")
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.send("GET", "/", "")
	if a.status != http.StatusOK || !strings.Contains(a.body, `href="http://127.0.0.1:8233"`) || !strings.Contains(a.body, `href="/openapi.json"`) ||
		strings.Contains(a.body, "<script") {
		t.Errorf("the page: %d %s", a.status, a.body)
	}
	if css := b.send("GET", "/page.css", ""); css.status != http.StatusOK || !strings.HasPrefix(css.header.Get("Content-Type"), "text/css") {
		t.Errorf("the style: %d %s", css.status, css.header.Get("Content-Type"))
	}
	hostile := setup(t, func(d *Deps) { d.TemporalUI = "javascript:alert(1)" })
	if a := hostile.send("GET", "/", ""); strings.Contains(a.body, "javascript:") {
		t.Errorf("the address of the Web UI is not escaped: %s", a.body)
	}
}

func TestEveryAnswerIsGuarded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/", "/healthz", "/v1/surfaces", "/nowhere", "/openapi.json"} {
		a := b.send("GET", path, "")
		for name, want := range map[string]string{
			"Content-Security-Policy": contentPolicy, "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		if len(a.header.Get("X-Request-Id")) != 16 {
			t.Errorf("%s: the request's id is %q", path, a.header.Get("X-Request-Id"))
		}
	}
	wantProblem(t, b.send("GET", "/nowhere", ""), 404, "missing", "/openapi.json")
	wantProblem(t, b.as(Admin, "PUT", createPath, "{}"), 405, "method-not-allowed", "PUT")
	if got := b.send("GET", "/", "", "X-Request-Id", "mine-1").header.Get("X-Request-Id"); got != "mine-1" {
		t.Errorf("the client's own id became %q", got)
	}
	if got := b.send("GET", "/", "", "X-Request-Id", "a\"b").header.Get("X-Request-Id"); strings.Contains(got, `"`) {
		t.Errorf("an odd id was taken over: %q", got)
	}
}

func TestOtherSitesMayNotAskForChanges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, headers := range map[string][]string{
		"fetch metadata": {"Sec-Fetch-Site", "cross-site"},
		"origin":         {"Origin", "https://evil.example"},
	} {
		wantProblem(t, b.as(Admin, "POST", createPath, `{"database":"main"}`, headers...), 403, "denied", "another site")
		if len(b.launcher.starts()) != 0 {
			t.Errorf("%s: it was started all the same", name)
		}
	}
}

func TestUnclassifiedErrorsAndPanicsSayNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.launcher.fail(errors.New("inner workings"))
	wantProblem(t, b.as(Operator, "POST", createPath, `{"database":"main"}`), 500, "internal", "the server's log")
	wantProblem(t, b.as(Viewer, "GET", "/v1/surfaces", ""), 500, "internal", "the server's log")
	b.server.Handler().(*echo.Echo).GET("/panic", func(echo.Context) error { panic("inner workings") })
	a := b.send("GET", "/panic", "")
	wantProblem(t, a, 500, "internal", a.header.Get("X-Request-Id"))
	if n := strings.Count(b.logs.String(), "inner workings"); n < 3 {
		t.Errorf("the log has %d of the 3 causes", n)
	}
	if a := b.send("GET", "/healthz", ""); a.status != http.StatusOK {
		t.Errorf("after a panic the server answers %d", a.status)
	}
}

func TestSurfaces(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.seal("main", "postgres", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	b.launcher.know(launch.Run{ID: "x", Operation: "snapshot", Surface: "main", State: "running"}, nil)
	got := decode[[]Surface](t, b.as(Viewer, "GET", "/v1/surfaces", ""))
	if len(got) != 2 || got[0].Name != "cache" || got[1].Name != "main" || got[0].LastPoint != nil || got[0].NextDue != nil || got[0].Running == nil {
		t.Fatalf("the surfaces list as %+v", got)
	}
	main := got[1]
	if main.Kind != "postgres" || main.LastPoint == nil || main.LastPoint.ID != m.ID || main.LastVerified != nil ||
		len(main.Running) != 1 || main.Running[0].ID != "x" || main.NextDue == nil || main.NextDue.Hour() != 2 || !main.NextDue.After(time.Now()) {
		t.Errorf("main shows as %+v", main)
	}
	if one := decode[Surface](t, b.as(Viewer, "GET", "/v1/surfaces/main", "")); one.Name != "main" || one.LastPoint == nil {
		t.Errorf("alone it shows as %+v", one)
	}
	wantProblem(t, b.as(Viewer, "GET", "/v1/surfaces/other", ""), 404, "missing", "there are cache, main")
}

func TestNextDue(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	policies := map[string]config.Policy{
		"daily":  {Surface: "main", Cron: "0 2 * * *", TimeZone: "Europe/Berlin"},
		"later":  {Surface: "main", Cron: "0 3 * * *", TimeZone: "Europe/Berlin"},
		"paused": {Surface: "main", Cron: "* * * * *", TimeZone: "UTC", Paused: true},
		"other":  {Surface: "cache", Cron: "* * * * *", TimeZone: "UTC"},
	}
	if got := nextDue(policies, "main", now); got == nil || !got.Equal(time.Date(2026, 1, 2, 1, 0, 0, 0, time.UTC)) {
		t.Errorf("next due %v", got)
	}
	if got := nextDue(policies, "nothing", now); got != nil {
		t.Errorf("next due %v", got)
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	b := setup(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.server.ServeListener(ctx, listener) }()
	response, err := http.Get("http://" + listener.Addr().String() + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(text), `"ok"`) {
		t.Errorf("%d %s %v", response.StatusCode, text, err)
	}
	if err := b.server.Serve(t.Context(), listener.Addr().String()); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), "LIFEBOAT_LISTEN") {
		t.Errorf("a busy port gives %v", err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopping gives %v", err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("it still listens")
	}
}

func TestAnUnwritableAuditLogShows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if err := errors.Join(os.Remove(b.auditLog), os.Mkdir(b.auditLog, 0o700)); err != nil {
		t.Fatal(err)
	}
	if a := b.as(Operator, "POST", createPath, `{"database":"main"}`); a.status != http.StatusAccepted {
		t.Errorf("status %d: %s", a.status, a.body)
	}
	if got := decode[health](t, b.send("GET", "/readyz", "")); got.Audit != "unavailable" || got.Status != "degraded" {
		t.Errorf("readyz: %+v", got)
	}
	if !strings.Contains(b.logs.String(), "the audit log could not be written") {
		t.Error("the log does not say so")
	}
	if _, err := New(Deps{}); err == nil {
		t.Error("a server was made of nothing")
	}
}
