package pages

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

var past = time.Date(2026, 5, 1, 2, 0, 0, 0, time.UTC)

func TestSnapshotsAreListedInPages(t *testing.T) {
	t.Parallel()
	r := inner(t)
	var all []archive.Manifest
	for i := range pageSize + 5 {
		all = append(all, r.seal(archive.KindSnapshot, past.Add(time.Duration(i)*time.Hour)))
	}
	r.engine.change(func() {
		r.engine.running = []launch.Run{{ID: "20260506T070809.000Z-runner", Surface: "main", Operation: "snapshot", State: "running", Started: time.Now()}}
	})
	w := r.as(apiserver.Viewer)
	first := w.get("/snapshots")
	first.wants(http.StatusOK, "Being made", "sealed", "main-daily", "Older")
	first.well()
	if n := strings.Count(first.body, `data-label="Kind"`); n != pageSize {
		t.Errorf("the first page has %d rows", n)
	}
	if !strings.Contains(first.body, "/snapshots/"+all[len(all)-1].ID) || strings.Contains(first.body, "/snapshots/"+all[0].ID) {
		t.Error("the newest do not stand first")
	}
	older := w.get("/snapshots?before=" + all[5].ID)
	older.wants(http.StatusOK)
	if n := strings.Count(older.body, `data-label="Kind"`); n != 5 || strings.Contains(older.text(), "Older") {
		t.Errorf("the last page has %d rows", n)
	}
	w.get("/snapshots?state=proven").wants(http.StatusOK, "no recovery point that the filter lets through")
	if p := w.get("/snapshots?state=sealed&surface=main&store=primary"); !strings.Contains(p.body, "state=sealed&amp;store=primary&amp;surface=main") {
		t.Error("the way to older points does not keep the filter")
	}
	w.get("/snapshots?store=nowhere").wants(http.StatusNotFound, "nowhere")
}

