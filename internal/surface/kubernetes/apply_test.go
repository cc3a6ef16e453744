package kubernetes

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// hidden stands for a value of a field, which no error may repeat.
const hidden = "hunter2"

func TestRefusalsAreToldWithoutValues(t *testing.T) {
	t.Parallel()
	secret := schema.GroupResource{Resource: "secrets"}
	kind := schema.GroupKind{Kind: "Secret"}
	forbidden := func(why string) error { return apierrors.NewForbidden(secret, "a", errors.New(why+" "+hidden)) }
	for name, c := range map[string]struct {
		err  error
		kind fault.Kind
		says string
	}{
		"a value": {apierrors.NewInvalid(kind, "a", field.ErrorList{field.Invalid(field.NewPath("data", "x"), hidden, "no "+hidden)}),
			fault.Invalid, "data.x (FieldValueInvalid)"},
		"a change": {apierrors.NewInvalid(kind, "a", field.ErrorList{field.Invalid(field.NewPath("type"), hidden, "field is immutable")}),
			fault.Invalid, "type (it can't be changed"},
		"a quota":          {forbidden("exceeded quota: x"), fault.Exhausted, "quota"},
		"a new quota":      {forbidden("status unknown for quota: x"), fault.Unavailable, "quota"},
		"a standard":       {forbidden(`violates PodSecurity "restricted"`), fault.Denied, "pod security"},
		"an account":       {forbidden("error looking up service account a/b"), fault.Unavailable, "service account"},
		"a user":           {forbidden("User cannot patch"), fault.Denied, "may not write"},
		"rights":           {forbidden("attempting to grant RBAC permissions not currently held"), fault.Denied, "escalate"},
		"a webhook's no":   {forbidden("admission webhook denied"), fault.Denied, "admission"},
		"a webhook":        {apierrors.NewInternalError(errors.New("failed calling webhook " + hidden)), fault.Unavailable, "webhook"},
		"unknown fields":   {apierrors.NewInternalError(errors.New("failed to create typed patch object (x): ." + hidden)), fault.Unsupported, "fields"},
		"a bad request":    {apierrors.NewBadRequest(hidden), fault.Unsupported, "version"},
		"no namespace":     {apierrors.NewNotFound(secret, hidden), fault.Missing, "not there"},
		"somebody else":    {apierrors.NewConflict(secret, "a", errors.New(hidden)), fault.Conflict, "same time"},
		"too large":        {apierrors.NewRequestEntityTooLargeError(hidden), fault.Invalid, "large"},
		"something else":   {apierrors.NewInternalError(errors.New(hidden)), fault.Unavailable, "Internal Server Error"},
		"what we say":      {fault.New(fault.Conflict, "it is there"), fault.Conflict, "it is there"},
		"what the API ate": {apierrors.NewGenericServerResponse(418, "patch", secret, "a", hidden, 0, true), fault.Unavailable, "teapot"},
	} {
		of, text, single := reason(c.err)
		if of != c.kind || !single || !strings.Contains(text, c.says) || strings.Contains(text, hidden) || strings.Contains(text, "\n") {
			t.Errorf("%s: %s %q", name, of, text)
		}
	}
}

