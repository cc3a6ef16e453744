package check_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/lifeboat-dr/lifeboat/internal/check"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const token = "a-bearer-tok3n"

// apiServer speaks the part of Kubernetes's REST API that checks ask, over TLS
// and to those with the token. It is no API server: what it says is put into it,
// object by object, as an API server would say it.
type apiServer struct {
	*httptest.Server
	mu sync.Mutex
	// objects are by path; pages are the pages of lists by path with their selector.
	objects map[string]string
	pages   map[string][]string
	asked   []string
}

func newAPIServer(t *testing.T) *apiServer {
	t.Helper()
	a := &apiServer{objects: map[string]string{}, pages: map[string][]string{}}
	a.Server = httptest.NewUnstartedServer(a)
	a.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	a.StartTLS()
	t.Cleanup(a.Close)
	return a
}

func (a *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, r.Method)
	w.Header().Set("Content-Type", "application/json")
	query := r.URL.Query()
	if r.Header.Get("Authorization") != "Bearer "+token {
		a.refuse(w, http.StatusUnauthorized, metav1.StatusReasonUnauthorized, "Unauthorized")
	} else if strings.HasSuffix(r.URL.Path, "/forbidden") {
		a.refuse(w, http.StatusForbidden, metav1.StatusReasonForbidden, `deployments.apps "forbidden" is forbidden: User "joe" cannot get it`)
	} else if pages, found := a.pages[r.URL.Path+"?"+query.Get("labelSelector")]; found {
		page := 0
		fmt.Sscan(query.Get("continue"), &page)
		meta := ""
		if page+1 < len(pages) {
			meta = fmt.Sprintf(`"continue":"%d"`, page+1)
		}
		fmt.Fprintf(w, `{"apiVersion":"v1","kind":"List","metadata":{%s},"items":[%s]}`, meta, pages[page])
	} else if object, found := a.objects[r.URL.Path]; found {
		fmt.Fprint(w, object)
	} else {
		a.refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound, r.URL.Path+" not found")
	}
}

func (a *apiServer) refuse(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
		Message: message, Reason: reason, Code: int32(code),
	})
}

// kubeconfig writes one whose current context is in the namespace shop, and
// whose context other is in the namespace other.
func (a *apiServer) kubeconfig(t *testing.T, server, bearer string) string {
	t.Helper()
	config := api.NewConfig()
	config.Clusters["c"] = &api.Cluster{Server: server, CertificateAuthorityData: pemOf(a.Certificate())}
	config.AuthInfos["joe"] = &api.AuthInfo{Token: bearer}
	config.Contexts["shop"] = &api.Context{Cluster: "c", AuthInfo: "joe", Namespace: "shop"}
	config.Contexts["other"] = &api.Context{Cluster: "c", AuthInfo: "joe", Namespace: "other"}
	config.CurrentContext = "shop"
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*config, file); err != nil {
		t.Fatal(err)
	}
	return file
}

// put says what the server has at a path: an object of a kind with what is given of it.
func (a *apiServer) put(path, version, kind, rest string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.objects[path] = object(version, kind, path[strings.LastIndexByte(path, '/')+1:], rest)
}

func object(version, kind, name, rest string) string {
	return fmt.Sprintf(`{"apiVersion":%q,"kind":%q,"metadata":{"name":%q,"namespace":"shop","generation":3,
		"uid":"5e4a","resourceVersion":"91","creationTimestamp":"2026-01-01T00:00:00Z"},%s}`, version, kind, name, rest)
}

const (
	shopApps  = "/apis/apps/v1/namespaces/shop/"
	shopCore  = "/api/v1/namespaces/shop/"
	shopBatch = "/apis/batch/v1/namespaces/shop/"
	readyPod  = `"status":{"phase":"Running","conditions":[{"type":"PodScheduled","status":"True"},{"type":"Ready","status":"True"}],
		"containerStatuses":[{"name":"api","ready":true,"restartCount":0,"image":"i","imageID":"","state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}}}]}`
	crashingPod = `"status":{"phase":"Running","conditions":[{"type":"Ready","status":"False"}],"containerStatuses":[
		{"name":"api","ready":false,"restartCount":9,"image":"i","imageID":"","state":{"waiting":{"reason":"CrashLoopBackOff"}}},
		{"name":"proxy","ready":false,"restartCount":0,"image":"i","imageID":"","state":{"running":{}}}]}`
	donePod = `"status":{"phase":"Succeeded","conditions":[{"type":"Ready","status":"False","reason":"PodCompleted"}]}`
)

