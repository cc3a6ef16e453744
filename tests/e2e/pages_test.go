package e2e

import (
	"fmt"
	"net/http"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/tests/browser"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// pagesConfig is a site with everything that pages show.
const pagesConfig = `listen: %LISTEN%
dataDir: %DATA%
encryption: {identity: IDENTITY}
stores:
  primary: {kind: local, dir: %STORE%}
surfaces:
  main:  {kind: postgres, url: "POSTGRES"}
  cache: {kind: redis, url: "REDIS"}
policies:
  main-daily:   {surface: main, cron: "0 2 * * *", store: primary, keep: {days: 30}}
  main-base:    {surface: main, kind: base, cron: "0 1 * * *", store: primary, keep: {days: 30}}
  main-wal:     {surface: main, kind: wal, store: primary, interval: 1s}
  cache-hourly: {surface: cache, cron: "15 * * * *", store: primary}
drills:
  quarterly:
    cron: "0 6 1 1,4,7,10 *"
    surfaces: [main, cache]
    targets: {rto: 30m, rpo: 24h}
    checks: [{kind: sql, surface: main, query: SELECT count(*) FROM orders, expect: "= 100"}]
    owner: ops@example.com
`

// visitor is somebody at a browser, on a site.
type visitor struct {
	*browser.Page
	site *site
}

// visits opens a browser and signs in.
func (s *site) visits(t *testing.T, token string) *visitor {
	t.Helper()
	v := &visitor{browser.Open(t, "http://"+s.listen), s}
	v.Go(t, "/")
	v.signsIn(t, token)
	v.Sees(t, "h1", "Overview")
	return v
}

func (v *visitor) signsIn(t *testing.T, token string) {
	t.Helper()
	v.Fill(t, "#key", token)
	v.Submit(t, "main form button")
}

// TestPages does with a browser what people do with the admin pages. The
// pictures are in test-output/pages afterwards.
func TestPages(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t, "wal_level = replica", "max_wal_senders = 4", "max_replication_slots = 4"), servers.Redis(t)
	execSQL(t, pg.URL, "CREATE DATABASE shop")
	execSQL(t, pg.DatabaseURL("shop"), "CREATE TABLE orders (id int PRIMARY KEY, item text)", "INSERT INTO orders SELECT n, 'item ' || n FROM generate_series(1, 100) n")
	if err := rd.Client(t).Set(t.Context(), "greeting", "hello", 0).Err(); err != nil {
		t.Fatal(err)
	}
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, strings.NewReplacer("IDENTITY", identity.Reveal(), "POSTGRES", pg.DatabaseURL("shop"), "REDIS", rd.URL).Replace(pagesConfig))
	s.start(t, "up")

	v := &visitor{browser.Open(t, "http://"+s.listen), s}
	v.isAskedWho(t)
	v.takesASnapshot(t)
	v.restoresIt(t)
	v.replacesWhatIsLive(t, pg)
	v.goesBackInTime(t, pg)
	drill := v.rehearses(t)
	s.visits(t, s.newKey(t, "grace", "approver")).signs(t, drill)
	v.readsTheEvidence(t)
	v.pausesASchedule(t)
	v.readsTheAudit(t)
	s.visits(t, s.newKey(t, "victor", "viewer")).onlyLooks(t, drill)
	v.everyPage(t, drill)
	v.leaves(t)
}

// isAskedWho signs in, by the keyboard alone.
func (v *visitor) isAskedWho(t *testing.T) {
	t.Helper()
	v.Go(t, "/drills")
	v.Sees(t, "h1", "Sign in")
	v.Accessible(t)
	v.Picture(t, "sign-in")
	v.signsIn(t, "not-a-key-of-anybody")
	v.Sees(t, "[role=alert]", "")
	if v.Text(t, "[role=alert]") == "" {
		t.Error("a wrong key was refused without a word")
	}
	v.Fill(t, "#key", adminKey)
	v.Enter(t, "#key")
	v.Sees(t, "h1", "Drills")
	// The first stop of the keyboard leads past the navigation.
	v.Go(t, "/")
	v.Press(t, "\t")
	v.Enter(t, "a.skip")
	if got := v.Path(t); got != "/#main" {
		t.Errorf("the skip link leads to %s", got)
	}
}

func (v *visitor) takesASnapshot(t *testing.T) {
	t.Helper()
	v.Go(t, "/snapshots")
	v.Submit(t, "a.button[href='/snapshots/new']")
	v.Picture(t, "snapshot-new")
	v.Click(t, "input[name=database][value=main]")
	v.Submit(t, "main form button")
	// It is shown while it runs, and by itself once it is done.
	v.Sees(t, ".facts", "verified")
	v.Picture(t, "snapshot")
	id := path.Base(v.Path(t))
	v.Go(t, "/snapshots/"+id)
	v.Submit(t, "form[action$='/verify'] button")
	v.Sees(t, ".facts", "verified")
	v.Go(t, "/snapshots")
	v.Sees(t, "table", "main")
	v.Picture(t, "snapshots")
	var stored struct{ URI string }
	if status := v.site.call(t, http.MethodGet, "/v1/admin/snapshots/"+id, "", &stored); status != http.StatusOK || stored.URI == "" {
		t.Errorf("the snapshot that the page made: %d", status)
	}
}

