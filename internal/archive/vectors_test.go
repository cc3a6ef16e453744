package archive

import (
	"bytes"
	"encoding/json"
	"flag"
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

// vectorPart is a part of the vectors in the clear: what a snapshot of a small
// PostgreSQL database holds. The nameless one has the point's own fingerprint.
type vectorPart struct {
	surface.Part
	Fingerprint surface.Fingerprint `json:"fingerprint"`
	data        []byte
}

func vectorParts(t testing.TB) []vectorPart {
	t.Helper()
	var parts []vectorPart
	text, err := os.ReadFile(filepath.Join(vectorDir, "plain/point.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &parts); err != nil {
		t.Fatal(err)
	}
	for i, p := range parts {
		if p.Name == "" {
			continue
		}
		if parts[i].data, err = os.ReadFile(filepath.Join(vectorDir, "plain", p.Name+"."+p.Format)); err != nil {
			t.Fatal(err)
		}
	}
	return parts
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
			var pieces []surface.Fingerprint
			count := 0
			for _, part := range vectorParts(t) {
				pieces = append(pieces, part.Fingerprint)
				if part.Name == "" {
					continue
				}
				count++
				if got, err := readPart(t.Context(), p, part.Name); err != nil || !bytes.Equal(got, part.data) {
					t.Errorf("part %s: %d bytes, %v; want %d", part.Name, len(got), err, len(part.data))
				}
			}
			if len(p.Parts()) != count {
				t.Errorf("%d parts, want %d", len(p.Parts()), count)
			}
			if diff := cmp.Diff(surface.Merge(pieces...), p.Fingerprint()); diff != "" {
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

func writeVector(t *testing.T, name string, config seal.Config) {
	t.Helper()
	b := newBundle(t, newKeys(t, config), "fix234")
	for _, p := range vectorParts(t) {
		if p.Name != "" {
			b.write(t, p.Part, p.data)
		}
		if p.Name == "" || p.Fingerprint != nil {
			b.writePiece(t, p.Name, p.Fingerprint)
		}
	}
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
