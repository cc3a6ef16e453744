//go:build kubernetes

package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var (
	namespacesResource      = corev1.SchemeGroupVersion.WithResource("namespaces")
	nodesResource           = corev1.SchemeGroupVersion.WithResource("nodes")
	serviceAccountsResource = corev1.SchemeGroupVersion.WithResource("serviceaccounts")
	volumesResource         = corev1.SchemeGroupVersion.WithResource("persistentvolumes")
	classesResource         = storagev1.SchemeGroupVersion.WithResource("storageclasses")
)

// run starts one part of the control plane.
func (s *KubernetesServer) run(part string, args ...string) (*Process, error) {
	cmd := exec.Command(s.binary, append([]string{part}, args...)...)
	cmd.Dir = s.dir
	return launch(cmd, filepath.Join(s.dir, part+".log"))
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

func (s *KubernetesServer) startEtcd() error {
	peers, err := freePort()
	if err != nil {
		return err
	}
	if s.etcdPort, err = freePort(); err != nil {
		return err
	}
	client, peer := "http://"+loopback(s.etcdPort), "http://"+loopback(peers)
	s.etcd, err = s.run("etcd", "--data-dir", filepath.Join(s.dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default="+peer)
	if err != nil {
		return err
	}
	return s.etcd.await(Dialable(loopback(s.etcdPort)), kubernetesWithin)
}

func (s *KubernetesServer) startAPIServer() error {
	var err error
	s.api, err = s.run("kube-apiserver", "--etcd-servers=http://"+loopback(s.etcdPort),
		"--bind-address=127.0.0.1", "--secure-port="+strconv.Itoa(s.port), "--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=10.0.0.0/16", "--allow-privileged=true", "--authorization-mode=RBAC",
		"--client-ca-file="+s.authority.certFile, "--tls-cert-file="+s.authority.serverCert, "--tls-private-key-file="+s.authority.serverKey,
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-signing-key-file="+s.authority.accountsKey, "--service-account-key-file="+s.authority.accountsKey)
	if err != nil {
		return err
	}
	return s.api.await(func() error {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		return s.Client.Discovery.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}, kubernetesWithin)
}

// startControllers starts the controller manager and the scheduler, and waits
// for the former's first work. Its limit on requests is for clusters that live
// for longer than a test.
func (s *KubernetesServer) startControllers() error {
	var err error
	args := func(port int) []string {
		return []string{
			"--kubeconfig=" + s.Kubeconfig, "--authentication-kubeconfig=" + s.Kubeconfig, "--authorization-kubeconfig=" + s.Kubeconfig,
			"--bind-address=127.0.0.1", "--secure-port=" + strconv.Itoa(port), "--cert-dir=" + s.dir, "--leader-elect=false",
			"--kube-api-qps=500", "--kube-api-burst=1000",
		}
	}
	ports := make([]int, 2)
	for n := range ports {
		if ports[n], err = freePort(); err != nil {
			return err
		}
	}
	s.controllers, err = s.run("kube-controller-manager", append(args(ports[0]), "--controllers=*", "--enable-hostpath-provisioner=true",
		"--use-service-account-credentials=false", "--service-account-private-key-file="+s.authority.accountsKey, "--root-ca-file="+s.authority.certFile)...)
	if err != nil {
		return err
	}
	if s.sched, err = s.run("kube-scheduler", args(ports[1])...); err != nil {
		return err
	}
	return s.controllers.await(func() error { return s.hasAccount("default") }, kubernetesWithin)
}

// hasAccount is nil once pods may be made in a namespace.
func (s *KubernetesServer) hasAccount(namespace string) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
	defer cancel()
	_, err := s.Client.Resource(serviceAccountsResource, namespace).Get(ctx, "default", metav1.GetOptions{})
	return err
}

// startNode makes a node and the storage class, and starts what plays the node's kubelet.
func (s *KubernetesServer) startNode() error {
	ctx, cancel := context.WithTimeout(context.Background(), kubernetesWithin)
	defer cancel()
	const node = "node-0"
	objects := map[schema.GroupVersionResource]map[string]any{
		nodesResource: {
			"apiVersion": "v1", "kind": "Node",
			"metadata": map[string]any{"name": node, "labels": map[string]any{"kubernetes.io/hostname": node, "kubernetes.io/os": "linux"}},
		},
		classesResource: {
			"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "kubernetes.io/host-path",
			"metadata": map[string]any{"name": HostPathClass, "annotations": map[string]any{"storageclass.kubernetes.io/is-default-class": "true"}},
		},
	}
	for resource, object := range objects {
		if _, err := s.Client.Resource(resource, "").Create(ctx, &unstructured.Unstructured{Object: object}, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	var err error
	s.kubelets, err = s.run("kwok", "--kubeconfig="+s.Kubeconfig, "--config="+s.stages, "--manage-all-nodes=true",
		"--node-ip=127.0.0.1", "--cidr=10.244.0.0/16", "--node-lease-duration-seconds=40")
	if err != nil {
		return err
	}
	return s.kubelets.await(func() error {
		found, err := s.Client.Resource(nodesResource, "").Get(ctx, node, metav1.GetOptions{})
		if err != nil {
			return err
		}
		return readyNode(found)
	}, kubernetesWithin)
}

func readyNode(node *unstructured.Unstructured) error {
	if taints, _, _ := unstructured.NestedSlice(node.Object, "spec", "taints"); len(taints) > 0 {
		return fmt.Errorf("the node has taints: %v", taints)
	}
	conditions, _, _ := unstructured.NestedSlice(node.Object, "status", "conditions")
	for _, c := range conditions {
		if condition, _ := c.(map[string]any); condition["type"] == "Ready" && condition["status"] == "True" {
			return nil
		}
	}
	return errors.New("the node is not ready")
}
