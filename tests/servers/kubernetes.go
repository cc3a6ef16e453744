//go:build kubernetes

package servers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
)

// HostPathClass is a storage class of every KubernetesServer, and its default
// one: claims get volumes, which are folders of this host.
const HostPathClass = "host-path"

// KubernetesServer is a real control plane: etcd, API server with RBAC,
// controller manager, scheduler. Its one node has no kubelet: kwok says of each
// of its pods that it runs, and of those of jobs that they have succeeded, but no
// container is ever started. NetworkPolicies are kept and never enforced.
//
// A start takes 10 s and 700 MB, so a package has one, and each test a
// namespace of it. Files that use it have the build tag kubernetes:
//
//	//go:build kubernetes
//
//	var kube *servers.KubernetesServer
//
//	func TestMain(m *testing.M) { os.Exit(servers.RunWithKubernetes(m, &kube)) }
//
//	func TestPods(t *testing.T) {
//		t.Parallel()
//		namespace := kube.Namespace(t)
//		kube.Apply(t, namespace, manifests)
//		client, err := clients.Connect(cluster.Config{Kubeconfig: kube.Kubeconfig})
//		...
//		reader := kube.User(t, rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list"}})
//		throttled := kube.Throttled(t, 5)
//		kube.RestartAPIServer(t)   // not in a test that is parallel to others
//	}
//
// `make test-kubernetes` runs them; scripts/test-kubernetes-tools.sh builds the
// control plane alone, for `go test -tags kubernetes` by hand.
type KubernetesServer struct {
	// Kubeconfig is the path of an administrator's kubeconfig.
	Kubeconfig string
	// Config is the same for a client; copy it before changing it.
	Config *rest.Config
	// Client is the administrator's.
	Client *clients.Client

	dir, binary, stages           string
	port, etcdPort                int
	authority                     authority
	etcd, api, controllers, sched *Process
	kubelets                      *Process
}

// kubernetesWithin bounds the start of each part, on a machine that has other things to do.
const kubernetesWithin = 3 * time.Minute

// Kubernetes starts a control plane for one test alone.
func Kubernetes(t testing.TB) *KubernetesServer {
	t.Helper()
	s, err := StartKubernetes(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.Logs())
		}
		s.Stop()
	})
	return s
}

// RunWithKubernetes runs the tests of a package with a control plane, which it
// puts into shared, and stops it. It returns what TestMain exits with.
func RunWithKubernetes(m *testing.M, shared **KubernetesServer) int {
	dir, err := os.MkdirTemp("", "kubernetes-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	s, err := StartKubernetes(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	*shared = s
	defer s.Stop()
	code := m.Run()
	if code != 0 {
		fmt.Fprintln(os.Stderr, s.Logs())
	}
	return code
}

// StartKubernetes starts a control plane whose files are in a folder. Whoever
// starts it stops it, and removes the folder.
func StartKubernetes(dir string) (*KubernetesServer, error) {
	s := &KubernetesServer{dir: dir}
	if err := s.start(); err != nil {
		s.Stop()
		return nil, fmt.Errorf("start a Kubernetes control plane: %w", err)
	}
	return s, nil
}

func (s *KubernetesServer) start() error {
	const command = "scripts/test-kubernetes-tools.sh"
	var err error
	if s.binary, err = findTool(command, "controlplane"); err != nil {
		return err
	}
	if s.stages, err = findTool(command, "kwok-stages.yaml"); err != nil {
		return err
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	if s.authority, err = newAuthority(s.dir); err != nil {
		return err
	}
	if s.Kubeconfig, err = s.kubeconfigOf("admin", "system:masters"); err != nil {
		return err
	}
	if s.Client, err = clients.Connect(cluster.Config{Kubeconfig: s.Kubeconfig}); err != nil {
		return err
	}
	s.Config = s.Client.REST
	for _, part := range []func() error{s.startEtcd, s.startAPIServer, s.startControllers, s.startNode} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// Stop stops what was started, what asks before what is asked. It can be called twice.
func (s *KubernetesServer) Stop() {
	s.removeVolumes()
	for _, p := range []**Process{&s.kubelets, &s.sched, &s.controllers, &s.api, &s.etcd} {
		if *p != nil {
			(*p).Stop()
			*p = nil
		}
	}
}

// hostPaths is where the controller manager makes the folders of volumes.
const hostPaths = "/tmp/hostpath_pv/"

// removeVolumes removes the folders of the volumes that are still there: nothing
// else would, once the controller manager is gone.
func (s *KubernetesServer) removeVolumes() {
	if s.controllers == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	volumes, err := s.Client.Resource(volumesResource, "").List(ctx, metav1.ListOptions{})
	if err != nil {
		return
	}
	for _, volume := range volumes.Items {
		path, _, _ := unstructured.NestedString(volume.Object, "spec", "hostPath", "path")
		if strings.HasPrefix(path, hostPaths) {
			_ = os.RemoveAll(filepath.Clean(path))
		}
	}
}

// RestartAPIServer ends the API server as a crash would, which breaks every
// connection, and returns when the next one is ready, at the same address.
func (s *KubernetesServer) RestartAPIServer(t testing.TB) {
	t.Helper()
	s.api.Kill()
	if err := s.startAPIServer(); err != nil {
		t.Fatalf("restart the API server: %v", err)
	}
}

// Logs are the last output of each part.
func (s *KubernetesServer) Logs() string {
	var out strings.Builder
	for _, p := range []*Process{s.etcd, s.api, s.controllers, s.sched, s.kubelets} {
		if p != nil {
			fmt.Fprintf(&out, "the last output of %s:\n%s\n", p.cmd.Args[1], p.Output())
		}
	}
	return out.String()
}

// Eventually asks until it is answered without an error, for up to three minutes.
func Eventually(t testing.TB, what string, ask func() error) {
	t.Helper()
	if err := eventually(ask); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

func eventually(ask func() error) error {
	deadline := time.Now().Add(kubernetesWithin)
	for {
		err := ask()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("not so after %v", kubernetesWithin), err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