// newest is the newest snapshot of a surface.
func (s *site) newest(t *testing.T, surface string) point {
	t.Helper()
	var points []point
	s.ask(t, &points, "snapshot", "list", "--surface", surface)
	for _, p := range points {
		if p.Kind == "snapshot" {
			return p
		}
	}
	t.Fatalf("there is no snapshot of %s", surface)
	return point{}
}

func (v *visitor) restoresIt(t *testing.T) {
	t.Helper()
	v.Go(t, "/snapshots/restore")
	v.Fill(t, "#uri", v.site.newest(t, "main").URI)
	v.Submit(t, "main form button")
	v.Picture(t, "restore-confirm")
	v.Submit(t, "main form button:not(.plain)")
	v.Sees(t, ".facts", "done")
	if strings.Contains(v.Text(t, "main"), "postgres://lifeboat:") {
		t.Error("the password shows without being asked for")
	}
	v.Picture(t, "restore")
	v.Submit(t, "a[href$='?url=show']")
	v.Sees(t, "pre", "postgres://")
}

func (v *visitor) replacesWhatIsLive(t *testing.T, pg *servers.PG) {
	t.Helper()
	execSQL(t, pg.DatabaseURL("shop"), "DELETE FROM orders WHERE id > 50")
	v.Go(t, "/snapshots/restore?to=in-place&uri="+v.site.newest(t, "main").URI)
	v.Sees(t, ".notice", "is replaced")
	v.Picture(t, "restore-in-place")
	v.Fill(t, "#confirm", "cache")
	v.Submit(t, "button.danger")
	v.Sees(t, "[role=alert]", "main")
	v.Fill(t, "#confirm", "main")
	v.Submit(t, "button.danger")
	v.Sees(t, ".facts", "done")
	// It divides by zero unless all are back.
	execSQL(t, pg.DatabaseURL("shop"), "SELECT 1 / (CASE WHEN count(*) = 100 THEN 1 ELSE 0 END) FROM orders")
}

func (v *visitor) goesBackInTime(t *testing.T, pg *servers.PG) {
	t.Helper()
	v.site.ask(t, &point{}, "snapshot", "create", "main", "--kind", "base", "--wait")
	execSQL(t, pg.DatabaseURL("shop"), "INSERT INTO orders VALUES (101, 'a late one')")
	time.Sleep(1100 * time.Millisecond)
	moment := time.Now().UTC()
	time.Sleep(1100 * time.Millisecond)
	execSQL(t, pg.DatabaseURL("shop"), "DELETE FROM orders WHERE id = 101")
	eventually(t, 2*time.Minute, "the moment is on the store", func() bool {
		var window struct{ Latest time.Time }
		return v.site.call(t, http.MethodGet, "/v1/pitr/main", "", &window) == http.StatusOK && window.Latest.After(moment)
	})
	v.Go(t, "/pitr/main")
	v.Sees(t, "h2", "What can be had")
	v.Fill(t, "input[name=time]", moment.Format("2006-01-02T15:04:05"))
	v.Submit(t, "form[action='/pitr/main'][method=get] button")
	v.Sees(t, "#preview", "would use")
	v.Picture(t, "moment")
	v.Submit(t, "form[action='/pitr/main'][method=post] button")
	v.Sees(t, ".facts", "done")
	v.Sees(t, ".facts", "Reached")
	v.Picture(t, "recovery")
}

// rehearses runs a drill from the page, and follows it to its verdict.
func (v *visitor) rehearses(t *testing.T) (id string) {
	t.Helper()
	v.site.ask(t, &point{}, "snapshot", "create", "main", "--wait")
	v.site.ask(t, &point{}, "snapshot", "create", "cache", "--wait")
	v.Go(t, "/drills")
	v.Fill(t, "#plan", "quarterly")
	v.Submit(t, "form[action='/drills'] button")
	id = path.Base(v.Path(t))
	v.Sees(t, "svg", "")
	v.Sees(t, ".facts", "awaiting sign-off")
	v.Go(t, "/drills/"+id)
	if got := v.Text(t, ".facts"); !strings.Contains(got, "pass") {
		t.Errorf("the drill's page says %s", got)
	}
	// Whoever ran it can't sign it, and is told so.
	v.Fill(t, "#statement", "I ran it, and I like it")
	v.Submit(t, "button[value=sign]")
	v.Sees(t, "[role=alert]", "sign")
	return id
}

