package helm_test

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lifeboat-dr/lifeboat/internal/config"
)

// typed reads an object as its type, and refuses fields that the type does not have.
func typed[T any](t *testing.T, o *unstructured.Unstructured) T {
	t.Helper()
	var out T
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, &out, true); err != nil {
		t.Fatalf("%s %s: %v", o.GetKind(), o.GetName(), err)
	}
	return out
}

// pods are the templates of pods in what was rendered, by the names of their owners.
func pods(t *testing.T, all []*unstructured.Unstructured) map[string]corev1.PodSpec {
	t.Helper()
	out := map[string]corev1.PodSpec{}
	for _, o := range all {
		switch o.GetKind() {
		case "Deployment":
			out[o.GetName()] = typed[appsv1.Deployment](t, o).Spec.Template.Spec
		case "StatefulSet":
			out[o.GetName()] = typed[appsv1.StatefulSet](t, o).Spec.Template.Spec
		}
	}
	return out
}

func TestPodsAreConfined(t *testing.T) {
	t.Parallel()
	found := 0
	for _, of := range allValues(t) {
		for name, pod := range pods(t, objects(t, render(t, "shop", of))) {
			found++
			s := pod.SecurityContext
			if s == nil || s.RunAsNonRoot == nil || !*s.RunAsNonRoot || *s.RunAsUser != 10001 || s.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault {
				t.Errorf("%s, %s: the pod runs as %+v", of.name, name, s)
			}
			for _, c := range pod.Containers {
				s := c.SecurityContext
				if s == nil || !*s.ReadOnlyRootFilesystem || *s.AllowPrivilegeEscalation || !slices.Equal(s.Capabilities.Drop, []corev1.Capability{"ALL"}) || s.Capabilities.Add != nil {
					t.Errorf("%s, %s: the container is let to %+v", of.name, name, s)
				}
				if c.Resources.Limits.Memory().IsZero() || c.Resources.Requests.Cpu().IsZero() {
					t.Errorf("%s, %s: its resources are %+v", of.name, name, c.Resources)
				}
				for _, env := range c.Env {
					if env.ValueFrom != nil {
						t.Errorf("%s, %s: %s is a secret in the environment", of.name, name, env.Name)
					}
				}
				if c.ReadinessProbe == nil {
					t.Errorf("%s, %s: nothing says when it is ready", of.name, name)
				}
				if len(c.Ports) > 0 && (c.LivenessProbe == nil || c.LivenessProbe.HTTPGet.Path != "/healthz" || c.ReadinessProbe.HTTPGet.Path != "/readyz") {
					t.Errorf("%s, %s: its probes are %v and %v", of.name, name, c.LivenessProbe, c.ReadinessProbe)
				}
			}
		}
	}
	if found < 5 {
		t.Errorf("found %d pods", found)
	}
}

// Who asks nothing of the Kubernetes API gets no token for it.
func TestTokensAreForThoseWhoAsk(t *testing.T) {
	t.Parallel()
	for _, of := range allValues(t) {
		all := objects(t, render(t, "shop", of))
		bound := map[string]bool{}
		for _, o := range all {
			if strings.HasSuffix(o.GetKind(), "RoleBinding") {
				bound[typed[rbacv1.RoleBinding](t, o).Subjects[0].Name] = true
			}
		}
		for name, pod := range pods(t, all) {
			if got, want := *pod.AutomountServiceAccountToken, bound[pod.ServiceAccountName]; got != want {
				t.Errorf("%s, %s: token %t, rights %t", of.name, name, got, want)
			}
		}
	}
}

// What the chart makes of values.config is a configuration that Lifeboat takes.
func TestConfigurationsLoad(t *testing.T) {
	t.Parallel()
	loaded := 0
	for _, of := range allValues(t) {
		all := objects(t, render(t, "shop", of))
		for _, o := range all {
			text, found, _ := unstructured.NestedString(o.Object, "data", "lifeboat.yaml")
			if !found {
				continue
			}
			for name, pod := range pods(t, all) {
				loaded++
				loads(t, of.name+", "+name, text, pod)
			}
		}
	}
	if loaded < 5 {
		t.Errorf("loaded %d configurations", loaded)
	}
}

// loads reads a configuration as a pod would: with its variables, and files in
// place of its secrets and certificates.
func loads(t *testing.T, what, text string, pod corev1.PodSpec) {
	t.Helper()
	dir := t.TempDir()
	put := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var env []string
	for _, e := range pod.Containers[0].Env {
		value := e.Value
		if secret, ok := strings.CutPrefix(value, "/etc/lifeboat/secrets/"); ok {
			value = put(secret, secretFor(secret))
		}
		if e.Name != "LIFEBOAT_CONFIG" {
			env = append(env, e.Name+"="+value)
		}
	}
	c, err := config.Load(put("lifeboat.yaml", text), env)
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if c.DataDir != "/var/lib/lifeboat" || c.Listen != "0.0.0.0:8080" {
		t.Errorf("%s: works in %s and listens on %s", what, c.DataDir, c.Listen)
	}
	if c.Temporal.Embedded() != slices.Contains(pod.Containers[0].Args, "up") {
		t.Errorf("%s: runs %v, and the engine is embedded: %t", what, pod.Containers[0].Args, c.Temporal.Embedded())
	}
}

// secretFor is what could be in a secret.
func secretFor(name string) string {
	switch name {
	case "AGE_SECRET_KEY":
		// Of the recipient in ci/full-values.yaml.
		return "AGE-SECRET-KEY-19P4JHS077GU26ZQ3M7WGJ8V0E0R78YJDUVWSUDMDCLPSXH2E9EVSHD9A43"
	case "LIFEBOAT_EVIDENCE_KEY":
		return ""
	case "TEMPORAL_CODEC_KEY":
		return "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	case "AZURE_CONNECTION_STRING":
		return "DefaultEndpointsProtocol=https;AccountName=dalp;AccountKey=aHVzaA==;EndpointSuffix=core.windows.net"
	default:
		return "correct-horse-battery-staple-" + name
	}
}

// TestDefaultsAreThoseOfTheTable holds the chart against the table of settings
// that other charts have: the same keys, the same defaults.
func TestDefaultsAreThoseOfTheTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(chart(t), "values.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := yaml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]any{
		"backup.enabled": false, "backup.storage.provider": "s3", "backup.schedule.cron": "0 2 * * *", "backup.retention.days": 30,
		"backup.includeAllPVCs": true, "backup.labelSelector.matchLabels": map[string]any{"kots.io/app-slug": "settlemint-dalp"}, "backup.schedule.paused": false,
	} {
		var got any = all
		for key := range strings.SplitSeq(path, ".") {
			got = got.(map[string]any)[key]
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %v, not %v", path, got, want)
		}
	}
}
