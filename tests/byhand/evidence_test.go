package byhand

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
)

// newLedger makes a ledger in a folder, and returns the folder and the public key.
func newLedger(t *testing.T, entries int) (dir, public string) {
	t.Helper()
	root := t.TempDir()
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: root})
	if err != nil {
		t.Fatal(err)
	}
	text, public, err := seal.GenerateSigner(evidence.DefaultOrigin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := seal.NewSigner(text)
	if err != nil {
		t.Fatal(err)
	}
	l := evidence.Open(st, evidence.Options{Signer: signer})
	for i := range entries {
		e := evidence.Entry{
			ID: fmt.Sprintf("drill-%d", i), Kind: "drill.judged", Actor: "büro@example.com", Subject: "main & <redis>",
			Since: time.Now(), Body: map[string]any{"verdict": "pass", "note": "100% \\ \"quoted\" – \u2028"},
		}
		if i%2 == 1 {
			e.Attachments = []evidence.Attachment{{Key: fmt.Sprintf("reports/a b %d.html", i), Content: []byte("<p>report</p>")}}
		}
		r, err := l.Append(t.Context(), e)
		if err != nil || len(r.Warnings) > 0 {
			t.Fatal(err, r.Warnings)
		}
	}
	return filepath.Join(root, "evidence"), public
}

// byREADME runs the commands that the ledger's own README has.
func byREADME(t *testing.T, dir, public string) (string, error) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)<!-- tested: verify -->\n```bash\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("the README has no commands")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", string(block[1]))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "KEY="+public)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestEvidence(t *testing.T) {
	t.Parallel()
	need(t, "bash", "jq", "openssl", "sha256sum", "base64")
	for _, entries := range []int{1, 2, 7, 12} {
		dir, public := newLedger(t, entries)
		out, err := byREADME(t, dir, public)
		if err != nil || !strings.HasPrefix(out, fmt.Sprintf("valid: %d entries, root ", entries)) {
			t.Errorf("%d entries: %s, %v", entries, out, err)
		}
	}
}

func TestEvidenceTamperedWith(t *testing.T) {
	t.Parallel()
	need(t, "bash", "jq", "openssl", "sha256sum", "base64")
	edit := func(name, from, to string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			file := filepath.Join(dir, name)
			data, err := os.ReadFile(file)
			changed := strings.Replace(string(data), from, to, 1)
			if err != nil || changed == string(data) {
				t.Fatal("nothing was changed", err)
			}
			if err := os.WriteFile(file, []byte(changed), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(names ...string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			for _, name := range names {
				if err := os.Remove(filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	for name, tamper := range map[string]func(t *testing.T, dir string){
		"a record":           edit("entries/000000000003", `"verdict":"pass"`, `"verdict":"Pass"`),
		"the last record":    edit("entries/000000000005", `"verdict":"pass"`, `"verdict":"Pass"`),
		"a signature":        edit("entries/000000000003", "— lifeboat-evidence ", "— lifeboat-evidence A"),
		"a hash":             edit("entries/000000000003", "hash 1 1 ", "hash 1 2 "),
		"the last hash":      edit("entries/000000000005", "hash 1 2 ", "hash 1 3 "),
		"an attachment":      edit("reports/a b 1.html", "report", "Report"),
		"the README":         edit("README.md", "# What it does not show", "# what it does not show"),
		"a removed entry":    remove("entries/000000000002"),
		"a cut tail":         remove("entries/000000000005"),
		"a gone attachment":  remove("reports/a b 5.html"),
		"the checkpoint":     edit("checkpoint", "\n6\n", "\n5\n"),
		"another checkpoint": edit("checkpoint", "— lifeboat-evidence ", "— lifeboat-evidence A"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, public := newLedger(t, 6)
			tamper(t, dir)
			if out, err := byREADME(t, dir, public); err == nil || !strings.Contains(out, "NOT VALID") {
				t.Errorf("not noticed: %s, %v", out, err)
			}
		})
	}
	t.Run("bits of the last entry", func(t *testing.T) {
		t.Parallel()
		dir, public := newLedger(t, 2)
		file := filepath.Join(dir, "entries/000000000001")
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for at := 5; at < len(data); at += 83 {
			changed := bytes.Clone(data)
			changed[at] ^= 1 << (at % 8)
			if err := os.WriteFile(file, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			if out, err := byREADME(t, dir, public); err == nil || !strings.Contains(out, "NOT VALID") {
				t.Errorf("byte %d: %s, %v", at, out, err)
			}
		}
	})
	dir, _ := newLedger(t, 2)
	_, other := newLedger(t, 1)
	if out, err := byREADME(t, dir, other); err == nil || !strings.Contains(out, "NOT VALID: the signature is not that of the key") {
		t.Errorf("another key: %s, %v", out, err)
	}
}