func TestWhatIsAboutTheServerEndsARestore(t *testing.T) {
	t.Parallel()
	secret := schema.GroupResource{Resource: "secrets"}
	s := &step{wanted: &unstructured.Unstructured{Object: map[string]any{"kind": "Secret", "metadata": map[string]any{"name": "a", "namespace": "shop"}}}}
	for name, c := range map[string]struct {
		err  error
		kind fault.Kind
	}{
		"a connection":   {&net.OpError{Op: "dial", Err: errors.New("refused")}, fault.Unavailable},
		"the end":        {context.Canceled, fault.Unavailable},
		"too much to do": {apierrors.NewTooManyRequests("", 1), fault.Unavailable},
		"a time-out":     {apierrors.NewServerTimeout(secret, "patch", 1), fault.Unavailable},
		"a user":         {apierrors.NewUnauthorized(""), fault.Denied},
	} {
		all := &troubles{}
		if err := all.add(s, c.err); !fault.Is(err, c.kind) || !strings.Contains(err.Error(), "Secret shop/a") || all.err("") != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTroublesAreNamedUpToABound(t *testing.T) {
	t.Parallel()
	all := &troubles{}
	if err := all.err("refused"); err != nil {
		t.Fatal(err)
	}
	for range mostTroubles + 5 {
		all.note(fault.Unavailable, "ConfigMap a/b: no")
	}
	all.note(fault.Denied, "Secret a/c: no")
	all.note(fault.Exhausted, "Secret a/c: no")
	err := all.err("refused")
	if !fault.Is(err, fault.Denied) || strings.Count(err.Error(), "a/b") != mostTroubles ||
		!strings.HasPrefix(err.Error(), "27 objects refused: ") || !strings.HasSuffix(err.Error(), "and 7 others") {
		t.Errorf("%s: %v", fault.KindOf(err), err)
	}
	all.unserved(schema.GroupResource{Group: "example.com", Resource: "shops"})
	if err := all.err("refused"); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "shops.example.com") {
		t.Errorf("%s: %v", fault.KindOf(err), err)
	}
}

func TestWhatIsThereBecomesWhatIsWanted(t *testing.T) {
	t.Parallel()
	d := &destination{}
	found := fromYAML(t, typeServices, `
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop, resourceVersion: "7", uid: u, labels: {old: x, app: a}}
spec: {clusterIP: 10.0.0.7, sessionAffinity: ClientIP, selector: {app: a, extra: x}, ports: [{port: 80, nodePort: 30080}]}
status: {loadBalancer: {}}`)
	wanted := fromYAML(t, typeServices, `
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop, labels: {app: a, new: x}}
spec: {selector: {app: a}, ports: [{port: 81}]}`)
	want := fromYAML(t, typeServices, `
apiVersion: v1
kind: Service
metadata: {name: a, namespace: shop, resourceVersion: "7", uid: u, labels: {app: a, new: x}}
spec: {clusterIP: 10.0.0.7, selector: {app: a}, ports: [{port: 81}]}
status: {loadBalancer: {}}`)
	d.converge(&step{of: schema.GroupVersionResource{Version: "v1", Resource: "services"}, wanted: wanted.Body}, found.Body)
	if diff := cmp.Diff(want.Body.Object, found.Body.Object); diff != "" {
		t.Error(diff)
	}
}

func TestCovers(t *testing.T) {
	t.Parallel()
	has := map[string]any{"a": int64(1), "list": []any{map[string]any{"x": "y", "given": true}}, "more": "z"}
	for name, c := range map[string]struct {
		wanted map[string]any
		want   bool
	}{
		"less":            {map[string]any{"a": int64(1), "list": []any{map[string]any{"x": "y"}}}, true},
		"nothing":         {map[string]any{"none": nil}, true},
		"another value":   {map[string]any{"a": int64(2)}, false},
		"a field more":    {map[string]any{"b": int64(1)}, false},
		"a longer list":   {map[string]any{"list": []any{map[string]any{"x": "y"}, "z"}}, false},
		"another in list": {map[string]any{"list": []any{map[string]any{"x": "z"}}}, false},
		"another type":    {map[string]any{"a": map[string]any{"b": "c"}, "list": "x"}, false},
	} {
		if got := covers(has, c.wanted); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestPathsOfChanges(t *testing.T) {
	t.Parallel()
	var paths pathList
	paths.compare("", map[string]any{
		"spec": map[string]any{"replicas": int64(1), "same": "x", "list": []any{map[string]any{"image": hidden}, "gone"}},
		"data": map[string]any{"app.yaml": hidden, "old": hidden},
	}, map[string]any{
		"spec": map[string]any{"replicas": int64(2), "same": "x", "list": []any{map[string]any{"image": "b"}}},
		"data": map[string]any{"app.yaml": "b", "new": hidden},
	})
	want := []string{`data.new`, `data.old`, `data["app.yaml"]`, "spec.list[0].image", "spec.list[1]", "spec.replicas"}
	if diff := cmp.Diff(want, paths.sorted()); diff != "" {
		t.Error(diff)
	}
	for range 3 * mostFields {
		paths.add(strings.Repeat("x", len(paths)+1))
	}
	if n := len(paths.sorted()); n != mostFields {
		t.Errorf("%d paths", n)
	}
}
