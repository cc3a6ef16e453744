//go:build kubernetes

package helm_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	authorization "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"sigs.k8s.io/yaml"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func resource(group, name string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: "v1", Resource: name}
}

// asked are the types that accounts are asked about, by group: what the
// documents speak of, and what nobody should touch.
var asked = map[string][]string{
	"": {
		"pods", "pods/log", "pods/exec", "secrets", "configmaps", "services", "namespaces", "nodes", "nodes/proxy", "persistentvolumes", "persistentvolumeclaims",
		"serviceaccounts", "serviceaccounts/token", "events",
	},
	"apps":                      {"deployments", "statefulsets"},
	"batch":                     {"jobs"},
	"rbac.authorization.k8s.io": {"roles", "rolebindings", "clusterroles", "clusterrolebindings"},
	"networking.k8s.io":         {"networkpolicies"},
	"discovery.k8s.io":          {"endpointslices"},
	"apiextensions.k8s.io":      {"customresourcedefinitions"},
	"postgresql.cnpg.io":        {"clusters", "imagecatalogs", "backups"},
	"barmancloud.cnpg.io":       {"objectstores"},
	"velero.io": {
		"backups", "restores", "schedules", "backupstoragelocations", "downloadrequests", "serverstatusrequests", "podvolumebackups",
		"podvolumerestores", "deletebackuprequests",
	},
}

var verbs = []string{"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "bind", "escalate", "impersonate"}

// may asks the API server whether an account of the release may do something.
func may(t *testing.T, namespace, account, where, group, of, verb string) bool {
	t.Helper()
	client, err := authorization.NewForConfig(kube.Config)
	if err != nil {
		t.Fatal(err)
	}
	name, sub, _ := strings.Cut(of, "/")
	answer, err := client.SubjectAccessReviews().Create(t.Context(), &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:   "system:serviceaccount:" + namespace + ":" + account,
		Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"},
		ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: where, Group: group, Resource: name, Subresource: sub, Verb: verb,
		},
	}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status.Allowed
}

// allowed reports whether rules allow something to anything of a type.
func allowed(rules []rbacv1.PolicyRule, group, of, verb string) bool {
	return slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool {
		has := func(list []string, want string) bool {
			return slices.Contains(list, want) || slices.Contains(list, "*")
		}
		return len(r.ResourceNames) == 0 && has(r.APIGroups, group) && has(r.Resources, of) && has(r.Verbs, verb)
	})
}

func rule(groups, resources, verbs string) rbacv1.PolicyRule {
	group := []string{""}
	if groups != "" {
		group = strings.Fields(groups)
	}
	return rbacv1.PolicyRule{APIGroups: group, Resources: strings.Fields(resources), Verbs: strings.Fields(verbs)}
}

// manual are the first rules in a document after a text.
func manual(t *testing.T, file, begin string) []rbacv1.PolicyRule {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(servers.Root(t), "docs", file))
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), begin)
	_, after, ruled := strings.Cut(after, "rules:")
	block, _, closed := strings.Cut(after, "```")
	var rules []rbacv1.PolicyRule
	if err := yaml.UnmarshalStrict([]byte(block), &rules); err != nil || !found || !closed || !ruled || len(rules) == 0 {
		t.Fatalf("%s has no rules after %q: %v", file, begin, err)
	}
	return rules
}

