package basebackup

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

// manifestOf is a manifest of version 2 whose checksum is right.
func manifestOf(files string) string {
	text := `{ "PostgreSQL-Backup-Manifest-Version": 2,
"System-Identifier": 18446744073709551615,
"Files": [
` + files + `
],
"WAL-Ranges": [
{ "Timeline": 3, "Start-LSN": "1/2000028", "End-LSN": "1/2000100" }
],
`
	return text + fmt.Sprintf("\"Manifest-Checksum\": \"%s\"}\n", seal.SHA256([]byte(text)))
}

const goodFiles = `{ "Path": "base/1/2", "Size": 9, "Last-Modified": "2026-01-01 00:00:00 GMT", "Checksum-Algorithm": "CRC32C", "Checksum": "839206e3" },
{ "Encoded-Path": "62617365ff", "Size": 0, "Last-Modified": "2026-01-01 00:00:00 GMT" }`

func TestReadManifest(t *testing.T) {
	t.Parallel()
	m, err := ReadManifest(strings.NewReader(manifestOf(goodFiles)))
	if err != nil {
		t.Fatal(err)
	}
	want := &Manifest{
		Version: 2, SystemID: 18446744073709551615,
		// The check value of CRC-32C over "123456789".
		Files: map[string]File{"base/1/2": {Size: 9, CRC32C: 0xe3069283, Summed: true}, "base\xff": {}},
		WAL:   []WALRange{{Timeline: 3, Start: 0x102000028, End: 0x102000100}},
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Errorf("-want +read:\n%s", diff)
	}
}

func TestReadManifestRefuses(t *testing.T) {
	t.Parallel()
	file := func(path, algorithm, sum string) string {
		return manifestOf(fmt.Sprintf(`{ "Path": %q, "Size": 1, "Checksum-Algorithm": %q, "Checksum": %q }`, path, algorithm, sum))
	}
	for name, c := range map[string]struct {
		text string
		kind fault.Kind
		want string
	}{
		"nothing":      {"", fault.Corrupt, "malformed"},
		"cut off":      {manifestOf(goodFiles)[:200], fault.Corrupt, "malformed"},
		"altered":      {strings.Replace(manifestOf(goodFiles), `"Size": 9`, `"Size": 8`, 1), fault.Corrupt, "altered"},
		"no checksum":  {`{"PostgreSQL-Backup-Manifest-Version": 1}`, fault.Corrupt, "altered"},
		"newer":        {strings.Replace(manifestOf(goodFiles), `Version": 2`, `Version": 3`, 1), fault.Unsupported, "version is 3"},
		"outside":      {file("../x", "NONE", ""), fault.Corrupt, `"../x"`},
		"absolute":     {file("/etc/passwd", "NONE", ""), fault.Corrupt, "can't be in a data directory"},
		"no path":      {file("", "NONE", ""), fault.Corrupt, "can't be in a data directory"},
		"bad encoding": {manifestOf(`{ "Encoded-Path": "6", "Size": 1 }`), fault.Corrupt, "without a path"},
		"negative":     {manifestOf(`{ "Path": "x", "Size": -1 }`), fault.Corrupt, "-1 bytes"},
		"SHA512":       {file("x", "SHA512", "00"), fault.Unsupported, "CRC32C is known"},
		"short sum":    {file("x", "CRC32C", "00"), fault.Corrupt, "which is none"},
		"twice":        {manifestOf(goodFiles + ",\n" + goodFiles), fault.Corrupt, "twice"},
	} {
		_, err := ReadManifest(strings.NewReader(c.text))
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v (%s), want %s: …%s…", name, err, fault.KindOf(err), c.kind, c.want)
		}
	}
}

func FuzzManifest(f *testing.F) {
	f.Add(goodFiles)
	f.Add(`{ "Path": "a", "Size": 1e3 }`)
	f.Fuzz(func(t *testing.T, files string) {
		m, err := parseManifest([]byte(manifestOf(files)))
		if err != nil {
			if k := fault.KindOf(err); k != fault.Corrupt && k != fault.Unsupported || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v (%s)", err, k)
			}
			return
		}
		for name, file := range m.Files {
			if !safeName(name) || file.Size < 0 {
				t.Errorf("accepted %q with %d bytes", name, file.Size)
			}
		}
	})
}
