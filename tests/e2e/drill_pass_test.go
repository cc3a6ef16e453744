package e2e

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// walPolicies recover main to a moment, and take snapshots of redis.
const walPolicies = `  main-base:   {surface: main, kind: base, cron: "0 1 * * *", store: primary, keep: {days: 7}}
  main-wal:    {surface: main, kind: wal, store: primary, interval: 500ms, marker: true}
  redis-daily: {surface: redis, kind: snapshot, cron: "30 2 * * *", store: primary, copies: [offsite], keep: {days: 7}}`

// quarterlyPlan starts an application on what was restored, and asks it. The
// texts in capitals are filled in by the test.
const quarterlyPlan = `  quarterly:
    cron: "0 6 1 1,4,7,10 *"
    surfaces: [main, redis]
    owner: ops@example.com
    scenario: the data centre is lost
    targets: {rto: 30m, rpo: 10m}
    sanitize:
      - {name: no-mail, surface: main, sql: "UPDATE customers SET mail = NULL WHERE mail IS NOT NULL"}
    start:
      - name: shop
        command: [APPLICATION, --play, shop]
        env: {DATABASE: "{{main.url}}", REDIS: "{{redis.url}}", LISTEN: "ADDRESS"}
        ready: ADDRESS
    checks:
      - {name: listens, kind: tcp, surface: main}
      - {name: page, kind: http, url: "http://ADDRESS/status", jsonPath: $.orders, expect: "20", expectHeaders: {Content-Type: application/json}}
      - {name: no-mail, kind: sql, surface: main, query: "SELECT count(*) FROM customers WHERE mail IS NOT NULL", expect: "0"}
      - {name: greeting, kind: redis, surface: redis, command: [GET, greeting], expect: hello}
      - {name: accepts, kind: command, command: [PGISREADY, -h, "{{main.host}}", -p, "{{main.port}}"], expect: "*=accepting connections"}
    reconcile:
      - {name: keys, kind: fingerprint, surface: redis}
      - {name: orders, kind: query, surface: main, query: "SELECT count(*) FROM orders", with: {surface: redis, query: GET orders}}
  second-look:
    surfaces: [redis]
    owner: ops@example.com
    targets: {rto: 30m}`

// TestDrillPasses is a quarterly drill from the declaration to the signature,
// and what may be promised before, after, and once something was changed.
func TestDrillPasses(t *testing.T) {
	t.Parallel()
	pg, rd := servers.Postgres(t), servers.Redis(t)
	live := shop(t, pg, 20)
	goods(t, live, rd, 20)
	plan := strings.NewReplacer("APPLICATION", application(t), "ADDRESS", servers.Address(t), "PGISREADY", pg.Tool("pg_isready")).Replace(quarterlyPlan)
	s, public := drillSite(t, live, rd.URL, walPolicies, plan)
	s.start(t, "up")
	s.streams(t, "main")
	base := s.baseBackup(t)
	var keys point
	s.ask(t, &keys, "snapshot", "create", "redis", "--wait")
	s.shipped(t, "main", live)
	ann, bea := s.newKey(t, "ann", "approver"), s.newKey(t, "bea", "approver")
	viewer, operator := s.newKey(t, "vic", "viewer"), s.newKey(t, "oli", "operator")
	if c := s.commitment(t, "quarterly"); c.State != drill.Unproven || !strings.Contains(c.Reason, "never drilled") {
		t.Errorf("before any drill: %+v", c)
	}
	if status := s.call(t, http.MethodPost, "/v1/drills", `{"plan":"quarterly"}`, nil, "Authorization", "Bearer "+viewer); status != http.StatusForbidden {
		t.Errorf("a viewer runs a drill: %d", status)
	}

	run := s.startDrill(t, ann, "quarterly")
	d := s.becomes(t, run.ID, drill.StateAwaiting)
	s.passes(t, d)
	restored(t, *d.Evidence, base, keys)
	measured(t, d)
	for _, id := range []string{base.ID, keys.ID} {
		var p point
		if s.ask(t, &p, "snapshot", "show", id); p.State != "proven" {
			t.Errorf("point %s is %s after the drill", id, p.State)
		}
	}
	if c := s.commitment(t, "quarterly"); c.State != drill.Unproven || !strings.Contains(c.Reason, "not signed") || c.Drill != d.ID {
		t.Errorf("before the signature: %+v", c)
	}

	s.signed(t, d, map[string]string{"vic, who only views": viewer, "oli, who operates": operator, "ann, who started it": ann}, bea)
	s.verifiedByAStranger(t, d, public)
	s.reported(t, d)
	s.unproven(t)
	s.sentBack(t, ann)
}

