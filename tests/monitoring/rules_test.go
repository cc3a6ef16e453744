package monitoring_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// TestTheRulesAreTaken has the same Prometheus load the rules and evaluate them
// against what the API server shows: the alerts of the report are Prometheus's, too.
func TestTheRulesAreTaken(t *testing.T) {
	t.Parallel()
	rules := filepath.Join(servers.Root(t), "deploy", "prometheus", "lifeboat.rules.yaml")
	prometheus := servers.Prometheus(t, t.TempDir(), fmt.Sprintf("rule_files: [%q]\n"+strings.Replace(scrape, "1s}", "1s, evaluation_interval: 1s}", 1), rules, metrics(t)))
	type evaluated struct {
		Groups []struct {
			Rules []struct {
				Name, Health, State, LastError string
			}
		}
	}
	seen, states := 0, map[string]string{}
	taken := until(func() bool {
		got, err := ask[evaluated](t, prometheus, "/api/v1/rules", nil)
		if err != nil {
			t.Fatal(err)
		}
		seen = 0
		for _, group := range got.Groups {
			for _, rule := range group.Rules {
				if rule.Health == "err" {
					t.Fatalf("%s: %s", rule.Name, rule.LastError)
				}
				if rule.Health == "ok" {
					seen++
				}
				states[rule.Name] = rule.State
			}
		}
		// A failed backup is critical at once.
		return seen >= 15 && seen == len(states) && states["LifeboatBackupFailed"] == "firing"
	})
	if !taken {
		t.Errorf("%d rules were evaluated: %v", seen, states)
	}
}
