package e2e

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// drillConfig is a site that drills; POLICIES and DRILLS are each test's own.
const drillConfig = `listen: %LISTEN%
dataDir: %DATA%
encryption: {identity: IDENTITY}
evidence: {store: ledger, key: "EVIDENCEKEY"}
stores:
  primary: {kind: local, dir: %STORE%}
  offsite: {kind: local, dir: %STORE%-offsite}
  ledger:  {kind: local, dir: %STORE%-ledger}
surfaces:
  main:  {kind: postgres, url: "POSTGRES"}
  redis: {kind: redis, url: "REDIS"}
policies:
POLICIES
drills:
DRILLS
`

// snapshotPolicies take snapshots of both surfaces, with a copy off site.
const snapshotPolicies = `  main-daily:  {surface: main, kind: snapshot, cron: "0 2 * * *", store: primary, copies: [offsite], keep: {days: 7}}
  redis-daily: {surface: redis, kind: snapshot, cron: "30 2 * * *", store: primary, copies: [offsite], keep: {days: 7}}`

// drillSite is a site with plans. It signs its ledger with the key whose public
// half is returned.
func drillSite(t *testing.T, postgres, redis, policies, drills string) (s *site, public string) {
	t.Helper()
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	private, public, err := seal.GenerateSigner("lifeboat-evidence")
	if err != nil {
		t.Fatal(err)
	}
	return newSite(t, strings.NewReplacer("IDENTITY", identity.Reveal(), "EVIDENCEKEY", private.Reveal(),
		"POSTGRES", postgres, "REDIS", redis, "POLICIES", policies, "DRILLS", drills).Replace(drillConfig)), public
}

