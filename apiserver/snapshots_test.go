package apiserver

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/audit"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

const createPath = "/v1/admin/snapshots/create"

func TestCreateSnapshot(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		body string
		want workflows.SnapshotInput
	}{
		"as the contract says": {`{"database":"main"}`, workflows.SnapshotInput{Surface: "main", Kind: "snapshot"}},
		"by its other name":    {`{"surface":"cache"}`, workflows.SnapshotInput{Surface: "cache", Kind: "snapshot"}},
		"by both names":        {`{"surface":"main","database":"main"}`, workflows.SnapshotInput{Surface: "main", Kind: "snapshot"}},
		"everything":           {`{"database":"main","kind":"snapshot","store":"primary"}`, workflows.SnapshotInput{Surface: "main", Kind: "snapshot", Store: "primary"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			a := b.as(Operator, "POST", createPath, c.body, "X-Request-Id", "req-7")
			if a.status != http.StatusAccepted || a.header.Get("Location") != "/v1/admin/snapshots/id-1" {
				t.Fatalf("status %d, location %q: %s", a.status, a.header.Get("Location"), a.body)
			}
			want := Started{
				ID: "id-1", Operation: "snapshot", Surface: c.want.Surface, Kind: "snapshot", State: "running",
				WorkflowID: "snapshot/id-1", RunID: "run-1",
			}
			if diff := cmp.Diff(want, decode[Started](t, a)); diff != "" {
				t.Error("(-want +got):\n", diff)
			}
			started := b.launcher.starts()
			if len(started) != 1 || started[0].request != (launch.Request{Requester: "operator"}) {
				t.Fatalf("started %+v", started)
			}
			if diff := cmp.Diff(c.want, started[0].input); diff != "" {
				t.Error("input (-want +got):\n", diff)
			}
			entry := audit.Entry{
				Actor: "operator", Role: "operator", Action: "snapshot.create", Target: c.want.Surface, Result: audit.Accepted,
				WorkflowID: "snapshot/id-1", RequestID: "req-7", Remote: "192.0.2.1",
			}
			b.wantAudit(entry)
		})
	}
}

// wantAudit checks that the log has exactly these entries.
func (b *bundle) wantAudit(want ...audit.Entry) {
	b.t.Helper()
	got := b.audited()
	for i := range got {
		got[i].Time = time.Time{}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		b.t.Error("audit log (-want +got):\n", diff)
	}
}

func TestBadCreate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, c := range map[string]struct {
		body   string
		status int
		slug   string
		phrase string
	}{
		"no body":       {"", 400, "invalid", "request body is required"},
		"nothing named": {`{}`, 400, "invalid", "database is missing: name the surface to take a snapshot of (cache, main)"},
		"two surfaces":  {`{"database":"main","surface":"cache"}`, 400, "invalid", "differ; send one"},
		"unknown":       {`{"database":"other"}`, 404, "missing", `surface \"other\" is not in the configuration (there are cache, main)`},
		"long":          {`{"database":"` + strings.Repeat("x", 5000) + `"}`, 404, "missing", "…"},
		"unknown store": {`{"database":"main","store":"tape"}`, 404, "missing", `store \"tape\" is not in the configuration (there are primary)`},
		"another kind":  {`{"database":"main","kind":"weekly"}`, 400, "invalid", "must be snapshot or base"},
		"unknown field": {`{"database":"main","extra":1}`, 422, "invalid", "body.extra"},
		"wrong type":    {`{"database":["main"]}`, 422, "invalid", "body.database"},
		"not an object": {`["main"]`, 422, "invalid", "expected object"},
		"not JSON":      {`{"database":`, 400, "invalid", "unexpected end of JSON input"},
		"more after it": {`{"database":"main"} {}`, 400, "invalid", "after top-level value"},
		"too large":     {`{"database":"` + strings.Repeat("x", maxBody) + `"}`, 413, "too-large", "at most 1 MiB"},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, b.as(Operator, "POST", createPath, c.body), c.status, c.slug, c.phrase)
		})
	}
	wantProblem(t, b.as(Operator, "POST", createPath, `{"database":"main"}`, "Content-Type", "text/xml"),
		415, "unsupported-media-type", "text/xml")
	wantProblem(t, b.as(Operator, "POST", createPath+"?wait=1", `{"database":"main"}`), 422, "invalid", "wait")
	wantProblem(t, b.as(Operator, "POST", createPath, `{"database":"main"}`, "Idempotency-Key", strings.Repeat("k", 256)),
		422, "invalid", "Idempotency-Key")
	if started := b.launcher.starts(); len(started) != 0 {
		t.Errorf("something was started: %+v", started)
	}
	for _, e := range b.audited() {
		if e.Result != audit.Failed || e.Actor != "operator" || len(e.Target) > 250 {
			t.Errorf("an odd audit entry: %+v", e)
		}
	}
}

