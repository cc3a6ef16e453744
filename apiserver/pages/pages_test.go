package pages

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// readable are the pages that anybody who is signed in can read.
var readable = []string{"/", "/alerts", "/alerts?state=firing&severity=critical", "/schedules", "/surfaces/main"}

func TestEveryPageIsWell(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.launcher.running = []launch.Run{{Surface: "main", Operation: "snapshot", WorkflowID: "snapshot/main/x", Started: time.Now()}}
	for _, role := range []apiserver.Role{apiserver.Viewer, apiserver.Admin} {
		w := b.as(role)
		for _, path := range readable {
			p := w.get(path)
			p.wants(http.StatusOK, "Lifeboat")
			p.well()
		}
	}
	w := b.as(apiserver.Approver)
	audit := w.get("/audit")
	audit.wants(http.StatusOK, "session.login", "approver")
	audit.well()
	login := b.browser().get("/login")
	login.wants(http.StatusOK, "API key")
	login.well()
	b.tell(func(r *status.Report) { *r = status.Report{} })
	for _, path := range readable {
		// The API remembers a report for five seconds: this is a server of its own.
		fresh := setup(t)
		fresh.tell(func(r *status.Report) { *r = status.Report{} })
		p := fresh.as(apiserver.Viewer).get(path)
		p.wants(http.StatusOK)
		p.well()
	}
}

func TestOverviewSaysWhatIsWrongFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.launcher.running = []launch.Run{{Surface: "main", Operation: "snapshot", WorkflowID: "snapshot/main/x", Started: time.Now()}}
	p := b.as(apiserver.Viewer).get("/")
	p.wants(http.StatusOK, "1 alert fires", "The drill quarterly is overdue", "Run it.", "Last good point 3 h ago", "Last proven point 2 d ago",
		"RPO now 42 s of 1 min", "RTO measured 31 min 40 s of 30 min missed quarterly", "Next drill – overdue", "Next backup in 2 h",
		"Running snapshot snapshot/main/x", "Any moment from", "7 entries, read whole 1 h ago", "Reported less than 1 min ago by worker-1")
	if strings.Index(p.body, "What is wrong") > strings.Index(p.body, "Last good point") {
		t.Error("what is wrong does not stand first")
	}
	if want := `href="http://127.0.0.1:8233/namespaces/default/workflows/snapshot%2Fmain%2Fx"`; !strings.Contains(p.body, want) {
		t.Errorf("there is no link to the run: %s", p.body)
	}
}

func TestTheWorstSurfaceStandsFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alert := func(severity, label, value string) status.Alert {
		return status.Alert{Rule: "LifeboatX", Severity: severity, State: status.Firing, Labels: map[string]string{label: value}, Since: time.Now(), Summary: "of " + label}
	}
	b.tell(func(r *status.Report) {
		for _, name := range []string{"apples", "cache", "warned"} {
			r.Surfaces = append(r.Surfaces, status.Surface{Name: name, Kind: "redis"})
		}
		r.Policies = append(r.Policies, status.Policy{Name: "p", Surface: "cache", Store: "primary"}, status.Policy{Name: "q", Surface: "apples", Store: "other"})
		r.Alerts = append(r.Alerts, alert(status.Critical, "store", "primary"), alert(status.Warning, "surface", "warned"), alert(status.Warning, "surface", "warned"))
	})
	w := b.as(apiserver.Viewer)
	p := w.get("/")
	last := 0
	for _, name := range []string{"main", "cache", "warned", "apples"} {
		at := strings.Index(p.body, `<a href="/surfaces/`+name+`">`)
		if at < last {
			t.Errorf("%s does not stand where it should", name)
		}
		last = at
	}
	p.wants(http.StatusOK, "main postgres 2 alerts", "cache redis 1 alert", "warned redis 2 alerts")
	w.get("/surfaces/main").wants(http.StatusOK, "The drill quarterly is overdue", "of store")
}

