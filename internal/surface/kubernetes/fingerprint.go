package kubernetes

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// ofCluster stands for the namespace in the names of entries that have none.
const ofCluster = "-"

// comparedOfCluster are the types of the cluster that a restore sees to, and
// whether what is in them must be as in the point. It must not be where the
// cluster had them before: they are not the surface's alone.
var comparedOfCluster = map[schema.GroupResource]bool{
	typeNamespaces:      false,
	typeDefinitions:     false,
	typePriorities:      false,
	typeIngressClasses:  false,
	typeClusterRoles:    false,
	typeClusterBindings: true,
}

// entryName is NAMESPACE/RESOURCE.GROUP/NAME.
func entryName(o Object) string {
	return cmp.Or(o.Namespace, ofCluster) + "/" + o.Resource.String() + "/" + o.Name
}

// parseEntry reads what entryName has written; nothing of it is a body.
func parseEntry(name string) (Object, bool) {
	namespace, rest, _ := strings.Cut(name, "/")
	resource, name, ok := strings.Cut(rest, "/")
	if namespace == ofCluster {
		namespace = ""
	}
	return Object{Resource: schema.ParseGroupResource(resource), Namespace: namespace, Name: name}, ok
}

// entryOf is what a fingerprint says of an object, whose namespace and name are
// the point's. It uses up the body. The digest is over what normalise leaves,
// and followed by the labels, by which a restore may be limited.
func entryOf(o Object, names map[string]string) (surface.Entry, error) {
	out := surface.Entry{Kind: category(o.Resource), Name: entryName(o), Count: 1}
	if o.Namespace == "" && !comparedOfCluster[o.Resource] {
		return out, nil
	}
	left := normalise(o.Resource, o.Body.Object, names)
	given := (&unstructured.Unstructured{Object: left}).GetLabels()
	text, err := encode(left)
	if err != nil {
		return out, fault.Wrap(fault.Internal, err, "digest %s", o)
	}
	out.Digest = strings.TrimSpace(seal.DigestOf(text) + " " + labels.Set(given).String())
	return out, nil
}

// labelsOf are those that entryOf has written into a digest.
func labelsOf(digest string) map[string]string {
	_, text, _ := strings.Cut(digest, " ")
	out := map[string]string{}
	for pair := range strings.SplitSeq(text, ",") {
		if name, value, two := strings.Cut(pair, "="); two {
			out[name] = value
		}
	}
	return out
}

// Scope implements surface.Scoper. What belongs to the cluster is in the scope
// of a limited restore only where its type is named, and what is restored only
// by name is in no other one's.
func (s *Surface) Scope(f surface.Fingerprint, sel surface.Selection) surface.Fingerprint {
	by, err := newSelector(sel)
	if err != nil {
		return f
	}
	var out surface.Fingerprint
	for _, e := range f {
		o, ok := parseEntry(e.Name)
		o.Body = &unstructured.Unstructured{Object: map[string]any{}}
		o.Body.SetLabels(labelsOf(e.Digest))
		if ok && by.has(o) && (o.Namespace != "" || sel.All() || len(sel.Resources) > 0) {
			out = append(out, e)
		}
	}
	return out
}
