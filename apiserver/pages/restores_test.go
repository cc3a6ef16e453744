package pages

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// uri is the remote URI of a point of main.
func uri(m archive.Manifest) string { return "/" + archive.Dir("points", "main", m.ID) }

func TestRestoreByURI(t *testing.T) {
	t.Parallel()
	r := inner(t)
	m := r.seal(archive.KindSnapshot, past)
	w := r.as(apiserver.Operator)
	first := w.get("/snapshots/restore")
	first.wants(http.StatusOK, "Remote URI", "A server of its own", "staging")
	first.well()
	if strings.Contains(first.text(), "In place") {
		t.Error("an operator is offered a restore in place")
	}
	second := w.get("/snapshots/restore?to=isolated&uri=" + url.QueryEscape(uri(m)))
	second.wants(http.StatusOK, "2026-05-01 02:00:00 UTC", "Nothing live is touched", "Only a part of it")
	second.well()
	fields := form("uri", uri(m), "to", "isolated", "tables", "public.a\n public.b ", "schemas", "")
	begun := w.submit(second, "/snapshots/restore", fields)
	begun.wants(http.StatusOK, "The restore has begun", "running")
	begun.well()
	if again := w.submit(second, "/snapshots/restore", fields); again.path != begun.path {
		t.Errorf("sent twice it leads to %s and %s", begun.path, again.path)
	}
	if got := r.started(); !strings.Contains(got, `"isolated":true`) || !strings.Contains(got, `["public.a","public.b"]`) || !strings.Contains(got, m.ID) {
		t.Errorf("begun was %s", got)
	}
	w.get("/snapshots/restore?to=isolated&uri=/points/main/20260102T030405.000Z-nobody").wants(http.StatusNotFound, "no recovery point", "Remote URI")
	w.get("/snapshots/restore?to=isolated&uri=nonsense").wants(http.StatusNotFound, "Remote URI")
}

func TestARestoreInPlaceTakesTheNameOfTheSurface(t *testing.T) {
	t.Parallel()
	r := inner(t)
	m := r.seal(archive.KindSnapshot, past)
	w := r.as(apiserver.Admin)
	w.get("/snapshots/restore").wants(http.StatusOK, "In place")
	p := w.get("/snapshots/restore?to=in-place&uri=" + url.QueryEscape(uri(m)))
	p.wants(http.StatusOK, "What the live surface main holds is replaced", "saved in a point of its own", "Type the surface's name, main, to confirm", "Replace main")
	p.well()
	for _, confirm := range []string{"", "Main", "cache"} {
		refused := w.submit(p, "/snapshots/restore", form("uri", uri(m), "to", "in-place", "confirm", confirm))
		refused.wants(http.StatusBadRequest, "a restore in place replaces what the live surface main holds", "Type the surface's name")
		refused.well()
	}
	if done := r.launcher.changes(); len(done) != 0 {
		t.Fatalf("without the right name there was begun %q", done)
	}
	w.submit(p, "/snapshots/restore", form("uri", uri(m), "to", "in-place", "confirm", "main")).wants(http.StatusOK, "The restore has begun")
	if got := r.started(); !strings.Contains(got, `"inPlace":true,"confirm":"main"`) {
		t.Errorf("begun was %s", got)
	}
	operator := r.as(apiserver.Operator)
	page := operator.get("/snapshots/restore?to=in-place&uri=" + url.QueryEscape(uri(m)))
	operator.submit(page, "/snapshots/restore", form("uri", uri(m), "to", "in-place", "confirm", "main")).wants(http.StatusForbidden, "takes the role admin")
}