func TestKubernetesWorkloads(t *testing.T) {
	t.Parallel()
	a := newAPIServer(t)
	r := &check.Runner{DrillID: "D-1"}
	kubeconfig := a.kubeconfig(t, a.URL, token)
	for n, c := range []struct {
		kind, path, version, object, rest string
		want                              want
	}{
		{"deployment", shopApps + "deployments/", "apps/v1", "Deployment",
			`"spec":{"replicas":2},"status":{"observedGeneration":3,"replicas":2,"updatedReplicas":2,"readyReplicas":2,"availableReplicas":2}`,
			pass("2 of 2 replicas available, 2 updated")},
		{"deploy", shopApps + "deployments/", "apps/v1", "Deployment",
			`"spec":{},"status":{"observedGeneration":3,"replicas":1,"updatedReplicas":1,"readyReplicas":1,"availableReplicas":1}`,
			pass("1 of 1 replicas available")},
		{"deployment", shopApps + "deployments/", "apps/v1", "Deployment",
			`"spec":{"replicas":2},"status":{"observedGeneration":2,"replicas":2,"updatedReplicas":2,"availableReplicas":2}`,
			fail("its controller has not seen its last change yet")},
		{"deployment", shopApps + "deployments/", "apps/v1", "Deployment",
			`"spec":{"replicas":0},"status":{"observedGeneration":3}`, fail("no replica is wanted")},
		{"deployment", shopApps + "deployments/", "apps/v1", "Deployment",
			`"spec":{"replicas":3},"status":{"observedGeneration":3,"replicas":3,"updatedReplicas":1,"availableReplicas":3}`,
			fail("1 of 3 replicas are updated")},
		{"deployment", shopApps + "deployments/", "apps/v1", "Deployment",
			`"spec":{"replicas":3},"status":{"observedGeneration":3,"replicas":4,"updatedReplicas":3,"availableReplicas":4}`,
			fail("1 old replicas are not gone yet")},
		{"deployment", shopApps + "deployments/", "apps/v1", "Deployment",
			`"spec":{"replicas":3},"status":{"observedGeneration":3,"replicas":3,"updatedReplicas":3,"availableReplicas":1}`,
			want{drill.Fail, "", "ready", "1 of 3 replicas available, 3 updated", "1 of 3 replicas are available"}},
		{"deployment", shopApps + "deployments/", "apps/v1", "Deployment",
			`"spec":{"replicas":3},"status":{"observedGeneration":3,"replicas":3,"updatedReplicas":3,"availableReplicas":3,"conditions":[
				{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded","message":"it has timed out"}]}`,
			fail("it has timed out")},

		{"statefulset", shopApps + "statefulsets/", "apps/v1", "StatefulSet",
			`"spec":{"replicas":2,"updateStrategy":{"type":"RollingUpdate"}},"status":{"observedGeneration":3,"replicas":2,"readyReplicas":2,
				"updatedReplicas":2,"currentRevision":"b","updateRevision":"b"}`, pass("2 of 2 replicas ready, 2 updated")},
		{"sts", shopApps + "statefulsets/", "apps/v1", "StatefulSet",
			`"spec":{"replicas":2},"status":{"observedGeneration":3,"replicas":2,"readyReplicas":1,"updatedReplicas":2}`, fail("1 of 2 replicas are ready")},
		{"statefulset", shopApps + "statefulsets/", "apps/v1", "StatefulSet",
			`"spec":{"replicas":2},"status":{"observedGeneration":3,"readyReplicas":2,"updatedReplicas":1,"currentRevision":"a","updateRevision":"b"}`,
			fail("1 of 2 replicas are updated")},
		{"statefulset", shopApps + "statefulsets/", "apps/v1", "StatefulSet",
			`"spec":{"replicas":2,"updateStrategy":{"type":"OnDelete"}},"status":{"observedGeneration":3,"readyReplicas":2,"currentRevision":"a","updateRevision":"b"}`,
			pass("2 of 2 replicas ready")},
		{"statefulset", shopApps + "statefulsets/", "apps/v1", "StatefulSet",
			`"spec":{"replicas":3,"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":2}}},
				"status":{"observedGeneration":3,"readyReplicas":3,"updatedReplicas":1,"currentRevision":"a","updateRevision":"b"}`, pass("3 of 3")},
		{"statefulset", shopApps + "statefulsets/", "apps/v1", "StatefulSet",
			`"spec":{"replicas":3,"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":1}}},
				"status":{"observedGeneration":3,"readyReplicas":3,"updatedReplicas":1,"currentRevision":"a","updateRevision":"b"}`, fail("1 of 2 replicas are updated")},
		{"statefulset", shopApps + "statefulsets/", "apps/v1", "StatefulSet", `"spec":{"replicas":0},"status":{"observedGeneration":3}`, fail("no replica is wanted")},
		{"statefulset", shopApps + "statefulsets/", "apps/v1", "StatefulSet", `"spec":{"replicas":1},"status":{}`, fail("its controller has not seen")},

		{"daemonset", shopApps + "daemonsets/", "apps/v1", "DaemonSet",
			`"spec":{},"status":{"observedGeneration":3,"desiredNumberScheduled":3,"numberAvailable":3,"updatedNumberScheduled":3}`, pass("3 of 3 pods available")},
		{"ds", shopApps + "daemonsets/", "apps/v1", "DaemonSet",
			`"spec":{},"status":{"observedGeneration":3,"desiredNumberScheduled":3,"numberAvailable":2,"updatedNumberScheduled":3}`, fail("2 of 3 pods are available")},
		{"daemonset", shopApps + "daemonsets/", "apps/v1", "DaemonSet",
			`"spec":{},"status":{"observedGeneration":3,"desiredNumberScheduled":3,"numberAvailable":3,"updatedNumberScheduled":2}`, fail("2 of 3 pods are updated")},
		{"daemonset", shopApps + "daemonsets/", "apps/v1", "DaemonSet",
			`"spec":{"updateStrategy":{"type":"OnDelete"}},"status":{"observedGeneration":3,"desiredNumberScheduled":3,"numberAvailable":3}`, pass("3 of 3")},
		{"daemonset", shopApps + "daemonsets/", "apps/v1", "DaemonSet", `"spec":{},"status":{"observedGeneration":3}`, fail("no node is to run it")},
		{"daemonset", shopApps + "daemonsets/", "apps/v1", "DaemonSet", `"spec":{},"status":{}`, fail("its controller has not seen")},

		{"pod", shopCore + "pods/", "v1", "Pod", readyPod, pass("Running, ready")},
		{"po", shopCore + "pods/", "v1", "Pod", crashingPod, fail("its phase is Running, container api: CrashLoopBackOff, container proxy is not ready")},
		{"pod", shopCore + "pods/", "v1", "Pod", `"status":{"phase":"Pending"}`, fail("its phase is Pending")},
		{"pod", shopCore + "pods/", "v1", "Pod", donePod, fail("its phase is Succeeded")},

		{"job", shopBatch + "jobs/", "batch/v1", "Job",
			`"status":{"succeeded":1,"conditions":[{"type":"Complete","status":"True"}]}`, pass("1 succeeded, 0 failed, 0 active")},
		{"job", shopBatch + "jobs/", "batch/v1", "Job", `"status":{"active":1,"conditions":[{"type":"Complete","status":"False"}]}`, fail("it has not completed")},
		{"job", shopBatch + "jobs/", "batch/v1", "Job",
			`"status":{"failed":7,"conditions":[{"type":"Failed","status":"True","reason":"BackoffLimitExceeded","message":"it has reached the limit"}]}`,
			fail("it has failed: BackoffLimitExceeded it has reached the limit")},

		{"node", "/api/v1/nodes/", "v1", "Node", `"status":{"conditions":[{"type":"DiskPressure","status":"False"},{"type":"Ready","status":"True"}]}`, pass("Ready is True")},
		{"node", "/api/v1/nodes/", "v1", "Node",
			`"status":{"conditions":[{"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown","message":"Kubelet stopped posting node status."}]}`,
			want{drill.Fail, "", "", "Ready is Unknown", "NodeStatusUnknown Kubelet stopped"}},
		{"node", "/api/v1/nodes/", "v1", "Node", `"status":{}`, fail("its kubelet has reported nothing")},
		{"pod", shopCore + "pods/", "v1", "Pod", `"status":[]`, fail("read a Pod")},
	} {
		name := fmt.Sprintf("one-%d", n)
		a.put(c.path+name, c.version, c.object, c.rest)
		got := try(t, r, drill.Check{Kind: drill.CheckKubernetes, Kubeconfig: kubeconfig, Resource: c.kind + "/" + name}, c.want)
		if inNamespace := strings.HasSuffix(got.Subject, name+" in namespace shop"); inNamespace == (c.kind == "node") {
			t.Errorf("the subject is %q", got.Subject)
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, method := range a.asked {
		if method != http.MethodGet {
			t.Errorf("a check has made a request %s", method)
		}
	}
}

func TestKubernetesPodThatIsBeingDeleted(t *testing.T) {
	t.Parallel()
	a := newAPIServer(t)
	a.put(shopCore+"pods/one", "v1", "Pod", readyPod)
	a.objects[shopCore+"pods/one"] = strings.Replace(a.objects[shopCore+"pods/one"], `"generation":3`, `"deletionTimestamp":"2026-01-01T00:00:00Z"`, 1)
	try(t, &check.Runner{}, drill.Check{Kind: drill.CheckKubernetes, Kubeconfig: a.kubeconfig(t, a.URL, token), Resource: "pod/one"}, fail("it is being deleted"))
}

func TestKubernetesServices(t *testing.T) {
	t.Parallel()
	a := newAPIServer(t)
	slices := "/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices?kubernetes.io/service-name="
	slice := func(ready string) string {
		return object("discovery.k8s.io/v1", "EndpointSlice", "s", `"addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1"],"conditions":{`+ready+`}}]`)
	}
	for name, pages := range map[string][]string{
		"api": {slice(`"ready":false`) + "," + slice(`"ready":true`), slice(`"ready":false`)}, "unknown": {slice("")},
		"down": {slice(`"ready":false,"serving":true,"terminating":true`)}, "none": {""},
	} {
		a.put(shopCore+"services/"+name, "v1", "Service", `"spec":{"type":"ClusterIP"}`)
		a.pages[slices+name] = pages
	}
	a.put(shopCore+"services/odd", "v1", "Service", `"spec":{}`)
	a.pages[slices+"odd"] = []string{object("discovery.k8s.io/v1", "EndpointSlice", "s", `"endpoints":{}`)}
	r, kubeconfig := &check.Runner{}, a.kubeconfig(t, a.URL, token)
	for name, w := range map[string]want{
		"service/api": {drill.Pass, "service/api in namespace shop", "ready", "1 of 3 endpoints ready", ""}, "svc/unknown": pass("1 of 1 endpoint ready"),
		"service/down": fail("it has no ready endpoint"), "service/none": fail("it has no ready endpoint"),
		"service/absent": fail("there is no service/absent in namespace shop"), "service/odd": fail("read a EndpointSlice"),
	} {
		try(t, r, drill.Check{Kind: drill.CheckKubernetes, Kubeconfig: kubeconfig, Resource: name}, w)
	}
}

func TestKubernetesNamespaces(t *testing.T) {
	t.Parallel()
	a := newAPIServer(t)
	pod := func(name, rest string) string { return object("v1", "Pod", name, rest) }
	var many []string
	for n := range 9 {
		many = append(many, pod(fmt.Sprintf("bad-%d", n), `"status":{"phase":"Pending"}`))
	}
	for name, pages := range map[string][]string{
		"well": {pod("a", readyPod), pod("b", donePod) + "," + pod("c", readyPod)},
		"ill":  {pod("a", readyPod), pod("b", crashingPod)}, "empty": {""}, "worse": {strings.Join(many, ",")},
		"failed": {pod("a", readyPod) + "," + pod("f", `"status":{"phase":"Failed","reason":"Evicted"}`)},
	} {
		a.put("/api/v1/namespaces/"+name, "v1", "Namespace", `"status":{"phase":"Active"}`)
		a.pages["/api/v1/namespaces/"+name+"/pods?"] = pages
	}
	r, kubeconfig := &check.Runner{DrillID: "well"}, a.kubeconfig(t, a.URL, token)
	for name, w := range map[string]want{
		"namespace/{{drill.id}}": {drill.Pass, "namespace/well", "ready", "3 of 3 pods ready", ""},
		"ns/ill":                 {drill.Fail, "", "", "1 of 2 pods ready", "pod b: its phase is Running, container api: CrashLoopBackOff"},
		"ns/empty":               fail("it has no pods"), "ns/failed": fail("pod f: its phase is Failed"),
		"ns/worse": {drill.Fail, "", "", "0 of 9 pods ready", "pod bad-4: its phase is Pending"}, "ns/absent": fail("there is no namespace/absent"),
	} {
		try(t, r, drill.Check{Kind: drill.CheckKubernetes, Kubeconfig: kubeconfig, Resource: name}, w)
	}
}

func TestKubernetesClusters(t *testing.T) {
	t.Parallel()
	a := newAPIServer(t)
	a.put("/api/v1/namespaces/other/pods/one", "v1", "Pod", readyPod)
	a.put(shopCore+"pods/two", "v1", "Pod", readyPod)
	r := &check.Runner{Secrets: []secret.String{token}}
	kubeconfig := a.kubeconfig(t, a.URL, token)
	ask := func(resource string, change func(*drill.Check)) drill.Check {
		c := drill.Check{Kind: drill.CheckKubernetes, Kubeconfig: kubeconfig, Resource: resource}
		change(&c)
		return c
	}
	nothing := func(*drill.Check) {}
	try(t, r, ask("pod/one", func(c *drill.Check) { c.Context = "other" }), want{drill.Pass, "pod/one in namespace other", "", "", ""})
	try(t, r, ask("pod/one", func(c *drill.Check) { c.Namespace = "other" }), want{drill.Pass, "pod/one in namespace other", "", "", ""})
	try(t, r, ask("pod/two", func(c *drill.Check) { c.Context, c.Namespace = "other", "shop" }), pass("ready"))
	try(t, r, ask("pod/one", nothing), want{drill.Fail, "", "", "not known", "there is no pod/one in namespace shop"})
	try(t, r, ask("pod/one", func(c *drill.Check) { c.Context = "absent" }), fail(`read the kubeconfig: context "absent" does not exist`))
	try(t, r, ask("pod/one", func(c *drill.Check) { c.Kubeconfig = "/absent" }), fail("/absent"))
	try(t, r, ask("deployment/forbidden", nothing), fail(`read deployment/forbidden in namespace shop: deployments.apps "forbidden" is forbidden`))
	holdsNone(t, try(t, r, ask("pod/two", func(c *drill.Check) { c.Kubeconfig = a.kubeconfig(t, a.URL, "other-tok3n") }), fail("Unauthorized")), "other-tok3n")
	try(t, r, ask("pod/two", func(c *drill.Check) { c.Kubeconfig = a.kubeconfig(t, "https://"+servers.Address(t), token) }), fail("connection refused"))
	try(t, r, ask("pod/two", func(c *drill.Check) {
		c.Kubeconfig, c.Timeout = a.kubeconfig(t, "https://"+mute(t), token), impatience
	}), fail("no answer within 300ms"))
}

// TestKubernetesWithoutAKubeconfig takes the file that KUBECONFIG names, and
// says what to do where there is nothing at all.
func TestKubernetesWithoutAKubeconfig(t *testing.T) {
	a := newAPIServer(t)
	a.put(shopCore+"pods/one", "v1", "Pod", readyPod)
	for _, name := range []string{"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"} {
		t.Setenv(name, "")
	}
	c := drill.Check{Kind: drill.CheckKubernetes, Resource: "pod/one"}
	t.Setenv("KUBECONFIG", a.kubeconfig(t, a.URL, token))
	try(t, &check.Runner{}, c, pass("Running, ready"))
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", empty)
	try(t, &check.Runner{}, c, fail("no configuration has been provided"))
}
