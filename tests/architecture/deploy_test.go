package architecture

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/lifeboat-dr/lifeboat/internal/config"
)

// composition is what docker-compose.yaml says, as far as it is checked here.
type composition struct {
	Services map[string]struct {
		Image       string
		Build       struct{ Target string }
		Command     []string
		Environment map[string]string
		Secrets     []string
		Volumes     []string
		Healthcheck map[string]any
		Restart     string
		DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	}
	Secrets map[string]struct{ File string }
	Volumes map[string]any
}

func composeFile(t *testing.T) composition {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "docker-compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var c composition
	if err := yaml.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestComposeHasEverything(t *testing.T) {
	t.Parallel()
	c := composeFile(t)
	want := []string{"apiserver", "worker-a", "worker-b", "temporal", "temporal-ui", "postgres", "redis", "s3", "azurite", "prometheus", "grafana"}
	for _, name := range want {
		s, ok := c.Services[name]
		if !ok {
			t.Errorf("there is no service %s", name)
		} else if s.Healthcheck == nil {
			t.Errorf("%s has no health check", name)
		}
	}
}

func TestComposeFitsTogether(t *testing.T) {
	t.Parallel()
	c := composeFile(t)
	used := map[string]bool{}
	for name, s := range c.Services {
		if s.Build.Target == "" && !strings.Contains(s.Image, ":") {
			t.Errorf("%s: image %q has no version", name, s.Image)
		}
		for _, secret := range s.Secrets {
			used[secret] = true
		}
		for variable, file := range s.Environment {
			secret, isSecret := strings.CutPrefix(file, "/run/secrets/")
			if isSecret && !slices.Contains(s.Secrets, secret) {
				t.Errorf("%s: %s names the secret %s, which the service doesn't have", name, variable, secret)
			}
		}
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if !strings.HasPrefix(source, "./") {
				if _, ok := c.Volumes[source]; !ok {
					t.Errorf("%s: there is no volume %s", name, source)
				}
			} else if _, err := os.Stat(filepath.Join(root, source)); err != nil {
				t.Errorf("%s mounts %s: %v", name, source, err)
			}
		}
		for other, needs := range s.DependsOn {
			on, ok := c.Services[other]
			switch {
			case !ok:
				t.Errorf("%s depends on %s, which isn't there", name, other)
			case needs.Condition == "service_healthy" && on.Healthcheck == nil && on.Build.Target == "":
				t.Errorf("%s waits for the health of %s, which has no check", name, other)
			case needs.Condition == "service_completed_successfully" && !strings.HasPrefix(on.Restart, "on-failure"):
				t.Errorf("%s waits for the end of %s, which is restarted for ever", name, other)
			}
		}
	}
	declared := slices.Sorted(maps.Keys(c.Secrets))
	if got := slices.Sorted(maps.Keys(used)); !slices.Equal(got, declared) {
		t.Errorf("secrets used: %v, declared: %v", got, declared)
	}
}

func TestComposeSecretsAreMade(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile(filepath.Join(root, "deploy/compose/secrets.sh"))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range composeFile(t).Secrets {
		if !strings.Contains(string(script), "\nmake "+name+" ") {
			t.Errorf("secrets.sh doesn't make %s", name)
		}
		if s.File != "deploy/compose/secrets/"+name {
			t.Errorf("the secret %s is at %s", name, s.File)
		}
	}
}

func TestComposeConfigurationLoads(t *testing.T) {
	t.Parallel()
	env := []string{"LIFEBOAT_DATA_DIR=/var/lib/lifeboat", "LIFEBOAT_LISTEN=0.0.0.0:8080"}
	for variable, file := range composeFile(t).Services["apiserver"].Environment {
		if name, ok := strings.CutSuffix(variable, "_FILE"); ok {
			env = append(env, name+"="+strings.Repeat("c", 24)+filepath.Base(file))
		}
	}
	c, err := config.Load(filepath.Join(root, "deploy/compose/lifeboat.yaml"), env)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Stores) != 2 || len(c.Surfaces) != 2 || len(c.Policies) != 2 || c.Temporal.Embedded() {
		t.Errorf("loaded %d stores, %d surfaces, %d policies, embedded %t", len(c.Stores), len(c.Surfaces), len(c.Policies), c.Temporal.Embedded())
	}
	if warnings := c.Warnings(); len(warnings) > 0 {
		t.Errorf("warnings: %q", warnings)
	}
}

// What watches is wired by paths and names that stand in several files.
func TestComposeMonitoringFitsTogether(t *testing.T) {
	t.Parallel()
	c := composeFile(t)
	mounted := func(service, at string) string {
		for _, volume := range c.Services[service].Volumes {
			if source, rest, _ := strings.Cut(volume, ":"); strings.TrimSuffix(rest, ":ro") == at {
				return source
			}
		}
		t.Errorf("%s has nothing at %s", service, at)
		return ""
	}
	read := func(file string, into any) {
		data, err := os.ReadFile(filepath.Join(root, file))
		if err == nil {
			err = yaml.Unmarshal(data, into)
		}
		if err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	var prometheus struct {
		RuleFiles     []string `yaml:"rule_files"`
		ScrapeConfigs []struct {
			StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
		} `yaml:"scrape_configs"`
	}
	read(mounted("prometheus", "/etc/prometheus/prometheus.yml"), &prometheus)
	for _, file := range prometheus.RuleFiles {
		if got := mounted("prometheus", file); got != "./deploy/prometheus/lifeboat.rules.yaml" {
			t.Errorf("the rules are %s", got)
		}
	}
	if s := prometheus.ScrapeConfigs; len(prometheus.RuleFiles) != 1 || len(s) != 1 || !slices.Equal(s[0].StaticConfigs[0].Targets, []string{"apiserver:8080"}) {
		t.Errorf("Prometheus is told %+v", prometheus)
	}
	provisioning := mounted("grafana", "/etc/grafana/provisioning")
	var sources struct {
		Datasources []struct{ Type, URL string }
	}
	read(filepath.Join(provisioning, "datasources", "prometheus.yaml"), &sources)
	if d := sources.Datasources; len(d) != 1 || d[0].Type != "prometheus" || d[0].URL != "http://prometheus:9090" {
		t.Errorf("Grafana asks %+v", d)
	}
	var dashboards struct {
		Providers []struct{ Options struct{ Path string } }
	}
	read(filepath.Join(provisioning, "dashboards", "lifeboat.yaml"), &dashboards)
	if p := dashboards.Providers; len(p) != 1 || mounted("grafana", p[0].Options.Path) != "./deploy/grafana/dashboards" {
		t.Errorf("dashboards come from %+v", p)
	}
}
