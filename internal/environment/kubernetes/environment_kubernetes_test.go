//go:build kubernetes

package kubernetes

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/environment/placetest"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

var kube *servers.KubernetesServer

func TestMain(m *testing.M) { os.Exit(servers.RunWithKubernetes(m, &kube)) }

var configMaps = corev1.SchemeGroupVersion.WithResource("configmaps")

func mustNew(t *testing.T, c environment.Cluster) *Environment {
	t.Helper()
	if c.Kubeconfig == "" {
		c.Kubeconfig = kube.Kubeconfig
	}
	e, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// mustMake makes an environment of live namespaces, which is removed when the
// test ends, and returns the names of its copies in the same order.
func mustMake(t *testing.T, e *Environment, id string, live ...string) []string {
	t.Helper()
	t.Cleanup(func() {
		e.patience = 0
		if err := e.Remove(context.WithoutCancel(t.Context()), id); err != nil {
			t.Errorf("remove %s: %v", id, err)
		}
	})
	if _, err := e.Make(t.Context(), id, environment.Origin{Surface: "cluster", Point: "p", Namespaces: live}); err != nil {
		t.Fatal(err)
	}
	copies := make([]string, len(live))
	for n, old := range live {
		copies[n] = namespaceName(e.config.Prefix, placeID(id), old)
	}
	return copies
}

func TestAnEnvironmentOnAClusterIsAPlace(t *testing.T) {
	t.Parallel()
	namespace := func(t *testing.T, made environment.Made) string {
		t.Helper()
		place, err := cluster.ParsePlace(made.URL)
		if err != nil {
			t.Fatal(err)
		}
		return place.Namespaces["shop.live"]
	}
	placetest.Run(t, placetest.Suite{
		Place:  mustNew(t, environment.Cluster{Prefix: "suite-"}),
		Origin: environment.Origin{Surface: "cluster", Point: "p", Namespaces: []string{"shop.live", "pay"}},
		Put: func(t *testing.T, made environment.Made) {
			t.Helper()
			content := map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "put"}}
			_, err := kube.Client.Resource(configMaps, namespace(t, made)).Create(t.Context(), &unstructured.Unstructured{Object: content}, metav1.CreateOptions{})
			if err != nil {
				t.Fatal(err)
			}
		},
		Holds: func(t *testing.T, made environment.Made) bool {
			t.Helper()
			_, err := kube.Client.Resource(configMaps, namespace(t, made)).Get(t.Context(), "put", metav1.GetOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				t.Fatal(err)
			}
			return err == nil
		},
	})
}

