// Package monitoring asks a real Prometheus, which scrapes a real API server,
// what the dashboard of Grafana asks.
package monitoring_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// dashboard is the part of Grafana's model that is checked here.
type dashboard struct {
	UID           string
	Title         string
	SchemaVersion int `json:"schemaVersion"`
	Templating    struct {
		List []variable
	}
	Panels []panel
}

type variable struct {
	Name, Type string
	Query      json.RawMessage
	Datasource datasource
}

type panel struct {
	ID                       int
	Type, Title, Description string
	GridPos                  struct{ H, W, X, Y int } `json:"gridPos"`
	Datasource               datasource
	Targets                  []target
	FieldConfig              struct {
		Defaults struct{ Unit string }
	} `json:"fieldConfig"`
}

type target struct {
	Expr, RefID string
	Range       bool
	Instant     bool
	Datasource  datasource
}

type datasource struct{ Type, UID string }

var chosen = datasource{"prometheus", "${datasource}"}

func read(t *testing.T) dashboard {
	t.Helper()
	file, err := os.Open(filepath.Join(servers.Root(t), "deploy", "grafana", "dashboards", "lifeboat.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var d dashboard
	if err := json.NewDecoder(file).Decode(&d); err != nil {
		t.Fatal(err)
	}
	return d
}

// variables are what stands for the dashboard's variables in a query that is
// asked for everything. 5m is what Grafana makes of the interval at most.
var variables = strings.NewReplacer("$surface", ".*", "$plan", ".*", "$__rate_interval", "5m")

// queries are all that the dashboard asks, by the panel and the query's letter.
func queries(d dashboard) map[string]string {
	out := map[string]string{}
	for _, p := range d.Panels {
		for _, q := range p.Targets {
			out[p.Title+" "+q.RefID] = variables.Replace(q.Expr)
		}
	}
	return out
}

func TestTheDashboardIsWellFormed(t *testing.T) {
	t.Parallel()
	d := read(t)
	if d.UID != "lifeboat" || d.Title != "Lifeboat" || d.SchemaVersion < 42 {
		t.Errorf("the dashboard is %q (%q), of schema %d", d.Title, d.UID, d.SchemaVersion)
	}
	var rows []string
	ids, titles := map[int]bool{}, map[string]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] || titles[p.Title] || p.Title == "" {
			t.Errorf("two panels are %d or %q", p.ID, p.Title)
		}
		ids[p.ID], titles[p.Title] = true, true
		if p.GridPos.W == 0 || p.GridPos.H == 0 || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("%s is at %+v", p.Title, p.GridPos)
		}
		if p.Type == "row" {
			rows = append(rows, p.Title)
			continue
		}
		if len(p.Targets) == 0 || p.Description == "" || p.FieldConfig.Defaults.Unit == "" || p.Datasource != chosen {
			t.Errorf("%s lacks a query, a description or a unit, or asks another source: %+v", p.Title, p)
		}
		letters := map[string]bool{}
		for _, q := range p.Targets {
			if q.Expr == "" || letters[q.RefID] || q.RefID == "" || q.Range == q.Instant || q.Datasource != chosen {
				t.Errorf("%s: the query %+v", p.Title, q)
			}
			letters[q.RefID] = true
		}
	}
	if want := []string{"Overview", "Backups", "Write-ahead log", "Drills", "Signs of life", "API servers"}; !slices.Equal(rows, want) {
		t.Errorf("the rows are %q", rows)
	}
	overlaps(t, d.Panels)
}

// overlaps fails where a panel lies on another one.
func overlaps(t *testing.T, panels []panel) {
	t.Helper()
	for i, a := range panels {
		for _, b := range panels[i+1:] {
			p, q := a.GridPos, b.GridPos
			if p.X < q.X+q.W && q.X < p.X+p.W && p.Y < q.Y+q.H && q.Y < p.Y+p.H {
				t.Errorf("%s lies on %s", a.Title, b.Title)
			}
		}
	}
}

// TestTheDashboardAsksForWhatThereIs holds the names of metrics in the queries
// against their reference.
func TestTheDashboardAsksForWhatThereIs(t *testing.T) {
	t.Parallel()
	reference, err := os.ReadFile(filepath.Join(servers.Root(t), "docs", "reference", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	name := regexp.MustCompile(`lifeboat_[a-z_]+`)
	asked := map[string]bool{}
	for what, query := range queries(read(t)) {
		for _, metric := range name.FindAllString(query, -1) {
			metric = strings.TrimSuffix(metric, "_bucket")
			asked[metric] = true
			if !strings.Contains(string(reference), "| `"+metric+"` |") {
				t.Errorf("%s asks for %s, which there is not", what, metric)
			}
		}
	}
	// What no panel shows is here, with the reason.
	unshown := []string{
		// Of no use but to those who count runs themselves.
		"lifeboat_status_since_timestamp_seconds",
		// The alert says so; a date is of no use on a wall.
		"lifeboat_ledger_verified_timestamp_seconds", "lifeboat_ledger_size", "lifeboat_commitment_proven_timestamp_seconds",
		"lifeboat_drill_awaits_sign_off_since_timestamp_seconds",
		// Rules alone ask for these; what they alarm of is in the list of alerts.
		"lifeboat_unread", "lifeboat_point_damaged", "lifeboat_drill_failing",
		"lifeboat_backup_counts_from_timestamp_seconds", "lifeboat_first_point_due_timestamp_seconds",
	}
	for _, row := range regexp.MustCompile("(?m)^\\| `(lifeboat_[a-z_]+)` \\|").FindAllStringSubmatch(string(reference), -1) {
		if asked[row[1]] == slices.Contains(unshown, row[1]) {
			t.Errorf("%s: shown %t, and is among those that are not: %t", row[1], asked[row[1]], slices.Contains(unshown, row[1]))
		}
	}
}