func TestPartialAndCorruptPointsAreShownAsSuch(t *testing.T) {
	t.Parallel()
	r := inner(t)
	lacking := r.seal(archive.KindSnapshot, past, "the table "+hostile+": no right to read it")
	broken := r.seal(archive.KindSnapshot, past.Add(time.Hour))
	manifest := archive.Dir("points", "main", broken.ID) + "/" + archive.ManifestName
	if err := r.store.Delete(t.Context(), manifest); err != nil {
		t.Fatal(err)
	}
	if _, err := r.store.Put(t.Context(), manifest, strings.NewReader("{"), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	w := r.as(apiserver.Admin)
	w.get("/snapshots?state=partial").wants(http.StatusOK, "partial", "sealed")
	w.get("/snapshots?state=corrupt").wants(http.StatusOK, "corrupt")
	p := w.get("/snapshots/" + lacking.ID)
	p.wants(http.StatusOK, "Partial.", "no right to read it", "Restore Snapshot", "Verify", "Download")
	p.well()
	p = w.get("/snapshots/" + broken.ID)
	p.wants(http.StatusOK, "corrupt", "it is not a manifest")
	p.well()
	if strings.Contains(p.text(), "Restore Snapshot") || p.actions() != "" {
		t.Error("a corrupt point can be restored from its page")
	}
	w.get("/snapshots/restore?uri="+lacking.ID+"&to=isolated").wants(http.StatusOK, "Partial.")
	w.get("/snapshots/20260102T030405.000Z-nobody").wants(http.StatusNotFound, "no recovery point")
}

func TestCreateSnapshotOnce(t *testing.T) {
	t.Parallel()
	r := inner(t)
	w := r.as(apiserver.Operator)
	p := w.get("/snapshots/new")
	p.wants(http.StatusOK, "Create Snapshot", "Which database?", "main", "Base backup")
	p.well()
	fields := form("database", "main", "kind", "base", "store", "primary")
	made := w.submit(p, "/snapshots", fields)
	made.wants(http.StatusOK, "The snapshot of main has begun", "running")
	made.well()
	again := w.submit(p, "/snapshots", fields)
	if again.path != made.path {
		t.Errorf("sent twice it leads to %s and %s", made.path, again.path)
	}
	if got := r.started(); !strings.Contains(got, `"surface":"main","kind":"base"`) || !strings.Contains(got, `"store":"primary"`) {
		t.Errorf("begun was %s", got)
	}
	wrong := w.submit(w.get("/snapshots/new"), "/snapshots", form("database", "nothing", "kind", "snapshot"))
	wrong.wants(http.StatusNotFound, `surface "nothing" is not in the configuration`, "Which database?")
	wrong.well()
}

func TestVerifyAndDownload(t *testing.T) {
	t.Parallel()
	r := inner(t)
	m := r.seal(archive.KindSnapshot, past)
	w := r.as(apiserver.Operator)
	p := w.get("/snapshots/" + m.ID)
	w.submit(p, "/snapshots/"+m.ID+"/verify", nil).wants(http.StatusOK, "being read back")
	if got := r.started(); !strings.HasPrefix(got, "verify by operator") || !strings.Contains(got, m.ID) {
		t.Errorf("begun was %s", got)
	}
	tar := w.get("/snapshots/" + m.ID + "/download")
	if tar.status != http.StatusOK || !strings.Contains(tar.header.Get("Content-Disposition"), `filename="`) || !strings.Contains(tar.body, "manifest.json") {
		t.Errorf("the download has status %d and %q", tar.status, tar.header.Get("Content-Disposition"))
	}
	missing := w.get("/snapshots/20260102T030405.000Z-nobody/download")
	missing.wants(http.StatusNotFound, "no recovery point")
	missing.well()
}

func TestWhoMayOnlyReadIsOfferedNothingElse(t *testing.T) {
	t.Parallel()
	r := inner(t)
	m := r.seal(archive.KindSnapshot, past)
	rec := r.judge("20260501T000000.000Z-drill1", true)
	w := r.as(apiserver.Viewer)
	for _, path := range []string{
		"/snapshots", "/snapshots/new", "/snapshots/" + m.ID, "/snapshots/restore?uri=" + m.ID, "/pitr", "/pitr/main", "/pitr/main?by=latest", "/drills", "/drills/" + rec.ID,
		"/evidence", "/evidence/0",
	} {
		p := w.get(path)
		p.wants(http.StatusOK)
		p.well()
		if actions := strings.TrimSpace(strings.ReplaceAll(p.actions(), "/evidence/verify", "")); actions != "" {
			t.Errorf("%s offers %s", path, actions)
		}
		if strings.Contains(p.body, `href="/snapshots/new"`) || strings.Contains(p.body, "/download") && strings.HasPrefix(path, "/snapshots") {
			t.Errorf("%s offers a snapshot or its download", path)
		}
	}
	// What is not offered is refused, too.
	page := w.get("/evidence")
	for path, fields := range map[string][]string{
		"/snapshots": {"database", "main", "kind", "snapshot"}, "/snapshots/" + m.ID + "/verify": {},
		"/snapshots/restore": {"uri", m.ID, "to", "isolated"}, "/pitr/main": {"at", "latest"}, "/drills": {"plan", "quarterly"},
		"/drills/" + rec.ID + "/steps": {"text", "x"}, "/drills/" + rec.ID + "/sign-off": {"statement", "x", "decision", "sign"},
		"/drills/" + rec.ID + "/cancel": {}, "/drills/" + rec.ID + "/findings": {"finding", "x", "owner", "me"},
	} {
		p := w.submit(page, path, form(fields...))
		if !strings.Contains(p.text(), "the key has the role viewer") {
			t.Errorf("%s: status %d: %s", path, p.status, p.text())
		}
	}
	w.get("/snapshots/"+m.ID+"/download").wants(http.StatusForbidden, "the key has the role viewer")
	if done := r.launcher.changes(); len(done) != 0 {
		t.Errorf("a viewer began %q", done)
	}
}

func TestWithoutAReportThereIsStillAChoice(t *testing.T) {
	t.Parallel()
	r := inner(t)
	r.tell(func(report *status.Report) { *report = status.Report{} })
	w := r.as(apiserver.Operator)
	for _, path := range []string{"/snapshots/new", "/snapshots", "/pitr"} {
		w.get(path).wants(http.StatusOK, "main")
	}
}
