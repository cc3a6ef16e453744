//go:build kubernetes

package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// namespacesConfig is a site that protects one namespace, which its account may
// not read all of.
const namespacesConfig = `listen: %LISTEN%
dataDir: %DATA%
encryption: {identity: IDENTITY}
evidence: {store: primary, key: "EVIDENCEKEY"}
stores:
  primary: {kind: local, dir: %STORE%}
environments:
  dr: {kind: kubernetes, kubeconfig: KUBECONFIG, prefix: "drill-"}
surfaces:
  shop: {kind: kubernetes, kubeconfig: READER, namespaces: [NAMESPACE], environment: dr}
policies:
  shop-hourly: {surface: shop, cron: "0 * * * *", store: primary}
drills:
  shop:
    surfaces: [shop]
    owner: ops@example.com
    targets: {rto: 30m, rpo: 1h}
    # The application never gets ready, so that the drill can be met on its way.
    checks: [{name: never, kind: kubernetes, surface: shop, resource: deployment/absent, retries: 40, interval: 500ms, optional: true}]
`

// TestDrillsOfNamespaces are those that do not go as planned: the account may not
// read everything, the drill is cancelled, the worker is killed. None of them
// leaves a namespace.
func TestDrillsOfNamespaces(t *testing.T) {
	kube := servers.Kubernetes(t)
	namespace := kube.Namespace(t)
	kube.Apply(t, namespace, shopManifests)
	reading := []string{"get", "list"}
	reader := kube.User(t,
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{
			"namespaces", "configmaps", "services", "serviceaccounts", "persistentvolumeclaims", "persistentvolumes", "pods", "endpoints",
		}, Verbs: reading},
		rbacv1.PolicyRule{
			APIGroups: []string{"apps", "networking.k8s.io", "rbac.authorization.k8s.io", "storage.k8s.io", "apiextensions.k8s.io", "scheduling.k8s.io", "node.k8s.io"},
			Resources: []string{"*"}, Verbs: reading,
		})
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	private, _, err := seal.GenerateSigner("lifeboat-evidence")
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, strings.NewReplacer("IDENTITY", identity.Reveal(), "EVIDENCEKEY", private.Reveal(),
		"KUBECONFIG", kube.Kubeconfig, "READER", reader, "NAMESPACE", namespace).Replace(namespacesConfig))
	up := s.start(t, "up")

	var made struct {
		point
		Missing []string
	}
	var p point
	s.ask(t, &p, "snapshot", "create", "shop", "--wait")
	s.ask(t, &made, "snapshot", "show", p.ID)
	if !slices.ContainsFunc(made.Missing, func(line string) bool { return strings.Contains(line, "secrets") }) {
		t.Errorf("the point does not say that it lacks the secrets: %q", made.Missing)
	}
	d := s.drill(t, "shop")
	if d.Verdict != drill.VerdictPartial || !slices.ContainsFunc(d.Findings, func(f drill.Finding) bool { return strings.HasSuffix(f.ID, "/partial-point/shop") }) {
		t.Errorf("a partial point gave the verdict %s, with %+v", d.Verdict, d.Findings)
	}
	s.leftNoNamespace(t, kube)

	cancelled := s.startDrill(t, adminKey, "shop")
	s.standsOn(t, kube)
	eventually(t, time.Minute, "the drill can be cancelled", func() bool {
		status, err := s.try(http.MethodDelete, "/v1/drills/"+cancelled.ID, "", nil)
		return err == nil && status < 300
	})
	if d = s.becomes(t, cancelled.ID, drill.StateClosed); d.Verdict != drill.VerdictAborted {
		t.Errorf("a cancelled drill is %s: %s", d.Verdict, d.Summary)
	}
	s.leftNoNamespace(t, kube)

	killed := s.startDrill(t, adminKey, "shop")
	s.standsOn(t, kube)
	up.Kill()
	s.start(t, "up")
	if d = s.becomes(t, killed.ID, drill.StateAwaiting); d.Verdict != drill.VerdictPartial {
		t.Errorf("a drill whose worker was killed is %s: %s", d.Verdict, d.Summary)
	}
	s.leftNoNamespace(t, kube)
}

// standsOn waits until a drill has restored into a namespace.
func (s *site) standsOn(t *testing.T, kube *servers.KubernetesServer) {
	t.Helper()
	deployments := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	namespaces := schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	eventually(t, time.Minute, "a drill stands on the cluster", func() bool {
		found, err := kube.Client.Dynamic.Resource(namespaces).List(t.Context(), metav1.ListOptions{LabelSelector: cluster.LabelEnvironment})
		if err != nil || len(found.Items) == 0 {
			return false
		}
		restored, err := kube.Client.Dynamic.Resource(deployments).Namespace(found.Items[0].GetName()).List(t.Context(), metav1.ListOptions{})
		return err == nil && len(restored.Items) > 0
	})
}
