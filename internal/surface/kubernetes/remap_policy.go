package kubernetes

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
)

// labelNamespaceName is on every namespace, with its name.
const labelNamespaceName = "kubernetes.io/metadata.name"

// policyRules are where a NetworkPolicy has its rules, and where each of those has its peers.
var policyRules = [][2]string{{"ingress", "from"}, {"egress", "to"}}

// remapPolicy renames the namespaces that a NetworkPolicy names. Policies add
// up, so that in an environment one that lets something in or out would undo the
// environment's own: there, peers are left that are in the environment only.
func remapPolicy(r remapper, body *unstructured.Unstructured) {
	spec := fieldsOf(body.Object, "spec")
	for _, selector := range namespaceSelectors(spec) {
		r.selectNamespaces(selector)
	}
	if !r.isolated() {
		return
	}
	narrow(spec, r.has)
	for _, selector := range namespaceSelectors(spec) {
		by := fieldsOf(selector, "matchLabels")
		if by[labelNamespaceName] != nil {
			continue
		}
		if by == nil {
			by = map[string]any{}
			selector["matchLabels"] = by
		}
		by[cluster.LabelEnvironment] = r.ID
	}
}

// namespaceSelectors are those of a NetworkPolicy's peers.
func namespaceSelectors(spec map[string]any) []map[string]any {
	var out []map[string]any
	for _, of := range policyRules {
		for _, rule := range mapsOf(spec, of[0]) {
			for _, peer := range mapsOf(rule, of[1]) {
				if selector := fieldsOf(peer, "namespaceSelector"); selector != nil {
					out = append(out, selector)
				}
			}
		}
	}
	return out
}

// narrow leaves of a NetworkPolicy's peers those that pods of own namespaces can
// be: no blocks of addresses, and no namespace of another name. A rule for
// everybody becomes one for every namespace; one of which no peer is left goes.
func narrow(spec map[string]any, own func(namespace string) bool) {
	for _, of := range policyRules {
		for _, rule := range mapsOf(spec, of[0]) {
			if len(listAt(rule, of[1])) == 0 {
				rule[of[1]] = []any{map[string]any{"namespaceSelector": map[string]any{}}}
			}
			keep(rule, of[1], func(peer map[string]any) bool {
				name := textAt(peer, "namespaceSelector", "matchLabels", labelNamespaceName)
				return peer["ipBlock"] == nil && (name == "" || own(name))
			})
		}
		keep(spec, of[0], func(rule map[string]any) bool { return len(listAt(rule, of[1])) > 0 })
	}
}

// normalisePolicy calls the namespaces as the point does, and leaves of the
// peers what an environment has of them.
func normalisePolicy(body map[string]any, names map[string]string) {
	if names == nil {
		return
	}
	back, point := remapper{}, remapper{}
	back.Namespaces, point.Namespaces = names, map[string]string{}
	for _, name := range names {
		point.Namespaces[name] = name
	}
	spec := fieldsOf(body, "spec")
	for _, selector := range namespaceSelectors(spec) {
		back.selectNamespaces(selector)
		by := fieldsOf(selector, "matchLabels")
		if delete(by, cluster.LabelEnvironment); len(by) == 0 {
			delete(selector, "matchLabels")
		}
	}
	narrow(spec, point.has)
}

// selectNamespaces renames the namespaces in a selector that names them.
func (r remapper) selectNamespaces(selector map[string]any) {
	if by := fieldsOf(selector, "matchLabels"); by[labelNamespaceName] != nil {
		by[labelNamespaceName] = r.renamed(textAt(by, labelNamespaceName))
	}
	for _, expression := range mapsOf(selector, "matchExpressions") {
		if expression["key"] != labelNamespaceName {
			continue
		}
		values := listAt(expression, "values")
		for i, value := range values {
			if name, is := value.(string); is {
				values[i] = r.renamed(name)
			}
		}
	}
}

// renamed is the target's name of a namespace that something refers to; one
// that the place does not have keeps its own.
func (r remapper) renamed(namespace string) string {
	if to, named := r.Namespaces[namespace]; named {
		return to
	}
	return namespace
}

// has reports whether a namespace is, by its name in the target, one of the place's.
func (r remapper) has(namespace string) bool {
	for _, own := range r.Namespaces {
		if own == namespace {
			return true
		}
	}
	return false
}
