package report

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
)

var update = flag.Bool("update", false, "write the golden files anew")

// testKey is the key of the test's ledger; it is no secret.
const testKey secret.String = "PRIVATE+KEY+lifeboat-evidence+e49e8279+AdatGdCBeInwctk6UsbF3sofffe+vIAQREGVRoZ3r7xn"

// file puts a record into a ledger of its own and returns the proof that it is there.
func file(t *testing.T, r drill.Record) (evidence.Proof, string) {
	t.Helper()
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	signer, err := seal.NewSigner(testKey)
	if err != nil {
		t.Fatal(err)
	}
	ledger := evidence.Open(st, evidence.Options{Signer: signer, Now: r.Timeline.Judged.UTC})
	archive := drills.Open(ledger)
	ref := drills.Ref{Plan: r.PlanName, ID: r.ID, Actor: "schedule", Since: r.Timeline.Declared}
	if err := archive.Declare(t.Context(), ref, map[string]string{}); err != nil {
		t.Fatal(err)
	}
	page, err := HTML(Drill{Record: r, Trusted: ledger.Trusted()})
	if err != nil {
		t.Fatal(err)
	}
	filed, err := archive.Judge(t.Context(), ref, r, map[string][]byte{"html": page})
	if err != nil {
		t.Fatal(err)
	}
	proof, err := ledger.Prove(t.Context(), filed.Sequence)
	if err != nil {
		t.Fatal(err)
	}
	return proof, signer.Public()
}

var proofFile = filepath.Join("testdata", "proof.json")

// golden are the drills of the golden files. Their proof is a fixed one: a
// ledger begins with its README, which has its own life.
func golden(t *testing.T) map[string]Drill {
	t.Helper()
	var proof evidence.Proof
	text, err := os.ReadFile(proofFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &proof); err != nil {
		t.Fatal(err)
	}
	signer, err := seal.NewSigner(testKey)
	if err != nil {
		t.Fatal(err)
	}
	trusted := []string{signer.Public()}
	pass := Drill{Record: passing(), Proof: &proof, Coverage: yearly(), Trusted: trusted}
	pass.Decision = signed(pass.Record, recordDigest(pass))
	fail := Drill{Record: failing(), Trusted: trusted}
	fail.Decision = &drill.SignedOff{
		DrillID: fail.Record.ID, Revision: 1, Record: digestA, Decision: drill.DecisionRefused, Signer: "Anna Gruber", Role: "approver", Statement: "Repeat it with a whole backup.", At: at(86400),
	}
	return map[string]Drill{"passing": pass, "failing": fail, "aborted": {Record: aborted()}, "tabletop": {Record: tabletop(), Trusted: trusted}}
}

func write(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestGolden(t *testing.T) {
	if *update {
		// Before anything else runs that reads it.
		proof, _ := file(t, passing())
		text, err := json.MarshalIndent(proof, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		write(t, proofFile, append(text, '\n'))
	}
	t.Parallel()
	for name, d := range golden(t) {
		for ending, render := range map[string]func(Drill) ([]byte, error){"html": HTML, "json": JSON} {
			got, err := render(d)
			if err != nil {
				t.Fatalf("%s.%s: %v", name, ending, err)
			}
			path := filepath.Join("testdata", name+"."+ending)
			if *update {
				write(t, path, got)
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("%s is not what it was; where that is meant, run the test with -update and read the difference:\n%s", path, diff)
			}
		}
	}
}

func TestPagesAreSound(t *testing.T) {
	t.Parallel()
	drills := golden(t)
	drills["empty"] = Drill{}
	for name, d := range drills {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := HTML(d)
			if err != nil {
				t.Fatal(err)
			}
			examine(t, page)
			if again, _ := HTML(d); !bytes.Equal(again, page) {
				t.Error("the same drill gave another page")
			}
		})
	}
}

func TestJSONCanBeReadAgain(t *testing.T) {
	t.Parallel()
	for name, d := range golden(t) {
		text, err := JSON(d)
		if err != nil {
			t.Fatal(err)
		}
		var again Drill
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		if d.Proof != nil {
			if _, err := again.Proof.Verify(d.Trusted); err != nil {
				t.Errorf("%s: the proof that was read again: %v", name, err)
			}
			again.Proof.Record.Body, d.Proof.Record.Body = nil, nil
		}
		if diff := cmp.Diff(d, again, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s: what was read is not what was written:\n%s", name, diff)
		}
		var members map[string]json.RawMessage
		if err := json.Unmarshal(text, &members); err != nil {
			t.Fatal(err)
		}
		for _, member := range []string{"reportVersion", "record", "publicKeys", "controls", "notAttested"} {
			if members[member] == nil || string(members[member]) == "null" {
				t.Errorf("%s: %s is missing", name, member)
			}
		}
	}
}

func TestJSONOfAnImpossibleTime(t *testing.T) {
	t.Parallel()
	r := aborted()
	r.Timeline.Judged = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := JSON(Drill{Record: r}); !fault.Is(err, fault.Internal) {
		t.Errorf("got %v", err)
	}
}

// shown is the text of a page.
func shown(t *testing.T, d Drill) string {
	t.Helper()
	page, err := HTML(d)
	if err != nil {
		t.Fatal(err)
	}
	_, text := examine(t, page)
	return text
}