func TestALongBodyOfUnknownLength(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := httptest.NewRequestWithContext(t.Context(), "POST", createPath, strings.NewReader(`{"database":"`+strings.Repeat("x", 2*maxBody)+`"}`))
	r.ContentLength = -1
	r.Header.Set("Authorization", "Bearer "+token(Operator))
	w := httptest.NewRecorder()
	b.server.Handler().ServeHTTP(w, r)
	wantProblem(t, answer{w.Code, w.Result().Header, w.Body.String()}, 413, "too-large", "")
}

func TestCreateTakesWhatCurlSends(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.as(Operator, "POST", createPath, `{"database":"main"}`, "Content-Type", "application/x-www-form-urlencoded")
	if a.status != http.StatusAccepted {
		t.Errorf("status %d: %s", a.status, a.body)
	}
}

func TestCreateSaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	replace := func(st store.Store) func(*Deps) {
		return func(d *Deps) { d.Stores = map[string]store.Store{"primary": st} }
	}
	for name, c := range map[string]struct {
		change func(*Deps)
		down   error
		status int
		slug   string
		phrase string
	}{
		"no store": {
			func(d *Deps) { d.Stores, d.Config.Stores, d.Config.Policies = nil, nil, nil }, nil,
			409, "conflict", "no store is configured: set SNAPSHOTS_STORAGE_PROVIDER",
		},
		"refused by the store": {
			replace(brokenStore{err: fault.New(fault.Denied, "the access key is not valid")}), nil,
			503, "unavailable", "the store primary can't be used: the access key is not valid",
		},
		"silent store": {replace(brokenStore{}), nil, 503, "unavailable", "the store primary did not answer within 5s"},
		"no Temporal": {
			func(*Deps) {}, fault.New(fault.Unavailable, "ask Temporal to start the snapshot"),
			503, "unavailable", "ask Temporal",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, c.change)
			b.launcher.fail(c.down)
			wantProblem(t, b.as(Operator, "POST", createPath, `{"database":"main"}`), c.status, c.slug, c.phrase)
			if started := b.launcher.starts(); len(started) != 0 {
				t.Errorf("something was started: %+v", started)
			}
		})
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.as(Operator, "POST", createPath, `{"database":"main"}`, "Idempotency-Key", "k1")
	second := b.as(Operator, "POST", createPath, `{"database":"main"}`, "Idempotency-Key", "k1")
	if first.status != http.StatusAccepted || second.status != http.StatusAccepted || first.body != second.body ||
		first.header.Get("Location") != second.header.Get("Location") {
		t.Errorf("the repeated request is answered differently:\n%d %s\n%d %s", first.status, first.body, second.status, second.body)
	}
	if n := len(b.launcher.starts()); n != 1 {
		t.Errorf("%d snapshots were started", n)
	}
	wantProblem(t, b.as(Operator, "POST", createPath, `{"database":"cache"}`, "Idempotency-Key", "k1"),
		422, "idempotency-key-reused", "take a new one")
	for _, other := range []answer{
		b.as(Operator, "POST", createPath, `{"database":"main"}`, "Idempotency-Key", "k2"),
		b.as(Admin, "POST", createPath, `{"database":"main"}`, "Idempotency-Key", "k1"),
	} {
		if other.body == first.body {
			t.Error("another key, or another requester, got the first one's snapshot")
		}
	}
	if e := b.audited(); len(e) != 5 || e[1].Detail != "the same request as before" {
		t.Errorf("audit log: %+v", e)
	}
}

