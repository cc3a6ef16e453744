package kubernetes

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
)

const (
	// accountsUser begins the name that a service account has as a user.
	accountsUser = "system:serviceaccount:"
	// maxName is how long the name of a binding may be.
	maxName = 253
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

// remapBinding renames the namespaces of subjects. In an environment, a binding
// for the whole cluster has a name of its own, and binds the environment's
// service accounts alone; it has no subjects left where there are none.
func remapBinding(r remapper, body *unstructured.Unstructured) {
	for _, subject := range mapsOf(body.Object, "subjects") {
		r.remapSubject(subject)
	}
	if !r.isolated() || body.GetNamespace() != "" {
		return
	}
	keep(body.Object, "subjects", r.isOurs)
	body.SetName(bindingName(body.GetName(), r.ID))
	labels := body.GetLabels()
	if labels == nil {
		labels = map[string]string{}
	}
	labels[cluster.LabelEnvironment] = r.ID
	body.SetLabels(labels)
}

// bindingName is the name that a binding for the whole cluster has in an environment.
func bindingName(name, id string) string {
	return shortName(name, maxName-len(id)-1) + "-" + id
}

func (r remapper) remapSubject(subject map[string]any) {
	switch name := textAt(subject, "name"); textAt(subject, "kind") {
	case "ServiceAccount":
		if namespace := textAt(subject, "namespace"); namespace != "" {
			subject["namespace"] = r.renamed(namespace)
		}
	case "Group":
		if namespace, is := strings.CutPrefix(name, accountsGroup); is {
			subject["name"] = accountsGroup + r.renamed(namespace)
		}
	case "User":
		rest, is := strings.CutPrefix(name, accountsUser)
		if namespace, account, two := strings.Cut(rest, ":"); is && two {
			subject["name"] = accountsUser + r.renamed(namespace) + ":" + account
		}
	}
}

// isOurs reports whether a subject, already renamed, is a service account of the environment.
func (r remapper) isOurs(subject map[string]any) bool {
	namespace := textAt(subject, "namespace")
	switch name := textAt(subject, "name"); textAt(subject, "kind") {
	case "ServiceAccount":
	case "Group":
		namespace, _ = strings.CutPrefix(name, accountsGroup)
	case "User":
		rest, _ := strings.CutPrefix(name, accountsUser)
		namespace, _, _ = strings.Cut(rest, ":")
	default:
		return false
	}
	for _, own := range r.Namespaces {
		if own == namespace {
			return true
		}
	}
	return false
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
