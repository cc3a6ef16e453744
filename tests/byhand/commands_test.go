// Package byhand restores without Lifeboat: the commands of FORMAT.md are run as
// they stand there, on the vectors, with the tools that a distribution ships.
package byhand

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

const (
	vectors    = "../../internal/archive/testdata/format1"
	passphrase = "correct horse battery staple"
)

// commands returns the shell block of FORMAT.md that follows the comment
// <!-- tested: NAME -->.
func commands(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../FORMAT.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)<!-- tested: " + regexp.QuoteMeta(name) + " -->\n```sh\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatalf("FORMAT.md has no block that is marked as tested: %s", name)
	}
	return string(block[1])
}

// download copies a vector into a folder, with its key as key.txt.
func download(t *testing.T, vector string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(vectors, vector))); err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(vectors, "identity.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "key.txt"), key, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// need fails a test where a tool is not installed.
func need(t *testing.T, tools ...string) {
	t.Helper()
	for _, tool := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			t.Fatalf("%s is not installed: apt-get install age b3sum jq zstd postgresql redis-server bsdutils", tool)
		}
	}
}

// run runs commands in a folder and returns what they print; the passphrase
// waits on their standard input.
func run(t *testing.T, dir, script string, env ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-euc", script)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	// The pipe stays open until the end: script(1) would end the terminal with it.
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(stdin, passphrase+"\n") }()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s\nof\n%s", err, out, script)
	}
	return string(out)
}

// plain is a part of the vectors as it was before it was stored.
func plain(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(vectors, "plain", file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestManifest(t *testing.T) {
	t.Parallel()
	need(t, "jq", "b3sum")
	for _, vector := range []string{"encrypted", "passphrase", "clear"} {
		words := strings.Fields(run(t, download(t, vector), commands(t, "manifest")))
		if len(words) != 3 || len(words[0]) != 64 || words[2] != "blake3:"+words[0] {
			t.Errorf("%s: the digests differ: %q", vector, words)
		}
	}
}

func TestParts(t *testing.T) {
	t.Parallel()
	need(t, "jq", "b3sum")
	for _, vector := range []string{"encrypted", "clear"} {
		if out := run(t, download(t, vector), commands(t, "parts")); strings.Count(out, ": OK\n") != 10 {
			t.Errorf("%s: not ten times OK:\n%s", vector, out)
		}
	}
	damaged := "printf x >> globals.fix234.sql.zst.age; " + strings.TrimSpace(commands(t, "parts")) + " || echo DAMAGED"
	if out := run(t, download(t, "encrypted"), damaged); !strings.Contains(out, "globals.fix234.sql.zst.age: FAILED") || !strings.Contains(out, "DAMAGED") {
		t.Errorf("damage isn't noticed:\n%s", out)
	}
}

func TestOnePart(t *testing.T) {
	t.Parallel()
	need(t, "jq", "age", "zstd")
	want := plain(t, "globals.sql")
	for vector, block := range map[string]string{"encrypted": "part", "clear": "clear part"} {
		if out := run(t, download(t, vector), commands(t, block)); out != want {
			t.Errorf("%s: got %q, want %q", vector, out, want)
		}
	}
}

func TestAllParts(t *testing.T) {
	t.Parallel()
	need(t, "jq", "age", "zstd")
	dir := download(t, "encrypted")
	run(t, dir, commands(t, "all parts"))
	files, err := os.ReadDir(filepath.Join(vectors, "plain"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file.Name() == "point.json" {
			continue
		}
		got, err := os.ReadFile(filepath.Join(dir, "plain", file.Name()))
		if want := plain(t, file.Name()); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v; want %d", file.Name(), len(got), err, len(want))
		}
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	need(t, "jq", "age", "zstd")
	out := run(t, download(t, "encrypted"), commands(t, "fingerprint"))
	for _, line := range []string{
		"table\t\"public\".\"log\"\t957\tb:xxh3sum:9c63e3b59ad921d6da7203c5a7662a20\n",
		"table\t\"public\".\"log\"\t1043\tb:xxh3sum:1e27ea1880e3c0b585e5d170f2a891e6\n",
		"table\t\"public\".\"users\"\t3\tt:xxh3sum:e752d878623753426c1ec5ba67a455e0\n",
		"sequence\t\"public\".\"users_id_seq\"\t1\tlast=3 called=true\n",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("%q is missing:\n%s", line, out)
		}
	}
}

// age asks for a passphrase on the terminal alone, so it gets one.
func TestPassphrase(t *testing.T) {
	t.Parallel()
	need(t, "age", "zstd", "script")
	script := "script -qec '" + strings.TrimSpace(commands(t, "passphrase")) + "' log > screen; cat globals.sql"
	if out := run(t, download(t, "passphrase"), script); out != plain(t, "globals.sql") {
		t.Errorf("got %q, want %q", out, plain(t, "globals.sql"))
	}
}
