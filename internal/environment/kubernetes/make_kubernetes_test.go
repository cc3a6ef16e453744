//go:build kubernetes

package kubernetes

import (
	"fmt"
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// TestAnEnvironmentThatCanNotBeMadeIsNotLeftHalfMade has somebody else's
// namespace in the way of the second one.
func TestAnEnvironmentThatCanNotBeMadeIsNotLeftHalfMade(t *testing.T) {
	t.Parallel()
	e := mustNew(t, environment.Cluster{Prefix: "half-"})
	const id = "half"
	first, second := namespaceName("half-", id, "a"), namespaceName("half-", id, "b")
	kube.Apply(t, "default", "{apiVersion: v1, kind: Namespace, metadata: {name: "+second+"}}")
	_, err := e.Make(t.Context(), id, environment.Origin{Namespaces: []string{"a", "b"}})
	if !fault.Is(err, fault.Conflict) {
		t.Fatalf("%v", err)
	}
	servers.Eventually(t, "the first namespace is gone", func() error {
		if exists(t, namespaces, "", first) {
			return fmt.Errorf("it is there")
		}
		return nil
	})
	if !exists(t, namespaces, "", second) {
		t.Error("somebody else's namespace is gone")
	}
	if err := kube.Client.Resource(namespaces, "").Delete(t.Context(), second, metav1.DeleteOptions{}); err != nil {
		t.Error(err)
	}
}

// TestWhatIsLeftGoesByTheIDOfItsRestore where that is no label.
func TestWhatIsLeftGoesByTheIDOfItsRestore(t *testing.T) {
	t.Parallel()
	e := mustNew(t, environment.Cluster{Prefix: "left-"})
	const id = "20260102T150405.000Z-Left"
	of := placeID(id)
	kube.Apply(t, "default", fmt.Sprintf(`
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: left-annotated, labels: {%s: %s}, annotations: {%s: %s}}
`, cluster.LabelEnvironment, of, cluster.AnnotationEnvironment, id))
	ids, err := e.IDs(t.Context())
	if err != nil || !slices.Contains(ids, id) || slices.Contains(ids, of) {
		t.Errorf("IDs: %q %v", ids, err)
	}
	if err := e.Remove(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if ids, err := e.IDs(t.Context()); err != nil || slices.Contains(ids, id) {
		t.Errorf("IDs: %q %v", ids, err)
	}
}
