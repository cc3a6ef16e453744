package apiserver

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

func openKeys(t *testing.T, path string, fixed ...config.AdminKey) *KeyStore {
	t.Helper()
	k, err := OpenKeys(path, fixed)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// who verifies an Authorization header as the server does.
func who(t *testing.T, k *KeyStore, header string) (Key, bool) {
	t.Helper()
	c, ok := parseAuthorization(header)
	if !ok {
		return Key{}, false
	}
	key, known, err := k.remembered(c)
	if err == nil && !known {
		key, known, err = k.verify(c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return key, known
}

func basic(id, hidden string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+hidden))
}

func TestFirstAdminIsMadeOnce(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "data", "keys.json")
	k := openKeys(t, path)
	token, err := k.EnsureAdmin(t.Context(), "")
	if err != nil || !strings.HasPrefix(token.Reveal(), "lb_admin_") || len(token.Reveal()) < 50 {
		t.Fatalf("no usable token was made: %v (%d characters)", err, len(token))
	}
	again, err := openKeys(t, path).EnsureAdmin(t.Context(), "")
	if err != nil || again != "" {
		t.Errorf("a second admin key was made: %v", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if hidden := strings.TrimPrefix(token.Reveal(), "lb_admin_"); strings.Contains(string(text), hidden) {
		t.Error("the file has the secret itself")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file is open to others: %v, %v", info.Mode(), err)
	}
	if key, ok := who(t, k, "Bearer "+token.Reveal()); !ok || key.ID != "admin" || key.Role != Admin {
		t.Errorf("the token is not recognised: %+v", key)
	}

	// A given key replaces the one that was made.
	if _, err := k.EnsureAdmin(t.Context(), "any text at all"); err != nil {
		t.Fatal(err)
	}
	if _, ok := who(t, k, "Bearer "+token.Reveal()); ok {
		t.Error("the key that was made still works beside LIFEBOAT_ADMIN_KEY")
	}
	if _, ok := who(t, k, "Bearer any text at all"); !ok {
		t.Error("LIFEBOAT_ADMIN_KEY does not work")
	}
}

func TestAConfiguredAdminIsEnough(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	k := openKeys(t, path, config.AdminKey{Name: "boss", Hash: secret.String(seal.HashToken("pw")), Role: "admin"})
	if made, err := k.EnsureAdmin(t.Context(), ""); err != nil || made != "" {
		t.Errorf("a key was made though the configuration has an admin: %v", err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written though nothing changed")
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	fixed := config.AdminKey{Name: "ci", Hash: secret.String(seal.HashToken("s3cret_with:odd")), Role: "operator"}
	k := openKeys(t, filepath.Join(t.TempDir(), "keys.json"), fixed)
	if _, err := k.EnsureAdmin(t.Context(), "lb_x_y"); err != nil {
		t.Fatal(err)
	}
	_, token, err := k.Create("reader", Viewer)
	if err != nil {
		t.Fatal(err)
	}
	hidden := strings.TrimPrefix(token.Reveal(), "lb_reader_")
	for name, c := range map[string]struct{ header, want string }{
		"bearer":                {"Bearer " + token.Reveal(), "reader"},
		"lower case scheme":     {"bearer  " + token.Reveal(), "reader"},
		"basic":                 {basic("reader", hidden), "reader"},
		"basic with the token":  {basic("reader", token.Reveal()), "reader"},
		"configured":            {basic("ci", "s3cret_with:odd"), "ci"},
		"configured as token":   {"Bearer lb_ci_s3cret_with:odd", "ci"},
		"given":                 {"Bearer lb_x_y", "admin"},
		"given, basic":          {basic("admin", "lb_x_y"), "admin"},
		"nothing":               {"", ""},
		"scheme only":           {"Bearer ", ""},
		"other scheme":          {"Digest abc", ""},
		"another's secret":      {basic("ci", hidden), ""},
		"wrong secret":          {"Bearer lb_reader_" + strings.Repeat("a", 52), ""},
		"part of the secret":    {"Bearer " + token.Reveal()[:len(token.Reveal())-1], ""},
		"unknown id":            {"Bearer lb_nobody_" + hidden, ""},
		"empty secret":          {basic("reader", ""), ""},
		"no colon":              {"Basic " + base64.StdEncoding.EncodeToString([]byte("reader")), ""},
		"not base64":            {"Basic ???", ""},
		"given under other id":  {basic("reader", "lb_x_y"), ""},
		"part of the given one": {"Bearer lb_x_", ""},
		"too long":              {"Bearer " + strings.Repeat("x", maxCredential), ""},
	} {
		// Twice: the second time, what was verified is remembered.
		for range 2 {
			if got, ok := who(t, k, c.header); got.ID != c.want || ok != (c.want != "") {
				t.Errorf("%s: recognised as %q (%v), want %q", name, got.ID, ok, c.want)
			}
		}
	}
}

func TestKeysChange(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	one, other := openKeys(t, path), openKeys(t, path)
	_, token, err := one.Create("ci", Operator)
	if err != nil {
		t.Fatal(err)
	}
	header := "Bearer " + token.Reveal()
	if _, ok := who(t, other, header); !ok {
		t.Fatal("a server on the same folder does not know the new key")
	}
	if _, _, err := other.Create("ci", Viewer); !fault.Is(err, fault.Conflict) {
		t.Errorf("the same id twice gives %v", err)
	}
	if err := one.Delete("ci"); err != nil {
		t.Fatal(err)
	}
	if _, ok := who(t, other, header); ok {
		t.Error("a removed key is still good, though it was verified before")
	}
	if err := one.Delete("ci"); !fault.Is(err, fault.Missing) {
		t.Errorf("removing it again gives %v", err)
	}
	if _, again, err := one.Create("ci", Viewer); err != nil || again == token {
		t.Errorf("the id can't be used again: %v", err)
	}
	if _, ok := who(t, other, header); ok {
		t.Error("the old token opens the new key of the same id")
	}
	for _, id := range []string{"", "admin", "Upper", "a_b", strings.Repeat("x", 41)} {
		if _, _, err := one.Create(id, Viewer); !fault.Is(err, fault.Invalid) {
			t.Errorf("the id %q gives %v", id, err)
		}
	}
}

func TestKeysChangeAtTheSameTime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	var group sync.WaitGroup
	for _, id := range []string{"a", "b", "c", "d", "e", "f"} {
		k := openKeys(t, path)
		group.Go(func() {
			if _, _, err := k.Create(id, Viewer); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	keys, err := openKeys(t, path).List()
	if err != nil || len(keys) != 6 {
		t.Errorf("%d keys are left of 6: %v", len(keys), err)
	}
}

func TestBadKeyFiles(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"not JSON":  "keys",
		"bad role":  `{"keys":[{"id":"a","role":"root","hash":"hush-hush"}]}`,
		"bad id":    `{"keys":[{"id":"A B","role":"admin","hash":"hush-hush"}]}`,
		"truncated": `{"keys":[{"id":"a","role":"admin","hash":"hush-hu`,
	} {
		path := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKeys(path, nil); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A hash that isn't one opens for nobody.
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(path, []byte(`{"keys":[{"id":"a","role":"admin","hash":""},{"id":"b","role":"admin","hash":"x"}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	k := openKeys(t, path)
	for _, header := range []string{basic("a", "x"), basic("b", "x")} {
		if _, ok := who(t, k, header); ok {
			t.Error("a broken hash opened")
		}
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	order := []Role{Viewer, Operator, Approver, Admin}
	for i, have := range order {
		for j, needed := range order {
			if got := have.Includes(needed); got != (i >= j) {
				t.Errorf("%s includes %s: %v", have, needed, got)
			}
		}
		if Role("").Includes(have) || Role("root").Includes(have) {
			t.Errorf("an unknown role includes %s", have)
		}
	}
}
