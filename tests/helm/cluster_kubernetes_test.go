//go:build kubernetes

package helm_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

var kube *servers.KubernetesServer

func TestMain(m *testing.M) { os.Exit(servers.RunWithKubernetes(m, &kube)) }

// apply has the server take an object, and refuse what its type does not know.
func apply(ctx context.Context, o *unstructured.Unstructured, dryRun ...string) error {
	kind := o.GroupVersionKind()
	mapping, err := kube.Client.Mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		kube.Client.Mapper.Reset()
		return err
	}
	text, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = kube.Client.Resource(mapping.Resource, o.GetNamespace()).Patch(ctx, o.GetName(), types.ApplyPatchType, text,
		metav1.PatchOptions{FieldManager: "helm", FieldValidation: metav1.FieldValidationStrict, DryRun: dryRun})
	return err
}

// prepared makes, once for all tests, the types and the namespaces that the sets
// of values speak of.
var prepared = sync.OnceValue(func() error {
	ctx := context.Background()
	for _, name := range []string{"shop", "pay", "dalp", "velero", "restores", "minio", "elsewhere"} {
		o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}}
		if err := apply(ctx, o); err != nil {
			return err
		}
	}
	return nil
})

// prepare applies what must be there before the chart.
func prepare(t *testing.T) {
	t.Helper()
	servers.Eventually(t, "the namespaces are there", prepared)
	files, err := filepath.Glob(filepath.Join(filepath.Dir(servers.Tool(t, "velero-crds")), "velero-crds", "*.yaml"))
	if err != nil || len(files) < 10 {
		t.Fatalf("found %d types of Velero: %v", len(files), err)
	}
	for _, file := range append(files, "monitoring_crds.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects(t, string(text)) {
			unstructured.RemoveNestedField(o.Object, "status")
			servers.Eventually(t, "the type "+o.GetName()+" is taken", func() error {
				err := apply(t.Context(), o)
				if apierrors.IsConflict(err) {
					return nil
				}
				return err
			})
		}
	}
}

func TestAServerTakesEverything(t *testing.T) {
	t.Parallel()
	prepare(t)
	for _, of := range allValues(t) {
		all := objects(t, render(t, "shop", of))
		if len(all) == 0 {
			t.Errorf("%s makes nothing", of.name)
		}
		for _, o := range all {
			// A type that was made just now is known a little later.
			servers.Eventually(t, of.name+": "+o.GetKind()+" "+o.GetName(), func() error {
				err := apply(t.Context(), o, metav1.DryRunAll)
				if err != nil && !apierrors.IsNotFound(err) && apierrors.ReasonForError(err) != metav1.StatusReasonUnknown {
					t.Fatalf("%s: %s %s is refused: %v", of.name, o.GetKind(), o.GetName(), err)
				}
				return err
			})
		}
	}
	wrong := objects(t, "{apiVersion: velero.io/v1, kind: Schedule, metadata: {name: a, namespace: velero}, spec: {cron: daily}}")[0]
	if err := apply(t.Context(), wrong, metav1.DryRunAll); err == nil {
		t.Error("a Schedule with a field that is none is taken")
	}
}

// TestAReleaseIsInstalledUpgradedAndRemoved has Helm do so on a namespace that
// admits restricted pods only. The nodes say of pods that they run.
func TestAReleaseIsInstalledUpgradedAndRemoved(t *testing.T) {
	t.Parallel()
	prepare(t)
	namespace := kube.Namespace(t)
	restricted := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`)
	namespaces := kube.Client.Resource(resource("", "namespaces"), "")
	if _, err := namespaces.Patch(t.Context(), namespace, types.MergePatchType, restricted, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	helm := func(arguments ...string) string {
		t.Helper()
		out, err := run(t, append(arguments, "-n", namespace, "--kubeconfig", kube.Kubeconfig)...)
		if err != nil {
			t.Fatalf("helm %s: %v", arguments[0], err)
		}
		return out
	}
	if out := helm("install", "mine", ".", "-f", minimal, "--wait", "--timeout", "4m"); !strings.Contains(out, "STATUS: deployed") || !strings.Contains(out, "lifeboat check") {
		t.Errorf("installed: %s", out)
	}
	available := func(of, name, field string) int64 {
		t.Helper()
		o, err := kube.Client.Resource(resource("apps", of), namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		count, _, _ := unstructured.NestedInt64(o.Object, "status", field)
		return count
	}
	if a, w := available("deployments", "mine-lifeboat-apiserver", "availableReplicas"), available("statefulsets", "mine-lifeboat-worker", "readyReplicas"); a != 2 || w != 2 {
		t.Errorf("%d API servers and %d workers", a, w)
	}
	helm("upgrade", "mine", ".", "-f", minimal, "--set", "worker.replicas=3", "--wait", "--timeout", "4m")
	if w := available("statefulsets", "mine-lifeboat-worker", "readyReplicas"); w != 3 {
		t.Errorf("%d workers after the upgrade", w)
	}
	helm("uninstall", "mine", "--wait", "--timeout", "4m")
	claims, err := kube.Client.Resource(resource("", "persistentvolumeclaims"), namespace).List(t.Context(), metav1.ListOptions{})
	if err != nil || len(claims.Items) != 3 {
		t.Errorf("the claims of workers are gone with the release: %v", err)
	}
}
