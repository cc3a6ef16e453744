//go:build kubernetes

package cnpg_test

import (
	"context"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/managed/managedtest"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func resource(group, name string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: group, Version: "v1", Resource: name}
}

var (
	clusters     = resource("postgresql.cnpg.io", "clusters")
	objectStores = resource("barmancloud.cnpg.io", "objectstores")
	policies     = resource("networking.k8s.io", "networkpolicies")
	secrets      = resource("", "secrets")
	namespaces   = resource("", "namespaces")
	claims       = resource("", "persistentvolumeclaims")
)

func get(t *testing.T, of schema.GroupVersionResource, namespace, name string) map[string]any {
	t.Helper()
	found, err := kube.Client.Resource(of, namespace).Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return found.Object
}

// field is one of an object; nil when it isn't there.
func field(o map[string]any, path string) any {
	value, _, _ := unstructured.NestedFieldNoCopy(o, strings.Split(path, ".")...)
	return value
}

func ask(t *testing.T, u secret.String, statement string, into ...any) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), u.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(t.Context()))
	if len(into) == 0 {
		_, err = conn.Exec(t.Context(), statement)
	} else {
		err = conn.QueryRow(t.Context(), statement).Scan(into...)
	}
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func connect(t *testing.T, service managed.Service, name string) secret.String {
	t.Helper()
	u, err := service.Connect(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// What a copy has, and what it must not have.
func TestACopyIsApartFromItsSource(t *testing.T) {
	t.Parallel()
	d := servers.NewCNPG(t, kube)
	service := open(t, config(d))
	name := "apart-" + d.Server
	managedtest.Restored(t, service, managed.Request{Name: name})

	spec, _ := get(t, clusters, name, name)["spec"].(map[string]any)
	for _, never := range []string{"plugins", "backup", "replica", "postgresql.synchronous"} {
		if value := field(spec, never); value != nil {
			t.Errorf("the copy has spec.%s: %v", never, value)
		}
	}
	for path, want := range map[string]any{
		"instances": int64(1), "imageName": "ghcr.io/cloudnative-pg/postgresql:15.18", "storage.size": "2Gi", "enablePDB": false,
		"bootstrap.recovery.recoveryTarget": nil, "bootstrap.recovery.database": "app", "bootstrap.recovery.owner": "app",
		"postgresql.parameters.max_connections": "60",
	} {
		if diff := cmp.Diff(want, field(spec, path)); diff != "" {
			t.Errorf("spec.%s: %s", path, diff)
		}
	}
	external := []any{map[string]any{"name": field(spec, "bootstrap.recovery.source"), "plugin": map[string]any{
		"name": "barman-cloud.cloudnative-pg.io", "enabled": true, "isWALArchiver": false,
		"parameters": map[string]any{"barmanObjectName": name, "serverName": d.Server},
	}}}
	if diff := cmp.Diff(external, spec["externalClusters"]); diff != "" {
		t.Errorf("spec.externalClusters: %s", diff)
	}
	store := get(t, objectStores, name, name)
	if field(store, "spec.retentionPolicy") != nil {
		t.Error("the copy's ObjectStore has a retention, by which the source's backups would be deleted")
	}
	if got := field(store, "spec.configuration.s3Credentials.accessKeyId.name"); got != name+"-store-login" {
		t.Errorf("the copy's ObjectStore has its key from %v", got)
	}
	login := get(t, secrets, name, name+"-source-app")
	if keys := login["data"].(map[string]any); len(keys) != 2 || keys["username"] == nil || keys["password"] == nil {
		t.Errorf("the copy's login has %d keys: where the source is must not be among them", len(keys))
	}
	isolated(t, name)

	// Whatever the copy writes, the source's folder has nothing of it.
	u := connect(t, service, name)
	var timeline int64
	ask(t, u, "SELECT timeline_id FROM pg_control_checkpoint()", &timeline)
	if reported := field(get(t, clusters, name, name), "status.timelineID"); timeline != 2 || reported != timeline {
		t.Errorf("the copy is on timeline %d, and its status says %v", timeline, reported)
	}
	ask(t, u, "CREATE TABLE written_by_the_copy (n int)")
	ask(t, u, "SELECT pg_switch_wal()")
	ask(t, u, "CHECKPOINT")
	for _, file := range d.Archived() {
		if strings.HasPrefix(file, "00000002") {
			t.Errorf("the copy has archived %s into the folder of its source", file)
		}
	}
}

func isolated(t *testing.T, name string) {
	t.Helper()
	if got := field(get(t, namespaces, "", name), "metadata.labels").(map[string]any)[cluster.LabelEnvironment]; got != name {
		t.Errorf("the namespace is labelled %v", got)
	}
	policy := get(t, policies, name, name)
	if diff := cmp.Diff([]any{"Egress"}, field(policy, "spec.policyTypes")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]any{}, field(policy, "spec.podSelector")); diff != "" {
		t.Errorf("the policy is not for all pods: %s", diff)
	}
	store := map[string]any{"to": []any{map[string]any{"namespaceSelector": map[string]any{
		"matchLabels": map[string]any{"kubernetes.io/metadata.name": "storage"},
	}}}, "ports": []any{map[string]any{"protocol": "TCP", "port": int64(9000)}}}
	rules, _ := field(policy, "spec.egress").([]any)
	if !slices.ContainsFunc(rules, func(r any) bool { return cmp.Equal(r, any(store)) }) {
		t.Errorf("the copy can't reach its object store: %v", rules)
	}
	for _, r := range rules {
		rule, _ := r.(map[string]any)
		if rule["to"] == nil && rule["ports"] == nil {
			t.Error("a rule of the policy lets everything out")
		}
	}
}

// A Cluster that has the source's plugins does what a copy must not: this is
// that the test above would notice.
func TestAClusterWithItsSourcesPluginsArchivesIntoItsFolder(t *testing.T) {
	t.Parallel()
	d := servers.NewCNPG(t, kube)
	service := open(t, config(d))
	name := "rival-" + d.Server
	managedtest.Restored(t, service, managed.Request{Name: name})
	rival := get(t, clusters, name, name)
	spec := rival["spec"].(map[string]any)
	spec["plugins"] = []any{map[string]any{
		"name": "barman-cloud.cloudnative-pg.io", "isWALArchiver": true, "parameters": map[string]any{"barmanObjectName": name, "serverName": d.Server},
	}}
	spec["managed"] = nil
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "spec": spec}}
	o.SetName("rival")
	if _, err := kube.Client.Resource(clusters, name).Create(t.Context(), o, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, "the rival archives its timeline", func() error {
		if slices.ContainsFunc(d.Archived(), func(file string) bool { return strings.HasPrefix(file, "00000002") }) {
			return nil
		}
		return context.DeadlineExceeded
	})
}

