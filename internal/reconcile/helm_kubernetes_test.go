//go:build kubernetes

package reconcile

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

var kube *servers.KubernetesServer

func TestMain(m *testing.M) { os.Exit(servers.RunWithKubernetes(m, &kube)) }

// deploy stores a revision as Helm 3 does.
func deploy(t *testing.T, namespace, name string, revision int, status string, values map[string]any) {
	t.Helper()
	stored := encodeRelease(t, revisionOf(name, revision, status, values))
	keep(t, namespace, name, revision, status, stored)
}

func keep(t *testing.T, namespace, name string, revision int, status string, stored []byte) {
	t.Helper()
	kube.Apply(t, namespace, fmt.Sprintf(`
apiVersion: v1
kind: Secret
type: helm.sh/release.v1
metadata:
  name: sh.helm.release.v1.%[1]s.v%[2]d
  labels: {owner: helm, name: %[1]s, version: "%[2]d", status: %[3]s, modifiedAt: "1760000000"}
data: {release: %[4]s}
`, name, revision, status, base64.StdEncoding.EncodeToString(stored)))
}

func helmOf(namespace string, change ...func(*drill.Helm)) drill.Reconcile {
	h := &drill.Helm{
		Files: []string{"values.yaml", "live.yaml"}, Release: "api", Namespace: "{{shop.namespace}}", Kubeconfig: kube.Kubeconfig,
	}
	for _, one := range change {
		one(h)
	}
	return drill.Reconcile{Name: "drift", Kind: drill.ReconcileHelm, Surface: "configuration", Helm: h}
}

func runHelm(t *testing.T, dir, namespace string, rec drill.Reconcile) (drill.Reconciliation, error) {
	t.Helper()
	r := restoredGit(dir)
	r.Expand = func(text string) (secret.String, error) {
		return secret.String(strings.ReplaceAll(text, "{{shop.namespace}}", namespace)), nil
	}
	return r.Run(t.Context(), rec)
}

func TestARelease(t *testing.T) {
	t.Parallel()
	dir, commit := repository(t, map[string]string{
		"values.yaml": "image: {tag: \"1.10\"}\nreplicas: 2\n", "live.yaml": "replicas: 3\n",
	})
	namespace := kube.Namespace(t)
	deploy(t, namespace, "api", 6, "superseded", map[string]any{"image": map[string]any{"tag": "1.9"}})
	deploy(t, namespace, "api", 7, "deployed", map[string]any{"image": map[string]any{"tag": "1.10"}, "replicas": 3})
	deploy(t, namespace, "api-other", 9, "deployed", map[string]any{"x": 1})
	// A revision with the number 10 comes before 7 by its name alone.
	got, err := runHelm(t, dir, namespace, helmOf(namespace))
	if err != nil || got.Result != drill.Pass {
		t.Fatalf("%v, %+v", err, got)
	}
	for _, want := range []string{commit, "revision 7 of chart dalp 1.2.3, deployed 2026-10-21T06:30:00Z", "2 values are equal"} {
		if !strings.Contains(got.Detail, want) {
			t.Errorf("%q is not in %q", want, got.Detail)
		}
	}
	if len(got.Items) != 3 || got.Items[0].Name != "release "+namespace+"/api" || !strings.Contains(got.Items[1].Expected, commit) {
		t.Errorf("%+v", got.Items)
	}

	deploy(t, namespace, "api", 10, "pending-upgrade", map[string]any{})
	got, err = runHelm(t, dir, namespace, helmOf(namespace))
	if err != nil || got.Result != drill.Warn || !strings.Contains(got.Detail, "a later revision of the release, 10, is pending-upgrade") {
		t.Errorf("while an upgrade is under way: %v, %+v", err, got)
	}
}

