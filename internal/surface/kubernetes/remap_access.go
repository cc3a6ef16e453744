package kubernetes

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// remapNamespace renames a namespace that is made for a restore.
func remapNamespace(r remapper, body *unstructured.Unstructured) {
	delete(body.Object, "spec")
	name := r.renamed(body.GetName())
	body.SetName(name)
	dropLabels(body, func(label string) bool { return label == labelNamespaceName })
}

// remapAccount leaves out the tokens that the other cluster made.
func remapAccount(_ remapper, body *unstructured.Unstructured) {
	prefix := body.GetName() + "-token-"
	keep(body.Object, "secrets", func(of map[string]any) bool {
		drop(of, "uid", "resourceVersion", "namespace")
		return !strings.HasPrefix(textAt(of, "name"), prefix)
	})
}

// remapSecret leaves out a token that the other cluster has signed: the
// target's own controller fills in a new one.
func remapSecret(_ remapper, body *unstructured.Unstructured) {
	if textAt(body.Object, "type") != secretTypeAccountToken {
		return
	}
	dropAnnotations(body, func(name string) bool { return name == annotationAccountUID })
	data := fieldsOf(body.Object, "data")
	if drop(data, "token", "ca.crt", "namespace"); len(data) == 0 {
		delete(body.Object, "data")
	}
}

// remapClusterRole leaves out rules that the server has gathered from other
// roles. In an environment a role adds nothing to those that people have.
func remapClusterRole(r remapper, body *unstructured.Unstructured) {
	if body.Object["aggregationRule"] != nil {
		delete(body.Object, "rules")
	}
	if r.isolated() {
		dropLabels(body, hasPrefix("rbac.authorization.k8s.io/aggregate-to-"))
	}
}

// remapDefaultClass keeps what is made for an environment from becoming what
// the whole cluster uses by default.
func remapDefaultClass(r remapper, body *unstructured.Unstructured) {
	if r.isolated() {
		dropAnnotations(body, hasPrefix("storageclass.kubernetes.io/is-default-class",
			"storageclass.beta.kubernetes.io/is-default-class", "ingressclass.kubernetes.io/is-default-class"))
	}
}

func remapPriority(r remapper, body *unstructured.Unstructured) {
	if r.isolated() {
		delete(body.Object, "globalDefault")
	}
}