// restored looks at what a record says of the restore and of what was asked then.
func restored(t *testing.T, rec drill.Record, base, keys point) {
	t.Helper()
	points := map[string]point{"main": base, "redis": keys}
	for _, got := range rec.Surfaces {
		want := points[got.Surface]
		if got.Result != drill.Pass || got.Point != want.ID || got.URI != want.URI || got.Manifest == "" || got.Store != "primary" || got.Reached.IsZero() {
			t.Errorf("restored was %+v, want the point %+v", got, want)
		}
	}
	if len(rec.Surfaces) != 2 || rec.Surfaces[1].Compared == 0 {
		t.Errorf("the surfaces: %+v", rec.Surfaces)
	}
	if len(rec.Sanitised) != 1 || rec.Sanitised[0].Rows != 5 {
		t.Errorf("sanitised: %+v", rec.Sanitised)
	}
	if len(rec.Programs) != 1 || rec.Programs[0].Result != drill.Pass {
		t.Errorf("the programs: %+v", rec.Programs)
	}
	tried := 0
	for _, a := range rec.Isolation.Attempts {
		if a.Result == drill.Pass {
			tried++
		} else if a.Result != drill.Skipped {
			t.Errorf("the isolation: %+v", a)
		}
	}
	if tried < 8 || !slices.ContainsFunc(rec.Isolation.Attempts, func(a drill.Attempt) bool { return strings.Contains(a.What, "with the live password") }) {
		t.Errorf("%d attempts were refused: %+v", tried, rec.Isolation.Attempts)
	}
	for _, c := range rec.Checks {
		if c.Result != drill.Pass || c.Expected == "" && c.Kind != drill.CheckTCP || c.Observed == "" || c.Attempts < 1 {
			t.Errorf("the check %+v", c)
		}
	}
	var compared []string
	for _, r := range rec.Reconciled {
		if r.Result != drill.Pass {
			t.Errorf("the reconciliation %+v", r)
		}
		compared = append(compared, r.Kind)
	}
	for _, kind := range []string{drill.ReconcileFingerprint, drill.ReconcileRecovery, drill.ReconcileQuery} {
		if !slices.Contains(compared, kind) {
			t.Errorf("nothing was compared by %s: %v", kind, compared)
		}
	}
	if len(rec.Checks) != 5 {
		t.Errorf("%d checks", len(rec.Checks))
	}
}

// measured wants both objectives measured, met, and made of the phases.
func measured(t *testing.T, d drilled) {
	t.Helper()
	o, at := d.Evidence.Objectives, d.Evidence.Timeline
	if o.RTOMet == nil || !*o.RTOMet || o.RPOMet == nil || !*o.RPOMet || o.RTOSeconds <= o.RestoreSeconds || o.RestoreSeconds <= 0 || o.RPOSeconds >= 600 {
		t.Errorf("the objectives: %+v", o)
	}
	if d.RTOSeconds != o.RTOSeconds || at.Reconciled.Sub(at.Declared).Seconds() != o.RTOSeconds {
		t.Errorf("an RTO of %v s, from %v to %v", d.RTOSeconds, at.Declared, at.Reconciled)
	}
	phases := map[string]bool{}
	for _, p := range at.Phases {
		phases[p.Name] = true
	}
	for _, name := range []string{
		drill.PhaseDeclare, drill.PhaseSelect, drill.PhaseIsolate, drill.PhaseRestore, drill.PhaseSanitize, drill.PhaseStart, drill.PhaseCheck,
		drill.PhaseReconcile, drill.PhaseTearDown, drill.PhaseJudge,
	} {
		if !phases[name] {
			t.Errorf("the phase %q was not timed: %+v", name, at.Phases)
		}
	}
}