func (v *visitor) signs(t *testing.T, drill string) {
	t.Helper()
	v.Go(t, "/drills/"+drill)
	v.Fill(t, "#statement", "Read the report; the targets are met")
	v.Submit(t, "button[value=sign]")
	v.Sees(t, "blockquote", "the targets are met")
	v.Picture(t, "drill")
	v.Submit(t, "a[href$='/report']")
	v.Sees(t, "h1", "")
	v.Go(t, "/drills")
	v.Sees(t, "article.card", "proven")
	v.Picture(t, "drills")
}

func (v *visitor) readsTheEvidence(t *testing.T) {
	t.Helper()
	v.Go(t, "/evidence")
	v.Sees(t, "table", "drill.judged")
	v.Picture(t, "evidence")
	v.Submit(t, "form[action='/evidence/verify'] button")
	v.Sees(t, "[role=status]", "nothing was changed")
	v.Go(t, "/evidence/0")
	v.Sees(t, "h1", "0")
}

func (v *visitor) pausesASchedule(t *testing.T) {
	t.Helper()
	v.Go(t, "/schedules")
	const form = "form[action='/schedules/policy/cache-hourly/%s']"
	v.Click(t, "details:has("+fmt.Sprintf(form, "pause")+") summary")
	v.Fill(t, "#why-policy-cache-hourly", "the cache is being moved")
	v.Submit(t, fmt.Sprintf(form, "pause")+" button")
	v.Sees(t, "table", "the cache is being moved")
	v.Picture(t, "schedules")
	v.Submit(t, fmt.Sprintf(form, "resume")+" button")
	v.Submit(t, fmt.Sprintf(form, "run")+" button")
	v.Go(t, "/schedules")
	if v.Count(t, fmt.Sprintf(form, "resume")) != 0 {
		t.Error("the schedule is still paused")
	}
}

func (v *visitor) readsTheAudit(t *testing.T) {
	t.Helper()
	v.Go(t, "/audit")
	for _, action := range []string{"schedule.pause", "drill.run", "snapshot.create"} {
		v.Sees(t, "table", action)
	}
	v.Picture(t, "audit")
}

// onlyLooks finds nothing on any page that would change anything.
func (v *visitor) onlyLooks(t *testing.T, drill string) {
	t.Helper()
	for _, page := range v.pages(t, drill) {
		v.Go(t, page)
		if strings.HasPrefix(page, "/audit") {
			v.Sees(t, "main", "role")
			continue
		}
		if n := v.Count(t, "main form[method=post]:not([action='/evidence/verify'])"); n > 0 {
			t.Errorf("%s offers a viewer %d forms", page, n)
		}
	}
}

// pages are those that there are, one of each sort.
func (v *visitor) pages(t *testing.T, drill string) []string {
	t.Helper()
	p := v.site.newest(t, "main")
	return []string{
		"/", "/alerts", "/surfaces/main", "/surfaces/cache", "/schedules", "/audit",
		"/snapshots", "/snapshots/new", "/snapshots/" + p.ID, "/snapshots/restore?uri=" + p.URI, "/snapshots/restore?to=in-place&uri=" + p.URI,
		"/pitr", "/pitr/main", "/drills", "/drills/" + drill, "/evidence", "/evidence/0", "/nowhere",
	}
}

// everyPage looks at each page as different people see it: with axe, in the
// dark, on a phone, and without scripts.
func (v *visitor) everyPage(t *testing.T, drill string) {
	t.Helper()
	pages := v.pages(t, drill)
	v.Go(t, "/")
	v.Sees(t, "article", "main")
	for _, page := range pages {
		v.Go(t, page)
		v.Accessible(t)
	}
	v.Dark(t, true)
	for _, page := range pages {
		v.Go(t, page)
		v.Accessible(t)
	}
	v.Go(t, "/")
	v.Picture(t, "overview-dark")
	v.Resize(t, browser.Phone)
	for i, page := range pages {
		v.Go(t, page)
		v.Accessible(t)
		if wide := v.Width(t); wide > browser.Phone.Width {
			t.Errorf("%s is %d pixels wide on a phone", page, wide)
		}
		if slices.Contains([]string{"/", "/drills/" + drill, "/pitr/main"}, page) {
			v.Picture(t, fmt.Sprintf("phone-%d", i))
		}
	}
	v.Dark(t, false)
	v.Resize(t, browser.Desk)
	v.Go(t, "/")
	v.Picture(t, "overview")
	v.Scripts(t, false)
	for _, page := range pages {
		v.Go(t, page)
		if len(v.Text(t, "main")) < 40 {
			t.Errorf("without scripts %s says only %q", page, v.Text(t, "main"))
		}
	}
	v.Scripts(t, true)
}

func (v *visitor) leaves(t *testing.T) {
	t.Helper()
	v.Go(t, "/")
	v.Submit(t, "form[action='/logout'] button")
	v.Go(t, "/snapshots")
	v.Sees(t, "h1", "Sign in")
}