// install makes what a set of values has of accounts, roles and bindings.
func install(t *testing.T, namespace string, of values) {
	t.Helper()
	prepare(t)
	for _, o := range objects(t, render(t, namespace, of)) {
		if strings.HasPrefix(o.GroupVersionKind().Group, "rbac.") || o.GetKind() == "ServiceAccount" {
			if err := apply(t.Context(), o); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestAccountsMayDoWhatTheManualsSayAndNothingElse asks for every type and verb
// in every namespace, and compares with the manuals' rules.
func TestAccountsMayDoWhatTheManualsSayAndNothingElse(t *testing.T) {
	t.Parallel()
	// Environments may do anything, so that nothing would be seen of the rest.
	install(t, "shop", values{"full", []string{"-f", "ci/full-values.yaml", "--set", "rbac.kubernetes.environments=false"}})
	read := manual(t, "kubernetes.md", "lifeboat-reader}\n")
	copies := manual(t, "cnpg.md", "## What Lifeboat may")
	// The namespace of copies is there already, and stays.
	copies = slices.DeleteFunc(copies, func(r rbacv1.PolicyRule) bool { return slices.Contains(r.Resources, "namespaces") })
	copies = append(copies, rule("", "namespaces", "get"))
	store := []rbacv1.PolicyRule{rule("", "services", "get list"), rule("discovery.k8s.io", "endpointslices", "list")}
	worker := map[string][]rbacv1.PolicyRule{
		// Restores into live namespaces need no delete, by the manual.
		"shop": {
			rule("*", "*", "get list create patch update"), rule("rbac.authorization.k8s.io", "roles", "bind escalate"),
			rule("rbac.authorization.k8s.io", "clusterroles", "bind"),
		},
		"pay": read,
		"velero": {
			rule("velero.io", "backupstoragelocations schedules", "get list create patch delete"), rule("velero.io", "backups restores", "get list create"),
			rule("velero.io", "downloadrequests serverstatusrequests", "get create delete"), rule("velero.io", "podvolumebackups podvolumerestores", "list"),
			rule("", "configmaps", "create delete"), rule("apps", "deployments", "get"),
		},
		"dalp": {rule("*", "*", "list")}, "restores": copies, "default": store, "minio": store, "elsewhere": nil, "": nil,
	}
	api := map[string][]rbacv1.PolicyRule{
		"shop":     {rule("postgresql.cnpg.io", "clusters", "get list"), rule("barmancloud.cnpg.io", "objectstores", "get list")},
		"restores": {rule("postgresql.cnpg.io", "clusters", "get list"), rule("", "services", "get list"), rule("", "secrets", "get")},
	}
	for where := range worker {
		for group, types := range asked {
			for _, of := range types {
				for _, verb := range verbs {
					for account, rules := range map[string][]rbacv1.PolicyRule{"dalp-lifeboat-worker": worker[where], "dalp-lifeboat-apiserver": api[where]} {
						got, want := may(t, "shop", account, where, group, of, verb), allowed(rules, group, of, verb)
						if got != want {
							t.Errorf("%s in %q: %s %s.%s: %t, not %t", account, where, verb, of, group, got, want)
						}
					}
				}
			}
		}
	}
}

// TestRightsOnTheWholeCluster are those of copies that have namespaces of their
// own, and of everything that is read, or made for drills.
func TestRightsOnTheWholeCluster(t *testing.T) {
	t.Parallel()
	install(t, "pay", values{"cnpg", []string{"-f", "ci/cnpg-values.yaml"}})
	copies, read := manual(t, "cnpg.md", "## What Lifeboat may"), manual(t, "kubernetes.md", "lifeboat-reader}\n")
	compare := func(namespace, account string, rules []rbacv1.PolicyRule) {
		t.Helper()
		for group, types := range asked {
			for _, of := range types {
				for _, verb := range verbs {
					if got, want := may(t, namespace, account, "", group, of, verb), allowed(rules, group, of, verb); got != want {
						t.Errorf("%s: %s %s.%s: %t, not %t", account, verb, of, group, got, want)
					}
				}
			}
		}
	}
	compare("pay", "dalp-lifeboat-worker", slices.Concat(copies, read))
	compare("pay", "dalp-lifeboat-apiserver", []rbacv1.PolicyRule{
		rule("postgresql.cnpg.io", "clusters", "get list"), rule("barmancloud.cnpg.io", "objectstores", "get list"),
		rule("", "services", "get list"), rule("", "secrets", "get"),
	})
	install(t, "dalp", values{"environments", []string{"-f", minimal, "--set", "rbac.kubernetes.environments=true"}})
	compare("dalp", "dalp-lifeboat-worker", manual(t, "kubernetes.md", "lifeboat-restorer}\n"))
	compare("dalp", "dalp-lifeboat-apiserver", nil)
	install(t, "minio", values{"volumes", []string{"-f", minimal, "--set", "rbac.kubernetes.volumes=true"}})
	compare("minio", "dalp-lifeboat-worker", []rbacv1.PolicyRule{rule("", "nodes/proxy", "get")})
	install(t, "elsewhere", values{"nothing", []string{"-f", minimal}})
	compare("elsewhere", "dalp-lifeboat-worker", nil)
}
