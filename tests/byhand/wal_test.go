package byhand

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

const (
	walVectors  = "../../internal/walarchive/testdata/format1"
	walSegment  = "000000010000001600000FFC"
	walOpen     = "000000010000001600000FFD"
	walSize     = 1 << 20
	walSystem   = 7451234567890123456
	walTimeline = "00000001"
)

// downloadWAL copies a vector of WAL and returns the folder of its timeline, with the key in it.
func downloadWAL(t *testing.T, vector string) string {
	t.Helper()
	root := t.TempDir()
	if err := os.CopyFS(root, os.DirFS(filepath.Join(walVectors, vector))); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(walVectors, "identity.txt"))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, walTimeline)
	if err := os.WriteFile(filepath.Join(dir, "key.txt"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// wantSegment checks that a file is the segment of its name, with WAL in it.
func wantSegment(t *testing.T, dir, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	s, err := wal.ParseSegment(name, walSize)
	if err != nil {
		t.Fatal(err)
	}
	if err := wal.CheckSegment(bytes.NewReader(data), s, walSize, walSystem); err != nil {
		t.Error(err)
	}
	return data
}

func TestWAL(t *testing.T) {
	t.Parallel()
	need(t, "age", "zstd", "jq", "b3sum")
	dir := downloadWAL(t, "x25519")
	run(t, dir, commands(t, "wal segment"), "SEGMENT="+walSegment)
	want := wantSegment(t, dir, walSegment)
	if out := run(t, dir, commands(t, "wal digest"), "SEGMENT="+walSegment); !strings.Contains(out, ".zst.age: OK") {
		t.Errorf("the digest differs: %s", out)
	}
	run(t, dir, commands(t, "wal open"), "SEGMENT="+walOpen)
	const end = 70_000
	if data := wantSegment(t, dir, walOpen); len(bytes.Trim(data[end:], "\x00")) != 0 || len(bytes.Trim(data[end-4000:end], "\x00")) == 0 {
		t.Error("the open segment doesn't end where its chunks do")
	}

	dir = downloadWAL(t, "passphrase")
	// age wants a terminal to ask for a passphrase.
	script := "script -qec \"$COMMANDS\" /dev/null"
	run(t, dir, script, "SEGMENT="+walSegment, "COMMANDS="+commands(t, "wal passphrase"))
	if got := wantSegment(t, dir, walSegment); !bytes.Equal(got, want) {
		t.Error("the segment behind the passphrase is another one")
	}
}