// The surface's own URL opens the copy, whoever it is of; so do the copy's Secrets.
func TestWhoConnectsToACopy(t *testing.T) {
	t.Parallel()
	d := servers.NewCNPG(t, kube)
	name := "who-" + d.Server
	base := config(d)
	base.URL = secret.String(strings.Replace(d.PG.URL, "?", "&", 1) + "?sslmode=verify-ca&sslrootcert=" + d.SourceCA())
	managedtest.Restored(t, open(t, base), managed.Request{Name: name})
	ca := get(t, secrets, name, name+"-source-ca")
	if raw, err := base64.StdEncoding.DecodeString(field(ca, "data").(map[string]any)["ca.crt"].(string)); err != nil || !strings.Contains(string(raw), "CERTIFICATE") {
		t.Errorf("the copy has no authority: %v", err)
	}
	for credentials, want := range map[string]string{"": "postgres", managed.CredentialsApp: "app", managed.CredentialsSuperuser: "postgres"} {
		c := base
		c.Credentials = credentials
		var user string
		var encrypted bool
		ask(t, connect(t, open(t, c), name), "SELECT current_user, ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()", &user, &encrypted)
		if user != want || !encrypted {
			t.Errorf("credentials %q connect as %s, encrypted: %t", credentials, user, encrypted)
		}
	}
	// An authority of another cluster is noticed.
	c := base
	c.URL = secret.String(strings.Replace(base.URL.Reveal(), d.SourceCA(), servers.NewCNPG(t, kube).SourceCA(), 1))
	if conn, err := pgx.Connect(t.Context(), connect(t, open(t, c), name).Reveal()); err == nil {
		conn.Close(t.Context())
		t.Error("the copy is taken for one of another authority")
	}
}
