//go:build kubernetes

package servers

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd/api"
)

// cnpgFront is a proxy before the API server, which lets an administrator in.
type cnpgFront struct {
	kubeconfig string
	// refuse is how many requests are still to be refused as too many; made how
	// many Clusters were created.
	refuse, made atomic.Int64
}

func newCNPGFront(t testing.TB, kube *KubernetesServer, number int64) (*cnpgFront, error) {
	t.Helper()
	transport, err := rest.TransportFor(kube.Config)
	if err != nil {
		return nil, err
	}
	f := &cnpgFront{}
	behind := &httputil.ReverseProxy{
		Transport:     transport,
		FlushInterval: -1,
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(&url.URL{Scheme: "https", Host: loopback(kube.port)}) },
		ModifyResponse: func(r *http.Response) error {
			if r.Request.Method == http.MethodPost && strings.HasSuffix(r.Request.URL.Path, "/clusters") && r.StatusCode == http.StatusCreated {
				f.made.Add(1)
			}
			return nil
		},
	}
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if f.refuse.Add(-1) < 0 {
			f.refuse.Store(0)
			behind.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Retry-After", "1")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusTooManyRequests)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"TooManyRequests","code":429,"message":"Too many requests."}`)
	}))
	t.Cleanup(func() { proxy.CloseClientConnections(); proxy.Close() })
	f.kubeconfig, err = kube.writeKubeconfig(fmt.Sprintf("cnpg-%d", number), &api.Cluster{Server: proxy.URL}, &api.AuthInfo{})
	return f, err
}

// Stranger is the kubeconfig of somebody with a token that the API server does not know.
func (s *KubernetesServer) Stranger(t testing.TB, token string) string {
	t.Helper()
	server := &api.Cluster{Server: "https://" + loopback(s.port), CertificateAuthority: s.authority.certFile}
	file, err := s.writeKubeconfig(fmt.Sprintf("stranger-%d", numbers.Add(1)), server, &api.AuthInfo{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// At is an administrator's kubeconfig for an API server at another address.
func (s *KubernetesServer) At(t testing.TB, address string) string {
	t.Helper()
	file, err := s.writeKubeconfig(fmt.Sprintf("elsewhere-%d", numbers.Add(1)), &api.Cluster{Server: "https://" + address}, &api.AuthInfo{})
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// cnpgNode is a node whose kubelet does one thing: it gives the logs of containers.
type cnpgNode struct {
	name string

	mu   sync.Mutex
	logs map[string]string
}

func newCNPGNode(t testing.TB, kube *KubernetesServer, name string) *cnpgNode {
	t.Helper()
	n := &cnpgNode{name: "node-" + name, logs: map[string]string{}}
	kubelet := httptest.NewUnstartedServer(n)
	kubelet.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	kubelet.StartTLS()
	t.Cleanup(func() { kubelet.CloseClientConnections(); kubelet.Close() })
	now := time.Now().UTC().Format(time.RFC3339)
	node := kube.create(t, nodesResource, map[string]any{
		"apiVersion": "v1", "kind": "Node", "metadata": map[string]any{"name": n.name},
		// No other test's pods.
		"spec": map[string]any{"unschedulable": true},
	})
	node.Object["status"] = map[string]any{
		"conditions":      []any{map[string]any{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "", "lastHeartbeatTime": now, "lastTransitionTime": now}},
		"addresses":       []any{map[string]any{"type": "InternalIP", "address": "127.0.0.1"}},
		"daemonEndpoints": map[string]any{"kubeletEndpoint": map[string]any{"Port": int64(kubelet.Listener.Addr().(*net.TCPAddr).Port)}},
	}
	Eventually(t, "the node says where its kubelet is", func() error { return n.tell(t, kube, node) })
	return n
}

// tell writes the node's status, which others write as well.
func (n *cnpgNode) tell(t testing.TB, kube *KubernetesServer, node *unstructured.Unstructured) error {
	client := kube.Client.Resource(nodesResource, "")
	found, err := client.Get(t.Context(), n.name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	found.Object["status"] = node.Object["status"]
	_, err = client.UpdateStatus(t.Context(), found, metav1.UpdateOptions{})
	return err
}

// ServeHTTP answers /containerLogs/NAMESPACE/POD/CONTAINER.
func (n *cnpgNode) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if len(parts) != 4 || parts[0] != "containerLogs" {
		http.NotFound(w, r)
		return
	}
	fmt.Fprint(w, n.text(parts[1]+"/"+parts[2]))
}

func (n *cnpgNode) write(pod, text string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.logs[pod] += text
}

func (n *cnpgNode) text(pod string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.logs[pod]
}
