package archive

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// The vectors are points as format 1 has them, one folder each. They are never
// made anew for a released format: what was written once must stay readable.
var update = flag.Bool("update", false, "write the test vectors anew")

const (
	vectorDir        = "testdata/format1"
	vectorPassphrase = "correct horse battery staple"
)

// vectorContents has every part of the vectors in the clear.
var vectorContents = map[string]string{
	"globals":  "CREATE ROLE app LOGIN;\n",
	"database": "",
	"t-0001": "SET client_encoding = 'UTF8';\n" + `COPY "public"."users" ("id","email","born") FROM stdin;` + "\n" +
		"1\tann@example.com\t2026-01-02\n2\tbob@example.com\t\\N\n\\.\n",
	"t-0002": vectorLog(1, 3000),
	"t-0003": vectorLog(3001, 5000),
}

// vectorLog is one of the two parts that table log is split into.
func vectorLog(from, to int) string {
	var text strings.Builder
	text.WriteString("SET client_encoding = 'UTF8';\n" + `COPY "public"."log" ("id","line") FROM stdin;` + "\n")
	for i := from; i <= to; i++ {
		fmt.Fprintf(&text, "%d\tthe same line again\n", i)
	}
	return text.String() + "\\.\n"
}

// readVector puts a vector's objects on a store.
func readVector(t testing.TB, name string) (*memory, string) {
	t.Helper()
	st, dir := newMemory(), Dir("points", "main", testID)
	files, err := os.ReadDir(filepath.Join(vectorDir, name))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(vectorDir, name, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		st.set(dir+"/"+file.Name(), data)
	}
	return st, dir
}

func TestVectors(t *testing.T) {
	for name, config := range map[string]seal.Config{
		"encrypted": {Identity: testIdentity}, "passphrase": {Passphrase: vectorPassphrase}, "clear": {Unencrypted: true},
	} {
		t.Run(name, func(t *testing.T) {
			if *update {
				writeVector(t, name, config)
			}
			st, dir := readVector(t, name)
			p, err := OpenPoint(t.Context(), st, dir, newKeys(t, config))
			if err != nil {
				t.Fatal(err)
			}
			if len(p.Parts()) != len(vectorContents) {
				t.Errorf("%d parts, want %d", len(p.Parts()), len(vectorContents))
			}
			for part, want := range vectorContents {
				if got, err := readPart(t.Context(), p, part); err != nil || string(got) != want {
					t.Errorf("part %s: %.100q, %v; want %.100q", part, got, err, want)
				}
			}
			if diff := cmp.Diff(vectorFingerprint(), p.Fingerprint()); diff != "" {
				t.Errorf("fingerprint (-want +read):\n%s", diff)
			}
			// The manifest is the one encoding of what it says.
			data, err := encodeManifest(p.Manifest)
			if _, stored := st.object(t, "/"+ManifestName); err != nil || !bytes.Equal(data, stored) {
				t.Errorf("the manifest would be written in another way now: %v\n%s\n%s", err, data, stored)
			}
		})
	}
}

// A newer format is named as such, whatever else is in it.
func TestVectorOfANewerFormat(t *testing.T) {
	st, dir := readVector(t, "newer")
	_, err := ReadManifest(t.Context(), st, dir)
	want := "the manifest of point main/" + testID + ": written by a newer Lifeboat (format 2); this one reads up to 1"
	if !fault.Is(err, fault.Unsupported) || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// The key of the vectors lies beside them, for whoever tries them by hand.
func TestVectorIdentity(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(vectorDir, "identity.txt"))
	if err != nil || !strings.Contains(string(text), testIdentity) {
		t.Fatalf("%q, %v", text, err)
	}
	if _, err := seal.NewKeyring(seal.Config{Identity: secret.String(text)}); err != nil {
		t.Error(err)
	}
}

// vectorPieces is what the fingerprint of the vectors is merged from. The
// digests are the real ones of the rows above.
var vectorPieces = map[string]surface.Fingerprint{
	"":       {{Kind: "sequence", Name: `"public"."users_id_seq"`, Count: 2}},
	"t-0001": {{Kind: "table", Name: `"public"."users"`, Count: 2, Digest: "t:xxh3sum:b4b05cfccd20c1c58ba023d36c6c1bf0"}},
	"t-0002": {{Kind: "table", Name: `"public"."log"`, Count: 3000, Digest: "t:xxh3sum:98b5cf630b81d04a267e7a2757c2df45"}},
	"t-0003": {{Kind: "table", Name: `"public"."log"`, Count: 2000, Digest: "t:xxh3sum:13c2f8c9bf5d33d76ae4e5219dcea0e2"}},
}

func vectorFingerprint() surface.Fingerprint {
	return surface.Fingerprint{
		{Kind: "sequence", Name: `"public"."users_id_seq"`, Count: 2},
		{Kind: "table", Name: `"public"."log"`, Count: 5000, Digest: "t:xxh3sum:ac78c82ccadf042191635f48f5918027"},
		{Kind: "table", Name: `"public"."users"`, Count: 2, Digest: "t:xxh3sum:b4b05cfccd20c1c58ba023d36c6c1bf0"},
	}
}

func writeVector(t *testing.T, name string, config seal.Config) {
	t.Helper()
	parts := make(map[string][]byte)
	for part, text := range vectorContents {
		parts[part] = []byte(text)
	}
	b := writeParts(t, newKeys(t, config), "fix234", parts, vectorPieces)
	if _, err := SealPoint(t.Context(), b.store, b.dir, b.manifest); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(vectorDir, name)
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for key, data := range b.store.objects {
		if err := os.WriteFile(filepath.Join(folder, filepath.Base(key)), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