func TestWhatIsNotInGitFailsADrill(t *testing.T) {
	t.Parallel()
	dir, _ := repository(t, map[string]string{"values.yaml": "image: {tag: one}\nonly: git\n", "live.yaml": ""})
	namespace := kube.Namespace(t)
	deploy(t, namespace, "api", 1, "deployed", map[string]any{
		"image": map[string]any{"tag": "HIDDEN-two"}, "auth": map[string]any{"password": "HIDDEN-password"},
	})
	got, err := runHelm(t, dir, namespace, helmOf(namespace))
	if err != nil || got.Result != drill.Fail {
		t.Fatalf("%v, %+v", err, got)
	}
	want := map[string]string{"auth.password": drill.Fail, "image.tag": drill.Fail, "only": drill.Warn}
	for _, item := range got.Items {
		if result, named := want[item.Name]; named && item.Result == result {
			delete(want, item.Name)
		}
	}
	if len(want) > 0 || strings.Contains(fmt.Sprintf("%+v", got), "HIDDEN") {
		t.Errorf("not told: %v, or told too much: %+v", want, got)
	}
	got, err = runHelm(t, dir, namespace, helmOf(namespace, func(h *drill.Helm) { h.Ignore = []string{"auth", "image.tag"} }))
	if err != nil || got.Result != drill.Warn || !strings.Contains(got.Detail, "2 are supplied beside Git") {
		t.Errorf("with exceptions: %v, %+v", err, got)
	}
}

func TestEvidenceOfMuchDriftIsBounded(t *testing.T) {
	t.Parallel()
	dir, commit := repository(t, map[string]string{"values.yaml": "", "live.yaml": ""})
	namespace := kube.Namespace(t)
	values := map[string]any{}
	for i := range 5000 {
		values[fmt.Sprintf("v%d", i)] = i
	}
	deploy(t, namespace, "api", 1, "deployed", values)
	got, err := runHelm(t, dir, namespace, helmOf(namespace))
	if err != nil || got.Result != drill.Fail || len(got.Items) != mostItems {
		t.Fatalf("%v, %d items", err, len(got.Items))
	}
	if !strings.Contains(got.Detail, commit) || !strings.Contains(got.Detail, "revision 1 of chart") || !strings.Contains(got.Detail, "5000 are not in Git") {
		t.Errorf("%s", got.Detail)
	}
}

func TestReleasesThatCantBeCompared(t *testing.T) {
	t.Parallel()
	dir, _ := repository(t, map[string]string{"values.yaml": "", "live.yaml": ""})
	namespace := kube.Namespace(t)
	deploy(t, namespace, "failed", 3, "failed", nil)
	keep(t, namespace, "spoilt", 1, "deployed", []byte("HIDDEN"))
	deploy(t, namespace, "api", 1, "deployed", nil)
	keep(t, namespace, "swapped", 1, "deployed", encodeRelease(t, revisionOf("api", 1, "deployed", nil)))
	stranger := kube.User(t, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}})
	for name, c := range map[string]struct {
		change func(*drill.Helm)
		want   string
	}{
		"none":    {func(h *drill.Helm) { h.Release = "none" }, "has no release none that Helm 3 keeps in a Secret"},
		"failed":  {func(h *drill.Helm) { h.Release = "failed" }, "has no revision that is deployed: the newest, 3, is failed"},
		"spoilt":  {func(h *drill.Helm) { h.Release = "spoilt" }, "the release in Secret sh.helm.release.v1.spoilt.v1: it is no"},
		"swapped": {func(h *drill.Helm) { h.Release = "swapped" }, "it is of another release"},
		"denied":  {func(h *drill.Helm) { h.Kubeconfig = stranger }, "is forbidden"},
	} {
		got, err := runHelm(t, dir, namespace, helmOf(namespace, c.change))
		if err != nil || got.Result != drill.Fail || !strings.Contains(got.Detail, c.want) || strings.Contains(got.Detail, "HIDDEN") {
			t.Errorf("%s: %v, %+v", name, err, got)
		}
	}
	gone, err := os.ReadFile(kube.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	file := t.TempDir() + "/kubeconfig"
	at := kube.Config.Host
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(string(gone), at, "https://127.0.0.1:1")), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = runHelm(t, dir, namespace, helmOf(namespace, func(h *drill.Helm) { h.Kubeconfig = file }))
	if !fault.Is(err, fault.Unavailable) {
		t.Errorf("no API server: %v", err)
	}
}