// goods puts into a shop and a Redis what agrees with each other: as many orders
// here as the other one counts.
func goods(t *testing.T, live string, rd *servers.RedisServer, orders int) {
	t.Helper()
	execSQL(t, live, `CREATE TABLE customers (id int PRIMARY KEY, mail text)`,
		`INSERT INTO customers SELECT n, n || '@example.com' FROM generate_series(1, 5) n`)
	client := rd.Client(t)
	for key, value := range map[string]any{"greeting": "hello", "orders": orders} {
		if err := client.Set(t.Context(), key, value, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
}

// drilled is what the command line and the API say of a drill.
type drilled struct {
	ID, Plan, Kind, State, Phase, Verdict, Summary, StartedBy, WorkflowID, Record string
	RTOSeconds, RPOSeconds                                                        float64
	Findings                                                                      []drill.Finding
	Revision                                                                      int
	Sequence                                                                      *int64
	SignOff                                                                       *drill.SignedOff
	Servers                                                                       map[string]struct{ RestoreID, Address string }
	Evidence                                                                      *drill.Record
}

// drill runs a drill to its verdict, and returns it with its record. The exit
// code is the verdict's.
func (s *site) drill(t *testing.T, plan string, args ...string) drilled {
	t.Helper()
	stdout, stderr, code := s.run(t, append([]string{"drill", "run", plan, "--wait", "-o", "json"}, args...)...)
	var d drilled
	if err := json.Unmarshal([]byte(stdout), &d); err != nil {
		t.Fatalf("drill run %s: exit %d, %v in %q, %s", plan, code, err, stdout, stderr)
	}
	if want := map[bool]int{true: 0, false: 1}[d.Verdict == drill.VerdictPass]; code != want || d.Sequence == nil {
		t.Errorf("drill run %s: exit %d for the verdict %q, entry %v: %s", plan, code, d.Verdict, d.Sequence, stderr)
	}
	return s.shown(t, d.ID)
}

// shown is a drill as drill show has it.
func (s *site) shown(t *testing.T, id string) drilled {
	t.Helper()
	var d drilled
	s.ask(t, &d, "drill", "show", id)
	if d.ID != id {
		t.Fatalf("asked for drill %s, shown is %+v", id, d)
	}
	return d
}

// startDrill asks the API for a drill, with somebody's key.
func (s *site) startDrill(t *testing.T, token, plan string) drilled {
	t.Helper()
	var d drilled
	status := s.call(t, http.MethodPost, "/v1/drills", `{"plan":"`+plan+`"}`, &d, "Authorization", "Bearer "+token)
	if status != http.StatusAccepted || d.ID == "" || d.WorkflowID == "" {
		t.Fatalf("a drill of %s was answered with %d %+v", plan, status, d)
	}
	return d
}

// becomes waits until the API shows a drill in a state, and returns it.
func (s *site) becomes(t *testing.T, id, state string) drilled {
	t.Helper()
	var d drilled
	eventually(t, 3*time.Minute, "drill "+id+" is "+state, func() bool {
		d = drilled{}
		status := s.call(t, http.MethodGet, "/v1/drills/"+id, "", &d)
		return status == http.StatusOK && d.State == state
	})
	if d.Evidence == nil {
		t.Fatalf("drill %s is %s and has no record: %+v", id, state, d)
	}
	return d
}

// newKey makes a key of the API, and returns its token.
func (s *site) newKey(t *testing.T, id, role string) string {
	t.Helper()
	var key struct{ Token string }
	if status := s.call(t, http.MethodPost, "/v1/admin/keys", `{"id":"`+id+`","role":"`+role+`"}`, &key); status != http.StatusCreated || key.Token == "" {
		t.Fatalf("making the key %s: %d", id, status)
	}
	return key.Token
}

// as is the site for somebody with a key.
func (s *site) as(token string) *site {
	other := *s
	other.env = append(slices.Clone(s.env), "LIFEBOAT_KEY="+token)
	return &other
}

// passes wants a drill that passed, without a finding, and left nothing.
func (s *site) passes(t *testing.T, d drilled) {
	t.Helper()
	if d.Verdict != drill.VerdictPass || slices.ContainsFunc(d.Findings, func(f drill.Finding) bool { return f.Status != drill.FindingClosed }) {
		t.Errorf("the verdict is %s: %s\n%+v", d.Verdict, d.Summary, d.Findings)
	}
	s.leftNothing(t, d)
}

// fails wants a drill that failed with one open finding of its own, whose cause
// has some words, and left nothing.
func (s *site) fails(t *testing.T, d drilled, finding string, words ...string) drill.Finding {
	t.Helper()
	if d.Verdict != drill.VerdictFail {
		t.Errorf("the verdict is %s: %s", d.Verdict, d.Summary)
	}
	var found drill.Finding
	for _, f := range d.Findings {
		switch {
		case f.Status != drill.FindingOpen || f.Seen != d.ID:
		case f.ID == finding:
			found = f
		default:
			t.Errorf("another finding is %s: %s", f.ID, f.Cause)
		}
	}
	if found.ID == "" {
		t.Fatalf("there is no open finding %s: %+v", finding, d.Findings)
	}
	for _, word := range words {
		if !strings.Contains(found.Cause, word) {
			t.Errorf("the cause of %s does not say %q: %s", finding, word, found.Cause)
		}
	}
	s.leftNothing(t, d)
	return found
}

// leftNothing looks for processes and folders of a drill.
func (s *site) leftNothing(t *testing.T, d drilled) {
	t.Helper()
	if d.Evidence == nil || d.Evidence.Isolation.TornDown.IsZero() || len(d.Evidence.Isolation.Left) > 0 {
		t.Errorf("the record does not say that nothing is left: %+v", d.Evidence)
	}
	for _, left := range append(s.processesOf(t, d.ID), s.foldersOf(t, d.ID)...) {
		t.Errorf("drill %s left %s", d.ID, left)
	}
}

// processesOf are those that have the ID of a drill in their command, in their
// environment or in the path of the folder that they work in.
func (s *site) processesOf(t *testing.T, id string) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, dir := range all {
		// What has ended meanwhile can't be read.
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		env, _ := os.ReadFile(filepath.Join(dir, "environ"))
		at, _ := os.Readlink(filepath.Join(dir, "cwd"))
		if strings.Contains(string(command)+string(env)+at, id) {
			found = append(found, fmt.Sprintf("process %s: %s", filepath.Base(dir), strings.ReplaceAll(string(command), "\x00", " ")))
		}
	}
	return found
}

// foldersOf are those below the data folder that are named after a drill.
func (s *site) foldersOf(t *testing.T, id string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(s.dataDir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case os.IsNotExist(err):
			return nil
		case err != nil:
			return err
		case entry.IsDir() && strings.Contains(entry.Name(), id):
			found = append(found, path)
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
