package report

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
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
	archive := drills.Open(st, ledger)
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

// golden are the drills of the golden files. Their proof is a fixed one: a
// ledger begins with its README, which has its own life.
func golden(t *testing.T) map[string]Drill {
	t.Helper()
	path := filepath.Join("testdata", "proof.json")
	if *update {
		proof, _ := file(t, passing())
		text, err := json.MarshalIndent(proof, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		write(t, path, append(text, '\n'))
	}
	var proof evidence.Proof
	text, err := os.ReadFile(path)
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
