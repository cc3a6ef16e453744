//go:build kubernetes

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// cnpgConfig is a site whose database CloudNativePG runs.
const cnpgConfig = `listen: %LISTEN%
dataDir: %DATA%
encryption: {identity: IDENTITY}
evidence: {store: primary, key: "EVIDENCEKEY"}
stores:
  primary: {kind: local, dir: %STORE%}
surfaces:
  main:
    kind: postgres
    url: "POSTGRES"
    managed: {kind: cnpg, instance: INSTANCE, kubeconfig: KUBECONFIG, namespace: NAMESPACE, service: NodePort, address: "HOST:{port}"}
drills:
  cluster:
    surfaces: [main]
    owner: ops@example.com
    targets: {rto: 30m, rpo: 1h}
    checks: [{name: rows, kind: sql, surface: main, query: "SELECT count(*) FROM kept", expect: "2"}]
`

// TestCloudNativePGRestoresInADrill has CloudNativePG restore a database, by hand
// and in a drill, which checks the copy and deletes it.
func TestCloudNativePGRestoresInADrill(t *testing.T) {
	kube := servers.Kubernetes(t)
	source := servers.NewCNPG(t, kube)
	source.SQL("CREATE TABLE kept AS SELECT n FROM generate_series(1, 2) n")
	source.Archive()
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	private, _, err := seal.GenerateSigner("lifeboat-evidence")
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t, strings.NewReplacer("IDENTITY", identity.Reveal(), "EVIDENCEKEY", private.Reveal(), "POSTGRES", source.PG.URL,
		"INSTANCE", servers.CNPGInstance, "KUBECONFIG", source.Kubeconfig, "NAMESPACE", source.Namespace, "HOST", source.Host).Replace(cnpgConfig))
	s.start(t, "up")

	var status struct {
		Earliest, Latest time.Time
		Alarms           []string
	}
	s.ask(t, &status, "pitr", "status", "main")
	if status.Earliest.IsZero() || status.Latest.Before(status.Earliest) {
		t.Errorf("the window is %+v", status)
	}
	var back managedServer
	s.ask(t, &back, "pitr", "restore", "main", "--at", "latest")
	if n := text(t, back.URL, "SELECT count(*) FROM kept"); back.Provider != "cnpg" || n != "2" {
		t.Errorf("restored by %s, with %s rows", back.Provider, n)
	}
	s.ask(t, new(struct{}), "pitr", "delete", "main", back.ID)

	d := s.drill(t, "cluster")
	if d.Verdict != drill.VerdictPass {
		t.Errorf("the verdict is %s: %s\n%+v", d.Verdict, d.Summary, d.Findings)
	}
	if r := d.Evidence.Surfaces[0]; r.PointKind != "managed" || r.Reached.IsZero() || r.ReachedBy == "" {
		t.Errorf("the record says of the restore %+v", r)
	}
	if !slices.ContainsFunc(d.Evidence.Isolation.Limits, func(limit string) bool { return strings.Contains(limit, "provider") }) {
		t.Errorf("the limits are %q", d.Evidence.Isolation.Limits)
	}
	s.leftNoNamespace(t, kube)
}
