package alerting_test

import (
	"path/filepath"
	"testing"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// TestTheShippedRules has promtool check the files that are shipped, and run the
// time-lines beside them.
func TestTheShippedRules(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(servers.Root(t), "deploy", "prometheus")
	run(t, "check", "rules", "--lint=all", "--lint-fatal", filepath.Join(dir, "lifeboat.rules.yaml"))
	run(t, "check", "config", filepath.Join(dir, "prometheus.yml"))
	tests, err := filepath.Glob(filepath.Join(dir, "tests", "*.yaml"))
	if err != nil || len(tests) == 0 {
		t.Fatalf("there are no tests of rules: %v", err)
	}
	for _, file := range tests {
		run(t, "test", "rules", file)
	}
}