func TestNobodyWatches(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tell(func(r *status.Report) { *r = status.Report{} })
	b.as(apiserver.Viewer).get("/").wants(http.StatusOK, "1 alert fires", "LifeboatNotWatching", "nobody watches: start a worker", "There is no report")
	old := setup(t)
	old.tell(func(r *status.Report) { r.At = time.Now().Add(-90 * time.Minute) })
	w := old.as(apiserver.Viewer)
	p := w.get("/")
	p.wants(http.StatusOK, "2 alerts fire", "LifeboatNotWatching", "It may stand otherwise by now: it was seen 1 h ago")
	w.get("/surfaces/main").wants(http.StatusOK, "it was seen 1 h ago")
	if strings.Index(p.body, "LifeboatNotWatching") > strings.Index(p.body, "LifeboatDrillOverdue") {
		t.Error("that nobody watches is not the worst")
	}
}

func TestSchedulesByRole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	read := b.as(apiserver.Viewer)
	p := read.get("/schedules")
	p.wants(http.StatusOK, "main-daily", "0 2 * * *")
	for _, n := range p.nodes() {
		if n.Data == "form" && attr(n, "action") != "/logout" {
			t.Errorf("a viewer is offered %s", attr(n, "action"))
		}
	}
	for _, action := range []string{"pause", "resume", "run"} {
		p = read.submit(read.get("/schedules"), "/schedules/policy/main-daily/"+action, url.Values{"reason": {"x"}})
		p.wants(http.StatusOK, "this takes the role operator, and the key has the role viewer")
	}
	if n := len(b.launcher.changes()); n > 0 {
		t.Fatalf("a viewer changed schedules: %v", b.launcher.changes())
	}

	work := b.as(apiserver.Operator)
	p = work.submit(work.get("/schedules"), "/schedules/policy/main-daily/pause", url.Values{"reason": {"the disk is full"}})
	p.wants(http.StatusOK, "main-daily is paused.", "the disk is full", "by a person")
	p.well()
	// The line is shown once.
	if strings.Contains(work.get("/schedules").text(), "main-daily is paused.") {
		t.Error("a line is shown again")
	}
	p = work.submit(p, "/schedules/policy/main-daily/pause", nil)
	p.wants(http.StatusOK, "reason")
	work.submit(p, "/schedules/policy/main-daily/resume", nil).wants(http.StatusOK, "main-daily goes on by its schedule.")
	work.submit(p, "/schedules/policy/nothing/resume", nil).wants(http.StatusOK, "there is no policy and no plan")
	p = work.get("/schedules")
	started := work.submit(p, "/schedules/policy/main-daily/run", nil)
	again := work.submit(p, "/schedules/policy/main-daily/run", nil)
	if started.path != "/snapshots/id-1" || again.path != started.path {
		t.Errorf("running it leads to %s, and sending the form again to %s", started.path, again.path)
	}
	want := []string{"pause main-daily: the disk is full", "resume main-daily", "snapshot main of main-daily for operator"}
	if got := b.launcher.changes(); strings.Join(got, "; ") != strings.Join(want, "; ") {
		t.Errorf("it did %q, want %q", got, want)
	}
	log := b.audited()
	for _, action := range []string{"schedule.pause", "schedule.resume", "schedule.run"} {
		if !strings.Contains(log, `"actor":"operator","role":"operator","action":"`+action) {
			t.Errorf("%s is not in the audit log: %s", action, log)
		}
	}
}

func TestAuditPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	viewer := b.as(apiserver.Viewer)
	p := viewer.get("/audit")
	p.wants(http.StatusForbidden, "this takes the role approver")
	p.well()
	if strings.Contains(viewer.get("/").text(), "Audit") {
		t.Error("a viewer is offered the audit log")
	}
	for range 60 {
		w := b.browser()
		w.signIn(token(apiserver.Operator))
	}
	w := b.as(apiserver.Approver)
	p = w.get("/audit?words=operator+login")
	p.wants(http.StatusOK, "session.login")
	if strings.Contains(p.text(), "approver (approver) session.login") {
		t.Error("a search finds what it should not")
	}
	w.get("/audit?result=failed").wants(http.StatusOK, "Nothing was found")
	p = w.get("/audit")
	older := ""
	for _, n := range p.nodes() {
		if n.Data == "a" && n.FirstChild != nil && n.FirstChild.Data == "Older" {
			older = attr(n, "href")
		}
	}
	if rows := strings.Count(p.body, `<th scope="row">`); rows < 50 || rows > 60 || older == "" {
		t.Fatalf("a page has %d entries, and %q leads to older ones", rows, older)
	}
	w.get(older).wants(http.StatusOK, "session.login", "Newest")
}

