package kubernetes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// What is asked for by type assertion elsewhere.
var _ interface {
	surface.Surface
	surface.Namespaced
	surface.Scoper
	surface.Differ
} = (*Surface)(nil)

var _ surface.Partial = (*view)(nil)

func TestSettings(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]surface.Config{
		"another kind":  {Kind: surface.KindVelero, Cluster: surface.Cluster{Namespaces: []string{"shop"}}},
		"no namespaces": {Kind: Kind},
		"no selector":   {Kind: Kind, Cluster: surface.Cluster{Namespaces: []string{"shop"}, LabelSelector: "=="}},
	} {
		if _, err := New("apps", c); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	v := &survey{refused: map[refusal]string{
		{"secrets", "pay"}: "forbidden to user x", {"secrets", "shop"}: "forbidden to user x",
		{"pods", "pay"}: "forbidden to user x", {of: "API group broken.example.com/v1"}: "stale",
		{"jobs.batch", "pay"}: "forbidden to user x", {"jobs.batch", "shop"}: "forbidden to user y",
	}}
	want := []string{
		"API group broken.example.com/v1: stale", "jobs.batch in namespace pay: forbidden to user x", "jobs.batch in namespace shop: forbidden to user y",
		"pods in namespace pay: forbidden to user x", "secrets in all 2 namespaces: forbidden to user x",
	}
	if got := v.missing([]string{"pay", "shop"}); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestTokensAreSmall has a user who may read nothing of many types in many namespaces.
func TestTokensAreSmall(t *testing.T) {
	t.Parallel()
	v := &survey{refused: map[refusal]string{}}
	for of := range 300 {
		for namespace := range 100 {
			v.refused[refusal{fmt.Sprintf("types-%d.example.com", of), fmt.Sprintf("namespace-%d", namespace)}] = "forbidden"
		}
	}
	text, err := v.token()
	var got token
	if err != nil || len(text) > maxToken || json.Unmarshal([]byte(text), &got) != nil || len(got.Refused) != 300 {
		t.Fatalf("a token of %d bytes with %d names: %v", len(text), len(got.Refused), err)
	}
	d := &dump{known: map[string]bool{}}
	for _, name := range got.Refused {
		d.known[name] = true
	}
	if err := d.still(v); err != nil {
		t.Error(err)
	}
	if err := d.expected(refusal{"secrets", "shop"}, "forbidden"); !fault.Is(err, fault.Lost) {
		t.Error(err)
	}
	for of := range 5000 {
		v.refused[refusal{of: fmt.Sprintf("more-types-%d.example.com", of)}] = "forbidden"
	}
	if _, err := v.token(); !fault.Is(err, fault.Unsupported) {
		t.Errorf("too many types: %v", err)
	}
}

// TestTwins has one object in two groups, and others that are none.
func TestTwins(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w, err := newObjectWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	d := &dump{out: w, names: pointNames, twins: map[string]nameSet{"ingresses": newNameSet()}}
	old := schema.GroupResource{Group: groupExtensions, Resource: "ingresses"}
	const text = "{apiVersion: %s, kind: Ingress, metadata: {name: %s, namespace: shop, uid: %s}}"
	for _, o := range []Object{
		fromYAML(t, typeIngresses, fmt.Sprintf(text, "networking.k8s.io/v1", "a", "u-1")),
		fromYAML(t, old, fmt.Sprintf(text, "extensions/v1beta1", "a", "u-1")),
		fromYAML(t, old, fmt.Sprintf(text, "extensions/v1beta1", "b", "u-2")),
		fromYAML(t, typeIngresses, fmt.Sprintf(text, "networking.k8s.io/v1", "c", `""`)),
		fromYAML(t, typeIngresses, fmt.Sprintf(text, "networking.k8s.io/v1", "d", `""`)),
	} {
		if err := d.resource(o); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.close(); err != nil {
		t.Fatal(err)
	}
	objects, err := read(&out)
	var names []string
	for _, o := range objects {
		names = append(names, o.String())
	}
	want := []string{
		"ingresses.networking.k8s.io shop/a", "ingresses.extensions shop/b", "ingresses.networking.k8s.io shop/c", "ingresses.networking.k8s.io shop/d",
	}
	if err != nil || !slices.Equal(names, want) {
		t.Errorf("%q %v", names, err)
	}
}

func TestNamespacesInAPoint(t *testing.T) {
	t.Parallel()
	s := &Surface{}
	for name, parts := range map[string][]surface.Part{
		"no parts":   nil,
		"no spec":    {{Name: clusterPart}},
		"nonsense":   {{Name: resourcesPart, Spec: []byte(`{"namespaces":7}`)}},
		"none":       {{Name: resourcesPart, Spec: []byte(`{"namespaces":[]}`)}},
		"a stranger": {{Name: "other", Spec: []byte(`{"namespaces":["shop"]}`)}},
	} {
		if got, err := s.InPoint(parts); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	got, err := s.InPoint([]surface.Part{{Name: clusterPart, Spec: []byte(`{"namespaces":["pay","shop"]}`)}})
	if err != nil || !slices.Equal(got, []string{"pay", "shop"}) {
		t.Errorf("%q %v", got, err)
	}
}