func TestRestoreToATarget(t *testing.T) {
	t.Parallel()
	r := inner(t)
	m := r.seal(archive.KindSnapshot, past)
	p := r.as(apiserver.Operator).get("/snapshots/restore?to=staging&uri=" + m.ID)
	p.wants(http.StatusOK, "Restore into staging", "Dry run")
	p.well()
	if strings.Contains(p.text(), "Replace what staging holds") {
		t.Error("an operator is offered to replace what a target holds")
	}
	w := r.as(apiserver.Admin)
	p = w.get("/snapshots/restore?to=staging&uri=" + m.ID)
	w.submit(p, "/snapshots/restore", form("uri", m.ID, "to", "staging", "replace", "yes", "dryRun", "yes")).wants(http.StatusOK)
	if got := r.started(); !strings.Contains(got, `"target":"staging"`) || !strings.Contains(got, `"replace":true`) || !strings.Contains(got, `"dryRun":true`) {
		t.Errorf("begun was %s", got)
	}
}

const restoreID = "20260506T070809.000Z-abcdef"

func TestTheURLIsShownWhenItIsAskedFor(t *testing.T) {
	t.Parallel()
	r := inner(t)
	r.engine.finish("restore", restoreID, workflows.RestoreResult{
		ID: restoreID, Point: "P1", Surface: "main", Host: "worker-1", Address: "127.0.0.1:5433", SealedURL: hush, Compared: 7,
		Counts: map[string]int64{"rows": 12}, Notes: []string{hostile}, Steps: []workflows.Step{{Name: "load", Seconds: 61}},
	})
	path := "/snapshots/restores/" + restoreID
	w := r.as(apiserver.Operator)
	p := w.get(path)
	p.wants(http.StatusOK, "done", "7 entries, 12 rows", "127.0.0.1:5433", "lifeboat environment stop "+restoreID, "1 min 01 s", "Show the URL with its password")
	p.well()
	w.get(path+"?url=show").wants(http.StatusOK, "postgres://app:"+hush+"@127.0.0.1:5433/app", "Hide it")
	for _, path := range []string{path, path + "?url=show"} {
		p := r.as(apiserver.Viewer).get(path)
		p.wants(http.StatusOK, "127.0.0.1:5433")
		p.well()
		if strings.Contains(p.text(), "Show the URL") {
			t.Error("a viewer is offered the URL")
		}
	}
}

func TestARestoreIsFollowed(t *testing.T) {
	t.Parallel()
	r := inner(t)
	r.engine.change(func() {
		r.engine.runs["restore/"+restoreID] = launch.Run{ID: restoreID, Operation: "restore", Surface: "main", State: "running", WorkflowID: "restore/" + restoreID, Started: time.Now()}
		r.engine.progress["restore/"+restoreID] = launch.Progress{Phase: "loading", PartsDone: 2, PartsTotal: 5, Bytes: 1000, BytesTotal: 4000, Trouble: "the store did not answer"}
	})
	w := r.as(apiserver.Operator)
	p := w.get("/snapshots/restores/" + restoreID)
	p.wants(http.StatusOK, "loading: 2 of 5 parts", "1.0 kB of 4.0 kB", "A step is tried again: the store did not answer", "To stop it")
	p.well()
	if !strings.Contains(p.body, `sse-connect="/events?topic=restore&amp;id=`+restoreID+`"`) {
		t.Error("the page does not follow the restore")
	}
	f, _ := w.follow("restore&id=" + restoreID)
	if said := f.next("said"); !strings.Contains(said, "running: loading") {
		t.Errorf("said was %q", said)
	}
	r.engine.finish("restore", restoreID, workflows.RestoreResult{ID: restoreID, Surface: "main", SealedURL: hush})
	for !strings.Contains(f.next("run"), "done") {
		continue
	}
	f.next("close")
	if p := w.get("/snapshots/restores/" + restoreID); strings.Contains(p.body, "sse-connect") {
		t.Error("the page of a restore that is over follows it")
	}
	r.engine.change(func() {
		r.engine.runs["restore/"+restoreID] = launch.Run{ID: restoreID, Operation: "restore", Surface: "main", State: "failed", Error: "no room", WorkflowID: "x"}
	})
	w.get("/snapshots/restores/"+restoreID).wants(http.StatusOK, "failed", "no room")
	w.get("/snapshots/restores/20260506T070809.000Z-nobody").wants(http.StatusNotFound, "there is no restore")
}