func TestErrorsArePages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.as(apiserver.Viewer)
	for path, c := range map[string]struct {
		status int
		text   string
	}{
		"/nothing":          {http.StatusNotFound, "There is no such page"},
		"/surfaces/nothing": {http.StatusNotFound, `surface "nothing" is not in the configuration (there are main)`},
		"/alerts?state=x":   {http.StatusUnprocessableEntity, "query.state"},
	} {
		p := w.get(path)
		p.wants(c.status, c.text, "Go to the overview")
		p.well()
	}
	if p := b.browser().get("/nothing"); p.path != "/login?next=%2Fnothing" {
		t.Errorf("who is not signed in is told of %s", p.path)
	}
	if p := w.get("/v1/nothing"); p.status != http.StatusNotFound || p.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("the API answers %d, %s", p.status, p.header.Get("Content-Type"))
	}
	// The session is the pages', and no key of the API.
	if p := w.get("/v1/surfaces"); p.status != http.StatusUnauthorized {
		t.Errorf("the API takes the cookie of a session: %d", p.status)
	}
	if p := w.get("/static/nothing.css"); p.status != http.StatusNotFound {
		t.Errorf("status %d", p.status)
	}
	p := b.browser().get("/schedules", "HX-Request", "true")
	if p.status != http.StatusUnauthorized || p.header.Get("HX-Redirect") != "/login?next=%2Fschedules" {
		t.Errorf("a script is told %d, %v", p.status, p.header)
	}
}

var digested = regexp.MustCompile(`^/static/[a-z0-9.-]+-[0-9a-f]{16}\.(css|js|svg)$`)

func TestStaticFiles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w := b.browser()
	loaded := 0
	for _, n := range w.get("/login").nodes() {
		address := attr(n, "src")
		if n.Data == "link" {
			address = attr(n, "href")
		}
		if address == "" {
			continue
		}
		loaded++
		if !digested.MatchString(address) {
			t.Errorf("%s has no digest", address)
		}
		p := w.get(address, "Accept-Encoding", "identity")
		if p.status != http.StatusOK || p.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || p.body == "" {
			t.Errorf("%s: %d, %v", address, p.status, p.header)
		}
		packed := w.get(address, "Accept-Encoding", "gzip")
		r, err := gzip.NewReader(strings.NewReader(packed.body))
		if err != nil {
			t.Fatalf("%s: %v", address, err)
		}
		if text, err := io.ReadAll(r); err != nil || string(text) != p.body {
			t.Errorf("%s: packed it is something else: %v", address, err)
		}
	}
	if loaded < 4 {
		t.Errorf("%d files are loaded", loaded)
	}
}

func TestDefectsAreLoggedAndNotShown(t *testing.T) {
	t.Parallel()
	var logged logs
	b := setup(t, func(o *Options, _ *apiserver.Deps) { o.Logger = slog.New(slog.NewTextHandler(&logged, nil)) })
	b.site.get("/broken", func(*visit) error { return errors.New("no such table " + hush) })
	p := b.as(apiserver.Viewer).get("/broken")
	p.wants(http.StatusInternalServerError, "This page failed", "under request "+p.header.Get("X-Request-Id"))
	p.well()
	if got := logged.String(); !strings.Contains(got, "no such table") || !strings.Contains(got, p.header.Get("X-Request-Id")) {
		t.Errorf("the log: %s", got)
	}
}

// logs collects what is logged from many goroutines.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(text []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(text)
}

func (l *logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
