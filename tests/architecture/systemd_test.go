package architecture

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/config"
)

// exposure is how much a unit may be exposed by systemd's own measure, in tenths
// of ten: an ordinary service has 95, and up to 20 are called OK.
const exposure = "20"

func units(t *testing.T) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(root, "deploy", "systemd", "*.service"))
	if err != nil || len(found) != 3 {
		t.Fatalf("found the units %q: %v", found, err)
	}
	return found
}

// analyze runs systemd-analyze, without a systemd that runs.
func analyze(t *testing.T, arguments ...string) (string, error) {
	t.Helper()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Fatal("systemd-analyze is missing: apt-get install systemd")
	}
	out, err := exec.CommandContext(t.Context(), program, arguments...).CombinedOutput()
	return string(out), err
}

// installed is a unit as it would be, were the program there that it starts.
func installed(t *testing.T, unit string) string {
	t.Helper()
	text, err := os.ReadFile(unit)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "lifeboat")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	copied := filepath.Join(dir, filepath.Base(unit))
	if err := os.WriteFile(copied, bytes.ReplaceAll(text, []byte("/usr/local/bin/lifeboat"), []byte(program)), 0o644); err != nil {
		t.Fatal(err)
	}
	return copied
}

func TestUnitsAreUnderstoodBySystemd(t *testing.T) {
	t.Parallel()
	for _, unit := range units(t) {
		if out, err := analyze(t, "verify", "--man=no", installed(t, unit)); err != nil || out != "" {
			t.Errorf("%s: %v\n%s", filepath.Base(unit), err, out)
		}
		if out, err := analyze(t, "security", "--offline=true", "--threshold="+exposure, unit); err != nil {
			t.Errorf("%s: %v\n%s", filepath.Base(unit), err, out)
		}
	}
	mistaken := filepath.Join(t.TempDir(), "mistaken.service")
	if err := os.WriteFile(mistaken, []byte("[Service]\nExecStart=/bin/true\nLoadCredentials=a:/b\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, _ := analyze(t, "verify", "--man=no", mistaken); !strings.Contains(out, "LoadCredentials") {
		t.Errorf("a key that is not there is not seen: %s", out)
	}
	if _, err := analyze(t, "security", "--offline=true", "--threshold="+exposure, mistaken); err == nil {
		t.Error("an exposed unit is not seen")
	}
}

// Each variable NAME_FILE names a credential that is loaded, and Lifeboat takes
// secrets from there.
func TestCredentialsOfUnits(t *testing.T) {
	t.Parallel()
	loaded := regexp.MustCompile(`(?m)^LoadCredential=([a-z_]+):/etc/lifeboat/credentials/([a-z_]+)$`)
	named := regexp.MustCompile(`(?m)^Environment=([A-Z_]+)_FILE=%d/([a-z_]+)$`)
	for unit, want := range map[string][]string{
		"lifeboat-worker":    {"ENCRYPTION_PASSPHRASE"},
		"lifeboat-apiserver": {"ENCRYPTION_PASSPHRASE", "LIFEBOAT_ADMIN_KEY", "LIFEBOAT_SESSION_KEY"},
	} {
		text := document(t, "deploy/systemd/"+unit+".service")
		var credentials, names []string
		for _, found := range loaded.FindAllStringSubmatch(text, -1) {
			if found[1] != found[2] {
				t.Errorf("%s: the credential %s is the file %s", unit, found[1], found[2])
			}
			credentials = append(credentials, found[1])
		}
		dir := t.TempDir()
		env := []string{"HOME=/root"}
		for _, found := range named.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(credentials, found[2]) {
				t.Errorf("%s: %s is not loaded", unit, found[2])
			}
			file := filepath.Join(dir, found[2])
			if err := os.WriteFile(file, []byte("correct horse battery staple\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			names, env = append(names, found[1]), append(env, found[1]+"_FILE="+file)
		}
		slices.Sort(names)
		if !slices.Equal(names, want) {
			t.Errorf("%s: the secrets are %q", unit, names)
		}
		file := filepath.Join(dir, "lifeboat.yaml")
		if err := os.WriteFile(file, []byte("temporal: {address: \"temporal:7233\"}\nencryption: {passphrase: \"${ENCRYPTION_PASSPHRASE}\"}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(file, env)
		if err != nil || c.Encryption.Passphrase == "" {
			t.Errorf("%s: %v", unit, err)
		}
	}
}
