package architecture

import (
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// link matches the target of a Markdown link or picture.
var link = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)

func TestLinksInDocumentsLead(t *testing.T) {
	t.Parallel()
	documents := 0
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != root && strings.HasPrefix(d.Name(), ".") {
			return fs.SkipDir
		}
		if filepath.Ext(name) != ".md" {
			return nil
		}
		documents++
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		for _, found := range link.FindAllStringSubmatch(string(data), -1) {
			if strings.Contains(found[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), found[1])); err != nil {
				t.Errorf("%s: the link %s leads nowhere", name, found[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if documents < 5 {
		t.Errorf("found %d documents", documents)
	}
}

// TestDecisionsAreListed holds the numbers of decisions apart, and their index complete.
func TestDecisionsAreListed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(root, "docs", "decisions")
	index, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	decisions, err := filepath.Glob(filepath.Join(dir, "[0-9]*.md"))
	if err != nil || len(decisions) == 0 {
		t.Fatalf("%d decisions: %v", len(decisions), err)
	}
	seen := map[string]string{}
	for _, file := range decisions {
		name := filepath.Base(file)
		number, _, _ := strings.Cut(name, "-")
		if other, taken := seen[number]; taken {
			t.Errorf("%s and %s have the same number", other, name)
		}
		seen[number] = name
		if !strings.Contains(string(index), "("+name+")") {
			t.Errorf("docs/decisions/README.md doesn't list %s", name)
		}
	}
}

// document reads a file of the module.
func document(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// fenced returns the fenced blocks of a document in a language.
func fenced(t *testing.T, name, language string) []string {
	t.Helper()
	blocks := strings.Split(document(t, name), "```"+language+"\n")[1:]
	for i, rest := range blocks {
		blocks[i], _, _ = strings.Cut(rest, "```")
	}
	return blocks
}

// block returns the first fenced block of the README in a language that
// contains a text.
func block(t *testing.T, language, containing string) string {
	t.Helper()
	for _, text := range fenced(t, "README.md", language) {
		if strings.Contains(text, containing) {
			return text
		}
	}
	t.Fatalf("README.md has no %s block with %s", language, containing)
	return ""
}

func TestReadmeConfigurationLoads(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "lifeboat.yaml")
	if err := os.WriteFile(file, []byte(block(t, "yaml", "policies:")), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, []string{
		"HOME=/root", "POSTGRES_URL=postgres://app@db/app", "REDIS_URL=redis://cache:6379/0", "BACKUP_PASSPHRASE=correct horse battery staple",
	})
	if err != nil {
		t.Fatal(err)
	}
	if warnings := c.Warnings(); len(c.Policies) != 2 || len(warnings) > 0 {
		t.Errorf("%d policies, warnings %q", len(c.Policies), warnings)
	}
}

func TestReadmeVariablesLoad(t *testing.T) {
	t.Parallel()
	env := []string{"HOME=/root"}
	for line := range strings.Lines(block(t, "sh", "SNAPSHOTS_CRON_SCHEDULE=")) {
		setting, _, _ := strings.Cut(strings.TrimSpace(line), "  ")
		env = append(env, strings.ReplaceAll(setting, `"`, ""))
	}
	c, err := config.Load("", env)
	if err != nil {
		t.Fatal(err)
	}
	if warnings := c.Warnings(); len(c.Policies) != 2 || len(c.Stores) != 1 || len(warnings) > 0 {
		t.Errorf("%d policies, %d stores, warnings %q", len(c.Policies), len(c.Stores), warnings)
	}
}

// beside is a configuration without the sections that another one has itself.
func beside(base, text string) string {
	var out strings.Builder
	own := false
	for line := range strings.Lines(base) {
		if !strings.HasPrefix(line, " ") {
			section, _, _ := strings.Cut(line, ":")
			own = strings.HasPrefix(text, section+":") || strings.Contains(text, "\n"+section+":")
		}
		if !own {
			out.WriteString(line)
		}
	}
	return out.String()
}

// Every configuration in the documents of drills and evidence works as it
// stands, beside the one of the README and a copy off site.
func TestConfigurationsOfDrillsLoad(t *testing.T) {
	t.Parallel()
	base := block(t, "yaml", "policies:")
	base = strings.Replace(base, "stores:\n", "stores:\n  offsite: {kind: local, dir: /mnt/offsite}\n", 1)
	base = strings.ReplaceAll(base, "store: primary,", "store: primary, copies: [offsite],")
	texts := slices.Concat([]string{block(t, "yaml", "drills:")}, fenced(t, "docs/drills.md", "yaml"), fenced(t, "docs/evidence.md", "yaml"))
	if len(texts) < 5 {
		t.Errorf("found %d configurations", len(texts))
	}
	for _, text := range texts {
		file := filepath.Join(t.TempDir(), "lifeboat.yaml")
		if err := os.WriteFile(file, []byte(beside(base, text)+text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load(file, []string{
			"HOME=/root", "POSTGRES_URL=postgres://app@db/app", "REDIS_URL=redis://cache:6379/0", "BACKUP_PASSPHRASE=correct horse battery staple",
			"S3_KEY=key", "S3_SECRET=secret",
		})
		if err != nil {
			t.Errorf("%v, in\n%s", err, text)
			continue
		}
		if warnings := c.Warnings(); len(warnings) > 0 {
			t.Errorf("%q, of\n%s", warnings, text)
		}
	}
}

// TestEveryKeyOfAPlanIsExplained holds docs/drills.md and docs/evidence.md
// against what a configuration may say.
func TestEveryKeyOfAPlanIsExplained(t *testing.T) {
	t.Parallel()
	for name, section := range map[string]reflect.Type{
		"docs/drills.md": reflect.TypeFor[drill.Plan](), "docs/evidence.md": reflect.TypeFor[config.Evidence](),
	} {
		code := strings.Join(regexp.MustCompile("`[^`\n]+`").FindAllString(document(t, name), -1), "\n")
		keys := yamlKeys(section)
		if len(keys) < 5 {
			t.Fatalf("found the keys %q", keys)
		}
		for _, key := range keys {
			if !regexp.MustCompile(`\b` + key + `\b`).MatchString(code) {
				t.Errorf("%s doesn't explain %s", name, key)
			}
		}
	}
	for _, kind := range slices.Concat(drill.Kinds, drill.CheckKinds, drill.ReconcileKinds) {
		if !strings.Contains(document(t, "docs/drills.md"), "| `"+kind+"` |") {
			t.Errorf("docs/drills.md has no row for the kind %s", kind)
		}
	}
}

// yamlKeys are the keys of a section, with those of what it is made of.
func yamlKeys(of reflect.Type) []string {
	var keys []string
	switch of.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return yamlKeys(of.Elem())
	case reflect.Struct:
		for field := range of.Fields() {
			if key, _, _ := strings.Cut(field.Tag.Get("yaml"), ","); key != "" {
				keys = append(append(keys, key), yamlKeys(field.Type)...)
			}
		}
	}
	return keys
}

// TestArchitectureNamesEveryRoom holds ARCHITECTURE.md against the tree: each
// room of the house is in it.
func TestArchitectureNamesEveryRoom(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	rooms, err := filepath.Glob(filepath.Join(root, "internal", "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(rooms) < 10 {
		t.Fatalf("found %d rooms", len(rooms))
	}
	for _, top := range []string{"cmd/lifeboat", "apiserver", "worker", "workflows", "activities"} {
		rooms = append(rooms, filepath.Join(root, top))
	}
	for _, room := range rooms {
		name := filepath.Base(room)
		if !strings.Contains(string(text), name+"/") {
			t.Errorf("ARCHITECTURE.md doesn't say what %s is for", name)
		}
	}
}