func TestListSnapshots(t *testing.T) {
	t.Parallel()
	b := setup(t)
	if a := b.as(Viewer, "GET", "/v1/admin/snapshots", ""); a.status != 200 || strings.TrimSpace(a.body) != "[]" {
		t.Errorf("an empty store lists as %d %s", a.status, a.body)
	}
	base := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	var ids []string
	for i := range 5 {
		ids = append([]string{b.seal("main", "postgres", base.Add(time.Duration(i)*time.Hour)).ID}, ids...)
	}
	b.seal("cache", "redis", base)

	var got []string
	path := "/v1/admin/snapshots?surface=main&limit=2"
	for range 3 {
		a := b.as(Viewer, "GET", path, "")
		page := decode[[]Snapshot](t, a)
		for _, s := range page {
			got = append(got, s.ID)
			if s.Surface != "main" || s.SurfaceKind != "postgres" || s.Kind != "snapshot" || s.State != "sealed" ||
				s.URI != "/points/main/"+s.ID || s.Store != "primary" || s.Bytes <= 0 || s.Parts != 2 || s.CreatedAt.IsZero() ||
				s.WorkflowID != "snapshot/main/"+s.ID || s.Policy != "main-daily" {
				t.Errorf("a point is not complete: %+v", s)
			}
		}
		link := a.header.Get("Link")
		if link == "" {
			break
		}
		path = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	}
	if diff := cmp.Diff(ids, got); diff != "" {
		t.Error("the pages are not all points, newest first (-want +got):\n", diff)
	}
	if all := decode[[]Snapshot](t, b.as(Viewer, "GET", "/v1/admin/snapshots?store=primary", "")); len(all) != 6 {
		t.Errorf("%d points in all, want 6", len(all))
	}
	for query, c := range map[string]struct {
		status int
		slug   string
	}{"limit=0": {422, "invalid"}, "limit=x": {422, "invalid"}, "limit=1001": {422, "invalid"}, "size=1": {422, "invalid"}, "store=tape": {404, "missing"}} {
		wantProblem(t, b.as(Viewer, "GET", "/v1/admin/snapshots?"+query, ""), c.status, c.slug, "")
	}
}

func TestGetSnapshot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.seal("main", "postgres", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	if got := decode[Snapshot](t, b.as(Viewer, "GET", "/v1/admin/snapshots/"+m.ID, "")); got.ID != m.ID || got.State != "sealed" || got.Verification != nil {
		t.Errorf("the sealed point shows as %+v", got)
	}
	b.launcher.know(launch.Run{ID: m.ID, Operation: "verify", Surface: "main", State: "failed", Error: "part t-0001 is damaged"}, nil)
	got := decode[Snapshot](t, b.as(Viewer, "GET", "/v1/admin/snapshots/"+m.ID, ""))
	if got.Verification == nil || got.Verification.State != "failed" || got.Verification.Error != "part t-0001 is damaged" {
		t.Errorf("the failed verification does not show: %+v", got)
	}

	for state, problem := range map[string]string{"running": "", "failed": "the source is gone", "cancelled": ""} {
		id := "20260102T030405.000Z-" + state[:6]
		b.launcher.know(launch.Run{ID: id, Operation: "snapshot", Surface: "main", State: state, Error: problem}, nil)
		got := decode[Snapshot](t, b.as(Viewer, "GET", "/v1/admin/snapshots/"+id, ""))
		if got.ID != id || got.State != state || got.Error != problem || got.WorkflowID != "snapshot/"+id || got.Surface != "main" || got.CreatedAt.IsZero() {
			t.Errorf("the run shows as %+v", got)
		}
	}
	b.launcher.know(launch.Run{ID: "20260102T030405.000Z-pruned", Operation: "snapshot", Surface: "main", State: "done"}, nil)
	for _, id := range []string{"20260102T030405.000Z-pruned", "20260102T030405.000Z-nobody", "x", "..", "%2e%2e%2fetc"} {
		wantProblem(t, b.as(Viewer, "GET", "/v1/admin/snapshots/"+id, ""), 404, "missing", "")
	}
	wantProblem(t, b.as(Viewer, "GET", "/v1/admin/snapshots/"+strings.Repeat("x", 200), ""), 422, "invalid", "path.id")
}

