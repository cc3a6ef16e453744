//go:build kubernetes

package kubernetes

import (
	"fmt"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestTheLiveNamespaceIsPutRight(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	awaitBound(t, shop, "data")
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	volume := textAt(get(t, typeClaims, shop, "data").Object, "spec", "volumeName")
	merge(t, typeConfigMaps, shop, "settings", `{"data":{"size":"4"}}`)
	merge(t, typePolicies, shop, "web", `{"spec":{"egress":[]}}`)
	if err := kube.Client.Resource(versionOf(typeServices), shop).Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	live := surface.Target{Replace: true}
	surfacetest.Restore(t, s, live, point)
	if got := textAt(get(t, typeServices, shop, "web").Object, "spec", "type"); got != "LoadBalancer" {
		t.Errorf("the service is a %s", got)
	}
	if got := textAt(get(t, typeClaims, shop, "data").Object, "spec", "volumeName"); got != volume {
		t.Errorf("the claim has volume %s, it had %s", got, volume)
	}
	if egress := mapsOf(get(t, typePolicies, shop, "web").Object, "spec", "egress"); len(egress) != 1 {
		t.Errorf("egress %v", egress)
	}
	subjects := mapsOf(get(t, typeClusterBindings, "", shop+"-viewer").Object, "subjects")
	if len(subjects) != 2 {
		t.Errorf("subjects %v", subjects)
	}
}

func TestACustomTypeIsBroughtBackWithItsObjects(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	name := "shops." + shop + ".example.com"
	if err := kube.Client.Resource(definitionsResource, "").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, "the definition is gone", func() error {
		if isThere(t, typeDefinitions, "", name) {
			return fmt.Errorf("it is there")
		}
		return nil
	})
	to := into(t, shop)
	surfacetest.Restore(t, s, to, point)
	shops := schema.GroupResource{Group: shop + ".example.com", Resource: "shops"}
	if size := fieldsOf(get(t, shops, target(t, to, shop), "main").Object, "spec")["size"]; size != int64(3) {
		t.Errorf("a custom resource of size %v", size)
	}

	// One that serves another version now is never taken back, and stands in the way of none that it serves, too.
	versions := `{"spec":{"versions":[{"name":"v2","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}},` +
		`{"name":"v1","served":%t,"storage":false,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}`
	merge(t, typeDefinitions, "", name, fmt.Sprintf(versions, true))
	surfacetest.Restore(t, s, into(t, shop), point)
	merge(t, typeDefinitions, "", name, fmt.Sprintf(versions, false))
	to = into(t, shop)
	to.Conflict = surface.ConflictUpdate
	if err := s.Begin(t.Context(), to, point); !fault.Is(err, fault.Conflict) || !strings.Contains(err.Error(), name) {
		t.Errorf("a definition that no longer serves the point's version: %v", err)
	}
}

func TestAClaimGetsItsRetainedVolumeBack(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	kube.Apply(t, shop, "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}")
	awaitBound(t, shop, "data")
	volume := textAt(get(t, typeClaims, shop, "data").Object, "spec", "volumeName")
	merge(t, typeVolumes, "", volume, `{"spec":{"persistentVolumeReclaimPolicy":"Retain"}}`)
	deleteAtEnd(t, volumesResource, "", volume)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	if err := kube.Client.Resource(claimsResource, shop).Delete(t.Context(), "data", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, "the volume is released", func() error {
		if phase := textAt(get(t, typeVolumes, "", volume).Object, "status", "phase"); phase != "Released" {
			return fmt.Errorf("it is %s", phase)
		}
		return nil
	})
	// Under another name nothing may take it.
	elsewhere := into(t, shop)
	surfacetest.Restore(t, s, elsewhere, point)
	if got := textAt(get(t, typeClaims, target(t, elsewhere, shop), "data").Object, "spec", "volumeName"); got == volume {
		t.Errorf("a copy has the volume of what is live")
	}
	surfacetest.Restore(t, s, surface.Target{Replace: true}, point)
	awaitBound(t, shop, "data")
	if got := textAt(get(t, typeClaims, shop, "data").Object, "spec", "volumeName"); got != volume {
		t.Errorf("the claim has volume %s, and had %s", got, volume)
	}
}
