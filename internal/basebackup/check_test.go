package basebackup

import (
	"bytes"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func sumOf(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

// Whatever befalls one file of a restored directory is found, and the file named.
func TestCheckManifestFindsDamage(t *testing.T) {
	t.Parallel()
	c := backedUp(t)
	dir := filepath.Join(c.SocketDir, "restored")
	tablespaces := map[uint32]string{c.linked: filepath.Join(c.SocketDir, "moved")}
	extracted := c.extract(t, dir, c.options(tablespaces))
	victim := filepath.Join(dir, "global", "pg_filenode.map")
	whole, err := os.ReadFile(victim)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, data []byte) {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	other := bytes.Clone(whole)
	other[100] ^= 1
	for want, damage := range map[string]func() (undo func()){
		`"global/pg_filenode.map" was altered`: func() func() { write(victim, other); return func() { write(victim, whole) } },
		`"global/pg_filenode.map" has 511 bytes, the backup manifest says 512`: func() func() {
			write(victim, whole[:511])
			return func() { write(victim, whole) }
		},
		`"global/pg_filenode.map" is missing, and 0 more`: func() func() { os.Remove(victim); return func() { write(victim, whole) } },
		`"base/stranger" is not in the backup manifest`: func() func() {
			name := filepath.Join(dir, "base", "stranger")
			write(name, nil)
			return func() { os.Remove(name) }
		},
		`/stranger" is not in the backup manifest`: func() func() {
			name := filepath.Join(tablespaces[c.linked], "stranger")
			write(name, nil)
			return func() { os.Remove(name) }
		},
		`"base/link" is neither a file nor a folder`: func() func() {
			name := filepath.Join(dir, "base", "link")
			os.Symlink("/etc/passwd", name)
			return func() { os.Remove(name) }
		},
	} {
		undo := damage()
		err := CheckManifest(t.Context(), dir, bytes.NewReader(c.manifest.Bytes()), tablespaces)
		if !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v (%s), want …%s…", err, fault.KindOf(err), want)
		}
		undo()
	}
	// What recovery needs beside the backup is no damage.
	write(filepath.Join(dir, "recovery.signal"), nil)
	if err := CheckManifest(t.Context(), dir, bytes.NewReader(c.manifest.Bytes()), tablespaces); err != nil {
		t.Error(err)
	}
	m, err := ReadManifest(bytes.NewReader(c.manifest.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CheckExtracted(extracted[1:]...); !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("without a part: %v", err)
	}
	if err := m.CheckExtracted(append(extracted, extracted[0])...); !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "twice") {
		t.Errorf("with a part twice: %v", err)
	}
}