// commitment is what may be promised of a plan, by the API and the command line alike.
func (s *site) commitment(t *testing.T, plan string) drill.Commitment {
	t.Helper()
	var listed []drill.Commitment
	s.ask(t, &listed, "drill", "commitments")
	at := slices.IndexFunc(listed, func(c drill.Commitment) bool { return c.Plan == plan })
	if at < 0 {
		t.Fatalf("nothing is said of %s: %+v", plan, listed)
	}
	return listed[at]
}

// signed has people try to sign who may not, and then one who may.
func (s *site) signed(t *testing.T, d drilled, refused map[string]string, approver string) {
	t.Helper()
	path, statement := "/v1/drills/"+d.ID+"/sign-off", `{"statement":"looked at the record and the page"}`
	for who, token := range refused {
		if status := s.call(t, http.MethodPost, path, statement, nil, "Authorization", "Bearer "+token); status != http.StatusForbidden {
			t.Errorf("%s signs: %d", who, status)
		}
	}
	var got drilled
	s.as(approver).ask(t, &got, "drill", "sign", d.ID, "--statement", "looked at the record and the page")
	if got.State != drill.StateSigned || got.SignOff == nil || got.SignOff.Signer != "bea" || got.SignOff.Record != d.recordDigest(t, s) {
		t.Errorf("signed is %+v %+v", got, got.SignOff)
	}
	if status := s.call(t, http.MethodPost, path, statement, nil); status != http.StatusConflict {
		t.Errorf("a second signature: %d", status)
	}
	var c struct{ Commitments []drill.Commitment }
	if status := s.call(t, http.MethodGet, "/v1/commitments", "", &c); status != http.StatusOK || len(c.Commitments) != 2 {
		t.Fatalf("the commitments: %d %+v", status, c)
	}
	p := c.Commitments[0]
	if p.State != drill.Proven || p.RTOSeconds != 1800 || p.RPOSeconds != 600 || p.SignedBy != "bea" || p.NextDue.IsZero() || p.Overdue {
		t.Errorf("after the signature: %+v", p)
	}
}

// recordFile is the record of a drill on the store, its first revision.
func (s *site) recordFile(t *testing.T, d drilled) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.storeDir+"-ledger", "evidence/drills", d.Plan, d.ID, "record-1-*.json"))
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	return found[0]
}

// recordDigest is the SHA-256 of the record on the store.
func (d drilled) recordDigest(t *testing.T, s *site) string {
	t.Helper()
	out, err := exec.Command("sha256sum", s.recordFile(t, d)).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))[0]
}

// verifiedByAStranger checks the ledger with nothing but its place and the key.
func (s *site) verifiedByAStranger(t *testing.T, d drilled, public string) {
	t.Helper()
	verify := func(key string) (out []byte, code int) {
		cmd := exec.Command(binary, "evidence", "verify", "--store-url", s.storeDir+"-ledger", "--pubkey", key, "-o", "json")
		cmd.Dir, cmd.Env = t.TempDir(), append(cleanEnv(), "HOME="+t.TempDir())
		out, _ = cmd.Output()
		return out, cmd.ProcessState.ExitCode()
	}
	var found struct {
		Size, Attachments int64
		Entries           map[string]int64
		Problems          []any
		SignedBy          string
	}
	out, code := verify(public)
	if err := json.Unmarshal(out, &found); err != nil || code != 0 {
		t.Fatalf("a stranger's verification: exit %d, %v, %s", code, err, out)
	}
	if found.SignedBy != public || len(found.Problems) > 0 || found.Entries["drill.judged"] != 1 || found.Entries["drill.decided"] != 1 || found.Attachments < 3 {
		t.Errorf("a stranger finds %s", out)
	}
	var own struct{ PublicKeys []string }
	if s.ask(t, &own, "evidence", "key"); !slices.Contains(own.PublicKeys, public) {
		t.Errorf("the site's own keys are %v", own.PublicKeys)
	}
	var rest struct{ Problems []any }
	if status := s.call(t, http.MethodGet, "/v1/evidence/verify", "", &rest); status != http.StatusOK || len(rest.Problems) > 0 {
		t.Errorf("the API verifies: %d %+v", status, rest)
	}
	record := s.recordFile(t, d)
	flip(t, record)
	if out, code := verify(public); code != 1 || !bytes.Contains(out, []byte(filepath.Base(record))) {
		t.Errorf("an altered record is verified: exit %d, %s", code, out)
	}
	flip(t, record)
}