func TestVerifySnapshot(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.seal("main", "postgres", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	a := b.as(Operator, "POST", "/v1/admin/snapshots/"+m.ID+"/verify", "", "Idempotency-Key", "v")
	got := decode[Started](t, a)
	if a.status != http.StatusAccepted || got.ID != m.ID || got.Operation != "verify" || a.header.Get("Location") != "/v1/admin/snapshots/"+m.ID {
		t.Errorf("%d %q %+v", a.status, a.header.Get("Location"), got)
	}
	want := workflows.VerifyInput{Point: workflows.PointRef{Store: "primary", Dir: "points/main/" + m.ID, ID: m.ID, Surface: "main"}}
	if started := b.launcher.starts(); len(started) != 1 || started[0].input != any(want) || started[0].request.IdempotencyKey != "v" {
		t.Errorf("started %+v", started)
	}
	wantProblem(t, b.as(Operator, "POST", "/v1/admin/snapshots/20260102T030405.000Z-nobody/verify", ""), 404, "missing", "")
}

func TestPrune(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.as(Admin, "POST", "/v1/admin/snapshots/prune", `{"policy":"main-daily"}`)
	if got := decode[Started](t, a); a.status != http.StatusAccepted || got.Operation != "prune" || got.Surface != "main" || a.header.Get("Location") != "/v1/admin/prunes/id-1" {
		t.Errorf("%d %+v", a.status, got)
	}
	if a := b.as(Operator, "POST", "/v1/admin/snapshots/prune", `{"policy":"main-daily","dryRun":true}`); a.status != http.StatusAccepted {
		t.Errorf("an operator can't plan: %s", a.body)
	}
	if started := b.launcher.starts(); len(started) != 2 || started[0].input != any(workflows.PruneInput{Policy: "main-daily"}) ||
		started[1].input != any(workflows.PruneInput{Policy: "main-daily", DryRun: true}) {
		t.Errorf("started %+v", started)
	}
	wantProblem(t, b.as(Operator, "POST", "/v1/admin/snapshots/prune", `{"policy":"main-daily"}`), 403, "denied", "takes the role admin")
	wantProblem(t, b.as(Admin, "POST", "/v1/admin/snapshots/prune", `{"policy":"other"}`), 404, "missing", "there are main-daily")
	wantProblem(t, b.as(Admin, "POST", "/v1/admin/snapshots/prune", `{}`), 422, "invalid", "policy")

	wantProblem(t, b.as(Viewer, "GET", "/v1/admin/prunes/p1", ""), 404, "missing", "there is no prune")
	result := workflows.PruneResult{Policy: "main-daily", Delete: []workflows.PruneLine{{ID: "x", Store: "primary", Reason: "old"}}, Swept: 3}
	b.launcher.know(launch.Run{ID: "p1", Operation: "prune", State: "done"}, result)
	got := decode[Prune](t, b.as(Viewer, "GET", "/v1/admin/prunes/p1", ""))
	if got.State != "done" || got.Result == nil || got.Result.Swept != 3 || fmt.Sprint(got.Result.Delete) != "[{x primary old}]" {
		t.Errorf("the result shows as %+v", got)
	}
}

func TestCorruptPoint(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m := b.seal("main", "postgres", time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	manifest := "points/main/" + m.ID + "/" + archive.ManifestName
	if _, err := b.store.Put(t.Context(), manifest, strings.NewReader("{}"), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	got := decode[Snapshot](t, b.as(Viewer, "GET", "/v1/admin/snapshots/"+m.ID, ""))
	if got.State != "corrupt" || got.Error == "" || got.ID != m.ID {
		t.Errorf("it shows as %+v", got)
	}
	wantProblem(t, b.as(Operator, "POST", "/v1/admin/snapshots/"+m.ID+"/verify", ""), 422, "corrupt", "can't be read")
	wantProblem(t, b.as(Operator, "POST", restorePath, `{"id":"`+m.ID+`"}`), 422, "corrupt", "can't be read")
	if started := b.launcher.starts(); len(started) != 0 {
		t.Errorf("something was started: %+v", started)
	}
}
