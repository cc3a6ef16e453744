package kubernetes

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// answers are what an API server says, by path; a number is the status of a refusal.
type answers map[string]any

// apiServer answers as one, and counts what it is asked by path.
func apiServer(t *testing.T, a answers, asked func(r *http.Request)) cluster.Config {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked != nil {
			asked(r)
		}
		w.Header().Set("Content-Type", "application/json")
		switch answer := a[r.URL.Path].(type) {
		case nil:
			fmt.Fprint(w, `{"metadata":{},"items":[]}`)
		case int:
			w.WriteHeader(answer)
			fmt.Fprintf(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","message":"no","code":%d}`, answer)
		default:
			if err := json.NewEncoder(w).Encode(answer); err != nil {
				t.Error(err)
			}
		}
	}))
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := "apiVersion: v1\nkind: Config\ncurrent-context: x\nclusters: [{name: x, cluster: {server: \"" + s.URL + "\"}}]\n" +
		"users: [{name: x, user: {}}]\ncontexts: [{name: x, context: {cluster: x, user: x}}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return cluster.Config{Kubeconfig: file}
}

type object = map[string]any

func list(items ...any) any { return object{"metadata": object{}, "items": items} }

// pod is one of an owner, with its restarts.
func pod(name, ownerKind, owner, hash string, ready bool, restarts int, more ...object) any {
	meta := object{"name": name, "namespace": "shop", "labels": object{}}
	if hash != "" {
		meta["labels"] = object{"pod-template-hash": hash}
	}
	if owner != "" {
		meta["ownerReferences"] = []any{object{"kind": ownerKind, "name": owner, "controller": true}}
	}
	phase := "Running"
	spec := object{"nodeName": "node-1"}
	for _, m := range more {
		if p, ok := m["phase"].(string); ok {
			phase = p
		}
		if c, ok := m["claim"].(string); ok {
			spec["volumes"] = []any{object{"persistentVolumeClaim": object{"claimName": c}}, object{"emptyDir": object{}}}
		}
	}
	is := map[bool]string{true: "True", false: "False"}[ready]
	return object{"metadata": meta, "spec": spec, "status": object{
		"phase": phase, "conditions": []any{object{"type": "Ready", "status": is}},
		"initContainerStatuses": []any{object{"restartCount": 1}}, "containerStatuses": []any{object{"restartCount": restarts}},
	}}
}

func sized(name string, spec, is object) any {
	return object{"metadata": object{"name": name, "namespace": "shop"}, "spec": spec, "status": is}
}