// reported has the report written in both forms.
func (s *site) reported(t *testing.T, d drilled) {
	t.Helper()
	for format, words := range map[string][]string{
		"html": {"<html", d.ID, "looked at the record and the page", "bea", "A.8.13"},
		"json": {`"id"`, d.ID, "looked at the record and the page"},
	} {
		file := filepath.Join(s.dir, "report."+format)
		if _, stderr, code := s.run(t, "evidence", "report", d.ID, "--format", format, "--file", file); code != 0 {
			t.Fatalf("the report: %s", stderr)
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range words {
			if !strings.Contains(string(text), word) {
				t.Errorf("the report as %s does not say %q", format, word)
			}
		}
		for _, hidden := range []string{servers.PGPassword, servers.RedisPassword, "postgres://postgres:"} {
			if strings.Contains(string(text), hidden) {
				t.Errorf("the report as %s shows %q", format, hidden)
			}
		}
	}
	if status, err := s.try(http.MethodGet, "/v1/drills/"+d.ID+"/report?format=html", "", nil); err != nil || status != http.StatusOK {
		t.Errorf("the report by the API: %d %v", status, err)
	}
}

// unproven changes one thing at a time: what was proven no longer is, and the
// thing is named.
func (s *site) unproven(t *testing.T) {
	t.Helper()
	for part, change := range map[string][2]string{
		"store:primary":  {"primary: {kind: local, dir: " + s.storeDir + "}", "primary: {kind: local, dir: " + s.storeDir + "-elsewhere}"},
		"policies:redis": {"copies: [offsite], keep: {days: 7}", "copies: [offsite], keep: {days: 6}"},
		"plan":           {`expect: "20"`, `expect: "*=0"`},
		"targets":        {"rpo: 10m", "rpo: 11m"},
	} {
		c := s.with(t, change[0], change[1]).commitment(t, "quarterly")
		if c.State != drill.Unproven || c.RTOSeconds != 0 || !slices.Contains(c.Changed, part) || !strings.Contains(c.Reason, "changed since drill") {
			t.Errorf("%s was changed: %+v", part, c)
		}
	}
	if c := s.with(t, "owner: ops@example.com", "owner: others@example.com").commitment(t, "quarterly"); c.State != drill.Proven {
		t.Errorf("another owner un-proves: %+v", c)
	}
}

// sentBack has an approver refuse to sign a drill that passed.
func (s *site) sentBack(t *testing.T, approver string) {
	t.Helper()
	d := s.drill(t, "second-look")
	s.passes(t, d)
	if d.State != drill.StateAwaiting || d.Revision != 1 {
		t.Errorf("before it is signed: %+v", d)
	}
	if _, stderr, code := s.run(t, "drill", "sign", d.ID, "--statement", "I ran it"); code != 1 || !strings.Contains(stderr, "another person") {
		t.Errorf("who started it signs: exit %d, %s", code, stderr)
	}
	var got drilled
	status := s.call(t, http.MethodPost, "/v1/drills/"+d.ID+"/sign-off", `{"statement":"nobody watched","refuse":true}`, &got, "Authorization", "Bearer "+approver)
	if status != http.StatusOK || got.State != drill.StateRefused || got.Verdict != drill.VerdictFail || got.Revision != 2 {
		t.Errorf("refused: %d %+v", status, got)
	}
	d = s.shown(t, d.ID)
	f := s.fails(t, d, "second-look/sign-off-refused", "ann", "nobody watched")
	if f.Owner != "ops@example.com" || f.Due.IsZero() || f.Severity == "" {
		t.Errorf("the finding: %+v", f)
	}
	if c := s.commitment(t, "second-look"); c.State != drill.Unproven || len(c.OpenFindings) != 1 {
		t.Errorf("after the refusal: %+v", c)
	}
}
