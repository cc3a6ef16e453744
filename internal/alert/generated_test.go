package alert_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/alert"
)

var update = flag.Bool("update", false, "write what is generated from the rules")

// rulesFiles have the rules for Prometheus: a chart can't read beyond its folder.
var rulesFiles = []string{"../../deploy/prometheus/lifeboat.rules.yaml", "../../deploy/helm/lifeboat/files/lifeboat.rules.yaml"}

const (
	docsFile = "../../docs/alerts.md"
	runbooks = "../../docs/runbooks"
)

func TestTheRulesOfPrometheusAreTheList(t *testing.T) {
	t.Parallel()
	want := alert.Prometheus(alert.Runbooks)
	for _, file := range rulesFiles {
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got := read(t, file); got != want {
			t.Errorf("%s is not what the list says: run go test ./internal/alert -update", file)
		}
	}
}

// tableOf is the table of rules within the page about alerts.
var tableOf = regexp.MustCompile(`(?s)(<!-- rules -->\n).*(<!-- end of rules -->)`)

func TestThePageHasTheTableOfRules(t *testing.T) {
	t.Parallel()
	text := read(t, docsFile)
	want := tableOf.ReplaceAllString(text, "${1}\n"+alert.Table()+"\n${2}")
	if *update {
		if err := os.WriteFile(docsFile, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if text != want {
		t.Errorf("%s is not what the list says: run go test ./internal/alert -update", docsFile)
	}
	if !strings.Contains(want, "[LifeboatBackupFailed](runbooks/lifeboatbackupfailed.md)") {
		t.Error("the page has no table of rules")
	}
}

func TestEveryRuleHasItsRunbook(t *testing.T) {
	t.Parallel()
	var want []string
	for _, rule := range alert.Rules() {
		name := strings.ToLower(rule.Name) + ".md"
		want = append(want, name)
		text := read(t, filepath.Join(runbooks, name))
		if !strings.HasPrefix(text, "# "+rule.Name+"\n") {
			t.Errorf("%s is not about %s", name, rule.Name)
		}
		for _, part := range []string{"## What it means", "## What is at stake", "## Look", "## Mend", "## It is over when"} {
			if !strings.Contains(text, "\n"+part+"\n") {
				t.Errorf("%s has no %q", name, part)
			}
		}
		if !strings.Contains(strings.Join(strings.Fields(text), " "), rule.Severity) {
			t.Errorf("%s does not say that the alert is %s", name, rule.Severity)
		}
	}
	entries, err := os.ReadDir(runbooks)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !slices.Contains(want, e.Name()) {
			t.Errorf("%s is the runbook of no rule", e.Name())
		}
	}
}

func TestRulesAreWhole(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, r := range alert.Rules() {
		if names[r.Name] {
			t.Errorf("%s is there twice", r.Name)
		}
		names[r.Name] = true
		if r.Condition == "" || r.Summary == "" || r.Description == "" || strings.HasSuffix(r.Summary, ".") {
			t.Errorf("%s lacks a text, or its summary is a sentence", r.Name)
		}
		for _, found := range regexp.MustCompile(`\{([a-z]+)\}`).FindAllStringSubmatch(r.Summary+r.Description, -1) {
			if !slices.Contains(r.Labels, found[1]) {
				t.Errorf("%s has a text with {%s}, and no such label", r.Name, found[1])
			}
		}
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
