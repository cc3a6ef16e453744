package architecture

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// TestHowToHasCommandsThatExist holds docs/how-to.md to the reference of commands.
func TestHowToHasCommandsThatExist(t *testing.T) {
	t.Parallel()
	helps := map[string]string{}
	for _, section := range strings.Split(document(t, "docs/reference/commands.md"), "\n## ")[1:] {
		name, help, _ := strings.Cut(section, "\n")
		helps[strings.TrimSpace(name)] = help
	}
	word, flag := regexp.MustCompile(`^[a-z][a-z-]*$`), regexp.MustCompile(`\s(--[a-z-]+)`)
	seen := 0
	for line := range strings.Lines(strings.Join(fenced(t, "docs/how-to.md", "sh"), "\n")) {
		_, command, found := strings.Cut(" "+strings.TrimSpace(line), " lifeboat ")
		if !found || strings.Contains(line, "helm ") || strings.Contains(line, "systemctl ") {
			continue
		}
		command, _, _ = strings.Cut(command, "#")
		name := "lifeboat"
		for part := range strings.FieldsSeq(command) {
			if !word.MatchString(part) || helps[name+" "+part] == "" {
				break
			}
			name += " " + part
		}
		if name == "lifeboat" && strings.TrimSpace(command) != "--version" {
			t.Errorf("there is no command: %s", line)
		}
		for _, f := range flag.FindAllStringSubmatch(" "+command, -1) {
			if !strings.Contains(helps[name], f[1]+" ") && f[1] != "--version" {
				t.Errorf("%s has no flag %s", name, f[1])
			}
		}
		seen++
	}
	if seen < 30 {
		t.Errorf("%d commands were looked at", seen)
	}
}

func TestHowToMakesAnEvidenceKey(t *testing.T) {
	t.Parallel()
	blocks := fenced(t, "docs/how-to.md", "sh")
	i := slices.IndexFunc(blocks, func(b string) bool { return strings.Contains(b, "PRIVATE+KEY") })
	if i < 0 {
		t.Fatal("no block makes a key")
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", blocks[i])
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "evidence.key"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := seal.NewSigner(secret.String(strings.TrimSpace(string(text))))
	if err != nil || signer.Name() != "lifeboat-evidence" {
		t.Errorf("the key can't be used: %v", err)
	}
}