func TestWhatAnEnvironmentIsMadeOf(t *testing.T) {
	t.Parallel()
	e := mustNew(t, environment.Cluster{
		Prefix: "made-", Quota: map[string]string{"pods": "7", "limits.memory": "8Gi"}, AllowEgress: []string{"10.9.0.0/16"},
		IngressDomain: "dr.example.com", StorageClasses: map[string]string{"fast": servers.HostPathClass}, CustomResources: []string{"shops.example.com"}, Labels: map[string]string{"team": "dr"},
	})
	const id = "Made.1"
	name := mustMake(t, e, id, "shop")[0]
	made, err := e.Find(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	place, err := cluster.ParsePlace(made.URL)
	want := cluster.Place{
		Config: cluster.Config{Kubeconfig: kube.Kubeconfig}, ID: placeID(id), Restore: id, Namespaces: map[string]string{"shop": name},
		IngressDomain: "dr.example.com", StorageClasses: map[string]string{"fast": servers.HostPathClass}, CustomResources: []string{"shops.example.com"},
	}
	if diff := cmp.Diff(want, place); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if made.Address != name || made.Version != "Kubernetes 1.36.3" {
		t.Errorf("%+v", made)
	}
	read := func(of manifest) *unstructured.Unstructured {
		t.Helper()
		o := &unstructured.Unstructured{Object: of.content}
		found, err := kube.Client.Resource(of.resource, o.GetNamespace()).Get(t.Context(), o.GetName(), metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if found.GetLabels()[cluster.LabelEnvironment] != placeID(id) {
			t.Errorf("%s %s has the labels %v", o.GetKind(), o.GetName(), found.GetLabels())
		}
		return found
	}
	g := guarded{config: e.config, place: placeID(id), id: id, name: name}
	if labels := read(g.namespace()).GetLabels(); labels["team"] != "dr" || labels[levelLabel] != levelBaseline {
		t.Errorf("labels %v", labels)
	}
	within, err := g.within()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range within {
		found := read(m)
		if token, set, _ := unstructured.NestedBool(found.Object, "automountServiceAccountToken"); m.resource == serviceAccounts && (!set || token) {
			t.Errorf("pods get a token that they don't ask for: %v", found.Object)
		}
		if hard, _, _ := unstructured.NestedStringMap(found.Object, "spec", "hard"); m.resource == quotas &&
			(hard["pods"] != "7" || hard["services.nodeports"] != "0" || hard["persistentvolumeclaims"] != "50") {
			t.Errorf("quota %v", hard)
		}
	}
	// A quota of memory refuses containers that say nothing, unless something says it for them.
	kube.Apply(t, name, `{apiVersion: v1, kind: Pod, metadata: {name: p}, spec: {containers: [{name: c, image: c}]}}`)
}

func TestWhoseNamespaceItIs(t *testing.T) {
	t.Parallel()
	e := mustNew(t, environment.Cluster{Prefix: "whose-"})
	make := func(id string) error {
		_, err := e.Make(t.Context(), id, environment.Origin{Namespaces: []string{"shop"}})
		return err
	}
	kube.Apply(t, "", "{apiVersion: v1, kind: Namespace, metadata: {name: "+namespaceName("whose-", "taken", "shop")+"}}")
	if err := make("taken"); !fault.Is(err, fault.Conflict) {
		t.Errorf("somebody else's: %v", err)
	}
	// It has the label of a place, and was made by somebody else: it stays.
	kube.Apply(t, "", fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: whose-stranger, labels: {%s: strange}}}", cluster.LabelEnvironment))
	if _, err := e.Find(t.Context(), "strange"); !fault.Is(err, fault.Missing) {
		t.Errorf("a stranger's: %v", err)
	}
	if err := e.Remove(t.Context(), "strange"); err != nil {
		t.Error(err)
	}
	if n, err := kube.Client.Resource(namespaces, "").Get(t.Context(), "whose-stranger", metav1.GetOptions{}); err != nil || n.GetDeletionTimestamp() != nil {
		t.Errorf("a stranger's namespace was deleted: %v", err)
	}
	name := mustMake(t, e, "going", "shop")[0]
	hold(t, name)
	if err := kube.Client.Resource(namespaces, "").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := make("going"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("one that is being deleted: %v", err)
	}
	if err := make(""); !fault.Is(err, fault.Invalid) {
		t.Errorf("no ID: %v", err)
	}
	if _, err := e.Make(t.Context(), "none", environment.Origin{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("no namespaces: %v", err)
	}
}

func TestAnEnvironmentOnAClusterThatIsBusy(t *testing.T) {
	t.Parallel()
	throttled, refused := kube.Throttled(t, 7)
	e := mustNew(t, environment.Cluster{Config: cluster.Config{Kubeconfig: throttled}, Prefix: "busy-"})
	mustMake(t, e, "busy", "shop")
	if _, err := e.TryIsolation(t.Context(), "busy"); err != nil {
		t.Error(err)
	}
	if err := e.Remove(t.Context(), "busy"); err != nil {
		t.Error(err)
	}
	if refused() == 0 {
		t.Error("no request was refused")
	}
}

// hold puts something into a namespace that hangs when it is deleted.
func hold(t *testing.T, namespace string) {
	t.Helper()
	kube.Apply(t, namespace, `{apiVersion: v1, kind: ConfigMap, metadata: {name: held, finalizers: [example.com/hold]}}`)
	t.Cleanup(func() {
		patch := []byte(`{"metadata":{"finalizers":null}}`)
		ctx := context.WithoutCancel(t.Context())
		_, err := kube.Client.Resource(configMaps, namespace).Patch(ctx, "held", types.MergePatchType, patch, metav1.PatchOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Errorf("let go what is held: %v", err)
		}
	})
}

func during(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func mentions(err error, words ...string) bool {
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			return false
		}
	}
	return true
}
