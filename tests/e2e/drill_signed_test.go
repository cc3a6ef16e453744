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

// commitment is what may be promised of a plan.
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
