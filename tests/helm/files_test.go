package helm_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// TestFilesAreThoseOfTheRepository keeps the chart's copies of the rules and of
// the dashboard equal to what they are copies of.
func TestFilesAreThoseOfTheRepository(t *testing.T) {
	t.Parallel()
	deploy := filepath.Join(servers.Root(t), "deploy")
	for file, of := range map[string]string{
		"lifeboat.rules.yaml": "prometheus/lifeboat.rules.yaml", "lifeboat.json": "grafana/dashboards/lifeboat.json",
	} {
		original, err := os.ReadFile(filepath.Join(deploy, filepath.FromSlash(of)))
		if err != nil {
			t.Error(err)
			continue
		}
		same(t, filepath.Join(chart(t), "files", file), string(original))
	}
}
