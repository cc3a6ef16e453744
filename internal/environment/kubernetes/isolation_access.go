package kubernetes

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

var (
	accessReviews       = authorizationv1.SchemeGroupVersion.WithResource("subjectaccessreviews")
	roleBindings        = rbacv1.SchemeGroupVersion.WithResource("rolebindings")
	clusterRoleBindings = rbacv1.SchemeGroupVersion.WithResource("clusterrolebindings")
)

// The prefixes of the names that Kubernetes gives service accounts as users and groups.
const (
	accountUser   = "system:serviceaccount:"
	accountGroups = "system:serviceaccounts"
)

// bindingsOutside are those that give service accounts of the environment rights
// on the cluster, or in a namespace that is not the environment's.
func (e *Environment) bindingsOutside(ctx context.Context, p inspected) ([]string, error) {
	onCluster, err := e.list(ctx, clusterRoleBindings, "", "")
	if err != nil {
		return nil, err
	}
	inNamespaces, err := e.list(ctx, roleBindings, "", "")
	if err != nil {
		return nil, err
	}
	var out []string
	for _, o := range append(onCluster, inNamespaces...) {
		if _, ours := p.copies[o.GetNamespace()]; ours {
			continue
		}
		// A binding on the cluster has the same fields, and no namespace.
		var binding rbacv1.RoleBinding
		if err := convert(o, &binding); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(binding.Subjects, func(s rbacv1.Subject) bool { return isSubject(p, s) }) {
			where := "on the cluster"
			if binding.Namespace != "" {
				where = "in " + binding.Namespace
			}
			out = append(out, fmt.Sprintf("%s %s %s", o.GetKind(), binding.Name, where))
		}
	}
	return out, nil
}

// isSubject reports whether a subject is a service account of the environment, or all of one of its namespaces.
func isSubject(p inspected, s rbacv1.Subject) bool {
	namespace, of := s.Namespace, true
	switch s.Kind {
	case rbacv1.UserKind:
		namespace, of = strings.CutPrefix(s.Name, accountUser)
		namespace, _, _ = strings.Cut(namespace, ":")
	case rbacv1.GroupKind:
		namespace, of = strings.CutPrefix(s.Name, accountGroups+":")
	}
	_, ours := p.copies[namespace]
	return of && ours
}

// asked are the rights that service accounts of the environment are asked for:
// in each live namespace, and on the cluster.
var (
	askedOfNamespaces = []authorizationv1.ResourceAttributes{
		{Verb: "get", Resource: "secrets"},
		{Verb: "list", Resource: "secrets"},
		{Verb: "get", Resource: "configmaps"},
		{Verb: "list", Resource: "pods"},
		{Verb: "create", Resource: "pods"},
		{Verb: "create", Resource: "pods", Subresource: "exec"},
		{Verb: "get", Resource: "services"},
		{Verb: "get", Resource: "persistentvolumeclaims"},
		{Verb: "get", Group: "apps", Resource: "deployments"},
		{Verb: "patch", Group: "apps", Resource: "deployments"},
	}
	askedOfCluster = []authorizationv1.ResourceAttributes{
		{Verb: "list", Resource: "secrets"},
		{Verb: "list", Resource: "pods"},
		{Verb: "get", Resource: "nodes", Subresource: "proxy"},
		{Verb: "delete", Resource: "namespaces"},
		{Verb: "delete", Resource: "persistentvolumes"},
		{Verb: "impersonate", Resource: "users"},
		{Verb: "create", Group: rbacv1.GroupName, Resource: "clusterrolebindings"},
	}
)

// rightsOutside asks the API server what the service accounts of the environment may do.
func (e *Environment) rightsOutside(ctx context.Context, p inspected) ([]string, error) {
	questions := slices.Clone(askedOfCluster)
	for _, live := range slices.Sorted(maps.Values(p.copies)) {
		for _, q := range askedOfNamespaces {
			q.Namespace = live
			questions = append(questions, q)
		}
	}
	return e.each(ctx, p, serviceAccounts, func(account unstructured.Unstructured) ([]string, error) {
		var out []string
		for _, q := range questions {
			may, err := e.may(ctx, account.GetNamespace(), account.GetName(), q)
			if err != nil {
				return nil, err
			}
			if may {
				out = append(out, fmt.Sprintf("%s/%s may %s", account.GetNamespace(), account.GetName(), words(q)))
			}
		}
		return out, nil
	})
}

// words is like "get pods/exec in shop".
func words(q authorizationv1.ResourceAttributes) string {
	what := q.Resource
	if q.Subresource != "" {
		what += "/" + q.Subresource
	}
	if q.Namespace == "" {
		return q.Verb + " " + what + " on the cluster"
	}
	return q.Verb + " " + what + " in " + q.Namespace
}

// may asks whether a service account has a right.
func (e *Environment) may(ctx context.Context, namespace, account string, q authorizationv1.ResourceAttributes) (bool, error) {
	review := &authorizationv1.SubjectAccessReview{
		TypeMeta: metav1.TypeMeta{APIVersion: authorizationv1.SchemeGroupVersion.String(), Kind: "SubjectAccessReview"},
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User:               accountUser + namespace + ":" + account,
			Groups:             []string{accountGroups, accountGroups + ":" + namespace, "system:authenticated"},
			ResourceAttributes: &q,
		},
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(review)
	if err != nil {
		return false, fault.Wrap(fault.Internal, err, "ask for a right")
	}
	answer, err := e.client.Resource(accessReviews, "").Create(ctx, &unstructured.Unstructured{Object: content}, metav1.CreateOptions{})
	if err != nil {
		return false, cluster.Failure(err, "ask for a right")
	}
	may, answered, err := unstructured.NestedBool(answer.Object, "status", "allowed")
	if err != nil || !answered {
		return false, fault.New(fault.Unsupported, "the API server has not answered whether a service account has a right")
	}
	return may, nil
}
