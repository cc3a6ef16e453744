package telemetry

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const someBlock = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

// write writes a block of three files.
func write(t testing.TB, dir string) string {
	t.Helper()
	at := filepath.Join(dir, someBlock)
	if err := os.MkdirAll(filepath.Join(at, "chunks"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"meta.json": `{"ulid":"` + someBlock + `","minTime":1000,"maxTime":2000,"stats":{"numSamples":3},"version":1}`,
		"index":     "the index", "chunks/000001": "the chunks",
	} {
		if err := os.WriteFile(filepath.Join(at, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return at
}

// The digest of a block is kept in manifests: it must stay what it is.
func TestTheDigestOfABlock(t *testing.T) {
	t.Parallel()
	entry, err := look(write(t, t.TempDir()))
	// printf '\0\0\0\0\0\0\0\15chunks/000001\0\0\0\0\0\0\0\12the chunks\0\0\0\0\0\0\0\5index\0\0\0\0\0\0\0\11the index' | b3sum
	const want = "blake3:b9b2ef545d48f706b43125f1060d4d8631a803093fb4ab248f48141f91342379"
	if err != nil || entry.Digest != want || entry.Count != 3 || entry.Name != someBlock || entry.Kind != "block" {
		t.Errorf("%+v, %v", entry, err)
	}
}

func TestABlockIsAnOrdinaryTarArchive(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if _, err := writeTar(write(t, t.TempDir()), &out); err != nil {
		t.Fatal(err)
	}
	var names []string
	for r := tar.NewReader(&out); ; {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, header.Name)
	}
	if want := []string{"chunks/000001", "index", "meta.json"}; !slices.Equal(names, want) {
		t.Errorf("%q", names)
	}
}

func TestABlockWithWhatIsNotKnownIsNotTaken(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"other", "chunks/000001.tmp", "more/000001"} {
		at := write(t, t.TempDir())
		if err := os.MkdirAll(filepath.Dir(filepath.Join(at, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := look(at); !fault.Is(err, fault.Unsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
	at := write(t, t.TempDir())
	if err := os.Symlink("/etc/passwd", filepath.Join(at, "tombstones")); err != nil {
		t.Fatal(err)
	}
	if _, err := look(at); !fault.Is(err, fault.Unsupported) {
		t.Errorf("a link: %v", err)
	}
}

// Whatever an archive holds, nothing is written outside of the block's folder.
func FuzzExtract(f *testing.F) {
	var whole bytes.Buffer
	if _, err := writeTar(write(f, f.TempDir()), &whole); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Fuzz(func(t *testing.T, text []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, someBlock)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		err := extract(bytes.NewReader(text), dir, someBlock, func(string) error { return nil })
		if err != nil && !fault.Is(err, fault.Corrupt) {
			t.Errorf("%v is %s", err, fault.KindOf(err))
		}
		if entries, err := os.ReadDir(parent); err != nil || len(entries) != 1 {
			t.Errorf("%v, %v", entries, err)
		}
		if err == nil {
			if _, err := look(dir); err != nil {
				t.Errorf("it was taken, and can't be read: %v", err)
			}
		}
	})
}