func shop(t *testing.T, c cluster.Config, namespaces ...string) *Surface {
	t.Helper()
	s, err := New("apps", surface.Config{Kind: Kind, Cluster: surface.Cluster{Config: c, Namespaces: namespaces}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPodsOfWorkloads(t *testing.T) {
	t.Parallel()
	at := apiServer(t, answers{
		"/apis/apps/v1/namespaces/shop/deployments": list(
			sized("api", object{"replicas": 3}, object{"availableReplicas": 2}), sized("idle", object{"replicas": 0}, object{}),
			sized("surging", object{}, object{"availableReplicas": 2})),
		"/apis/apps/v1/namespaces/shop/statefulsets": list(sized("db", object{"replicas": 1}, object{"availableReplicas": 1})),
		"/apis/apps/v1/namespaces/shop/daemonsets":   list(sized("agent", object{}, object{"desiredNumberScheduled": 4, "numberAvailable": 3})),
		"/api/v1/namespaces/shop/pods": list(
			pod("api-5c-a", "ReplicaSet", "api-5c", "5c", true, 2), pod("api-5c-b", "ReplicaSet", "api-5c", "5c", false, 7),
			pod("db-0", "StatefulSet", "db", "", true, 0), pod("old", "ReplicaSet", "by-hand", "", true, 0),
			pod("pg-1", "Cluster", "pg", "", true, 0), pod("pg-2", "Cluster", "pg", "", false, 0),
			pod("nightly-28000001-x", "Job", "nightly-28000001", "", false, 3, object{"phase": "Succeeded"}),
			pod("nightly-28000002-x", "Job", "nightly-28000002", "", false, 4), pod("once-x", "Job", "once", "", false, 0),
			pod("alone", "", "", "", true, 0)),
	}, nil)
	found, err := shop(t, at, "shop").Observe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range found.Pods {
		got = append(got, fmt.Sprintf("%s/%s %d/%d %d", p.Namespace, p.Workload, p.Available, p.Wanted, p.Restarts))
	}
	want := []string{
		"shop/cluster/pg 1/2 2", "shop/cronjob/nightly 0/0 9", "shop/daemonset/agent 3/4 0", "shop/deployment/api 2/3 11", "shop/deployment/idle 0/0 0",
		"shop/deployment/surging 1/1 0", "shop/job/once 0/0 1", "shop/pod/alone 1/1 1", "shop/replicaset/by-hand 1/1 1", "shop/statefulset/db 1/1 1",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// tlsSecret is a secret with a certificate.
func tlsSecret(t *testing.T, name string) any {
	t.Helper()
	certFile, _ := servers.Certificate(t)
	raw, err := os.ReadFile(certFile)
	if err != nil {
		t.Fatal(err)
	}
	return object{"metadata": object{"name": name, "namespace": "shop"}, "data": object{"tls.crt": base64.StdEncoding.EncodeToString(raw), "tls.key": "c2VjcmV0"}}
}

// TestCertificatesAndVolumes also looks a second time, which asks for neither again.
func TestCertificatesAndVolumes(t *testing.T) {
	t.Parallel()
	const summaryPath = "/api/v1/nodes/node-1/proxy/stats/summary"
	volume := func(namespace, name string, used, available int64) object {
		return object{"volume": []any{object{"usedBytes": 1, "availableBytes": 1}, object{
			"usedBytes": used, "availableBytes": available, "capacityBytes": used + available + 5, "pvcRef": object{"name": name, "namespace": namespace},
		}}}
	}
	var secrets, summaries atomic.Int32
	at := apiServer(t, answers{
		"/api/v1/namespaces/shop/secrets": list(tlsSecret(t, "www"),
			object{"metadata": object{"name": "damaged", "namespace": "shop"}, "data": object{"tls.crt": "bm9uZQ=="}},
			object{"metadata": object{"name": "empty", "namespace": "shop"}, "data": object{}}),
		"/api/v1/namespaces/shop/pods": list(pod("db-0", "StatefulSet", "db", "", true, 0, object{"claim": "data-db-0"})),
		summaryPath:                    object{"pods": []any{volume("shop", "data-db-0", 85, 15), volume("else", "data-db-0", 1, 1)}},
	}, func(r *http.Request) {
		switch r.URL.Path {
		case "/api/v1/namespaces/shop/secrets":
			secrets.Add(1)
			if r.URL.Query().Get("fieldSelector") != "type=kubernetes.io/tls" {
				t.Errorf("other secrets are read, too: %s", r.URL)
			}
		case summaryPath:
			summaries.Add(1)
		}
	})
	s := shop(t, at, "shop")
	for range 2 {
		found, err := s.Observe(t.Context())
		if !fault.Is(err, fault.Corrupt) || !strings.Contains(err.Error(), "shop/damaged") {
			t.Errorf("of the damaged certificate it is said: %v", err)
		}
		if len(found.Certificates) != 1 || found.Certificates[0].Where != "shop/www" || found.Certificates[0].Subject != "CN=localhost" || found.Certificates[0].NotAfter.IsZero() {
			t.Errorf("certificates: %+v", found.Certificates)
		}
		want := status.Disk{Where: "shop/data-db-0", What: "volume", Used: 85, Size: 100}
		if len(found.Disks) != 1 || found.Disks[0] != want {
			t.Errorf("volumes: %+v", found.Disks)
		}
	}
	if secrets.Load() != 1 || summaries.Load() != 1 {
		t.Errorf("secrets were listed %d times and the kubelet asked %d times", secrets.Load(), summaries.Load())
	}
}

func TestMissingRightsAreTold(t *testing.T) {
	t.Parallel()
	at := apiServer(t, answers{
		"/api/v1/namespaces/shop/secrets":            http.StatusForbidden,
		"/api/v1/namespaces/shop/pods":               list(pod("db-0", "StatefulSet", "db", "", true, 0, object{"claim": "data-db-0"})),
		"/api/v1/nodes/node-1/proxy/stats/summary":   http.StatusForbidden,
		"/apis/apps/v1/namespaces/hidden/daemonsets": http.StatusForbidden,
	}, nil)
	found, err := shop(t, at, "shop").Observe(t.Context())
	if !fault.Is(err, fault.Denied) || len(found.Pods) != 1 {
		t.Fatalf("%v, %+v", err, found)
	}
	if text := err.Error(); !strings.Contains(text, "list the secrets of namespace shop") || strings.Contains(text, "node") {
		t.Errorf("it says %q", text)
	}
	if found, err := shop(t, at, "hidden").Observe(t.Context()); !fault.Is(err, fault.Denied) || len(found.Pods) != 0 {
		t.Errorf("%v, %+v", err, found)
	}
}

func TestEnvironmentsAreNoneOfTheSurfaces(t *testing.T) {
	t.Parallel()
	at := apiServer(t, answers{
		"/api/v1/namespaces": list(object{"metadata": object{"name": "shop"}},
			object{"metadata": object{"name": "drill-1", "labels": object{cluster.LabelEnvironment: "1"}}}),
	}, func(r *http.Request) {
		if strings.Contains(r.URL.Path, "drill-1") {
			t.Errorf("an environment is looked at: %s", r.URL)
		}
	})
	if _, err := shop(t, at, "*").Observe(t.Context()); err != nil {
		t.Error(err)
	}
}
