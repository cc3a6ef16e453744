package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMetricsToken(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lifeboat.yaml")
	if err := os.WriteFile(path, []byte("metrics: {token: \"${TOKEN}\"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	load := func(variables ...string) (*Config, error) {
		c, err := Load(path, append(variables, "LIFEBOAT_DATA_DIR=/d", "TOKEN=from the file, long enough"))
		if err == nil {
			err = c.Validate()
		}
		return c, err
	}
	c, err := load()
	if err != nil || c.Metrics.Token.Reveal() != "from the file, long enough" {
		t.Errorf("the file's token: %v", err)
	}
	c, err = load("LIFEBOAT_METRICS_TOKEN=from the environment")
	if err != nil || c.Metrics.Token.Reveal() != "from the environment" {
		t.Errorf("the environment's token: %v", err)
	}
	if _, err := load("LIFEBOAT_METRICS_TOKEN=short"); err == nil || !strings.Contains(err.Error(), "metrics.token is too short") {
		t.Errorf("a short one: %v", err)
	}
}