func TestTheProofIsTried(t *testing.T) {
	t.Parallel()
	proof, public := file(t, passing())
	_, other, err := seal.GenerateSigner("other")
	if err != nil {
		t.Fatal(err)
	}
	altered := proof
	altered.Record.Actor = "somebody else"
	for name, c := range map[string]struct {
		d    Drill
		want string
	}{
		"valid":       {Drill{Record: passing(), Proof: &proof, Trusted: []string{public}}, "valid when this was written, signed by"},
		"altered":     {Drill{Record: passing(), Proof: &altered, Trusted: []string{public}}, "not valid when this was written"},
		"another key": {Drill{Record: passing(), Proof: &proof, Trusted: []string{other}}, "not valid when this was written"},
		"no key":      {Drill{Record: passing(), Proof: &proof}, "not checked when this was written"},
	} {
		text := shown(t, c.d)
		if !strings.Contains(text, c.want) || strings.Contains(text, "✓ valid") != (name == "valid") {
			t.Errorf("%s: the page does not say %q", name, c.want)
		}
	}
	if digest := recordDigest(Drill{Record: passing(), Proof: &proof}); len(digest) != 64 {
		t.Errorf("the digest of the record is %q", digest)
	}
}

func TestADecisionOnSomethingElseIsToldApart(t *testing.T) {
	t.Parallel()
	d := golden(t)["passing"]
	if text := shown(t, d); strings.Contains(text, "Attention") {
		t.Error("a decision on this very record is told as on another")
	}
	for name, change := range map[string]func(*drill.SignedOff){
		"is on another drill":    func(s *drill.SignedOff) { s.DrillID = "20200101T000000.000Z-aaaaaa" },
		"is on another revision": func(s *drill.SignedOff) { s.Revision++ },
		"is not the one that":    func(s *drill.SignedOff) { s.Record = digestB },
	} {
		decision := *d.Decision
		change(&decision)
		if text := shown(t, Drill{Record: d.Record, Proof: d.Proof, Trusted: d.Trusted, Decision: &decision}); !strings.Contains(text, name) {
			t.Errorf("the page does not say that the decision %s", name)
		}
	}
}

// What people decided since the drill was judged stands beside the record.
func TestHowFindingsStandNow(t *testing.T) {
	t.Parallel()
	r := failing()
	standing := slices.Clone(r.Findings)
	page := func(standing []drill.Finding) string {
		text, err := HTML(Drill{Record: r, Standing: standing})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const caption = "How findings stand now"
	if strings.Contains(page(standing), caption) || strings.Contains(page(nil), caption) {
		t.Error("nothing was decided, and something is told")
	}
	standing[0].Owner = "Grace of operations"
	standing[1].Status, standing[1].Retest = drill.FindingClosed, "20260601T060000.000Z-aaaaaa"
	_, told, found := strings.Cut(page(standing), caption)
	for _, want := range []string{"Grace of operations", standing[0].ID, "retested by 20260601T060000.000Z-aaaaaa", standing[1].ID} {
		if !found || !strings.Contains(told, want) {
			t.Errorf("%q is not told", want)
		}
	}
	if _, rest, _ := strings.Cut(told, "</table>"); strings.Contains(strings.TrimSuffix(told, rest), standing[2].ID) {
		t.Error("what stands as it stood is told again")
	}
}

func TestWhatWasNotMeasuredIsNotShown(t *testing.T) {
	t.Parallel()
	r := passing()
	// Figures that are there and were not measured must not be told.
	r.Objectives.RTOMeasured, r.Objectives.RPOMeasured = false, false
	r.Objectives.RTOSeconds, r.Objectives.RPOSeconds = 7777, 8888
	r.Objectives.RTOMet, r.Objectives.RPOMet, r.Objectives.Trend = nil, nil, nil
	r.Objectives.RestoreSeconds, r.Summary = 0, "nothing"
	text := shown(t, Drill{Record: r})
	for _, never := range []string{span(7777), span(8888), "7777", "8888", "✓ met"} {
		if strings.Contains(text, never) {
			t.Errorf("the page shows %q", never)
		}
	}
	// The two figures, and the three objectives.
	if n := strings.Count(text, "not measured"); n < 5 {
		t.Errorf("the page says %d times that something was not measured", n)
	}
}

// TestWords keeps the page from promising what no drill shows.
func TestWords(t *testing.T) {
	t.Parallel()
	for name, d := range golden(t) {
		text := strings.ToLower(shown(t, d))
		for _, never := range []string{"compliant", "complies", "compliance", "certified", "guarantee"} {
			if strings.Contains(text, never) {
				t.Errorf("%s: the page says %q", name, never)
			}
		}
		for _, sentence := range drill.NotAttested(d.Record) {
			if !strings.Contains(text, strings.ToLower(sentence)) {
				t.Errorf("%s: the page does not say %q", name, sentence)
			}
		}
		for _, c := range drill.Controls(d.Record) {
			if !strings.Contains(text, strings.ToLower(c.Framework)) || !strings.Contains(text, strings.ToLower(c.Lacks)) {
				t.Errorf("%s: %s %s is not there, or not why it is not supported", name, c.Framework, c.ID)
			}
		}
	}
}
