// Package cnpg is point-in-time recovery by CloudNativePG, an operator of
// PostgreSQL on Kubernetes, and its barman-cloud plugin. A copy is a Cluster of
// its own that bootstraps from the source's object store and never writes there.
package cnpg

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// The resources that a recovery is made of.
var (
	clusters       = schema.GroupVersionResource{Group: "postgresql.cnpg.io", Version: "v1", Resource: "clusters"}
	imageCatalogs  = schema.GroupVersionResource{Group: "postgresql.cnpg.io", Version: "v1", Resource: "imagecatalogs"}
	objectStores   = schema.GroupVersionResource{Group: "barmancloud.cnpg.io", Version: "v1", Resource: "objectstores"}
	endpointSlices = schema.GroupVersionResource{Group: "discovery.k8s.io", Version: "v1", Resource: "endpointslices"}
	policies       = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"}
	jobs           = schema.GroupVersionResource{Group: "batch", Version: "v1", Resource: "jobs"}
	namespaces     = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	secrets        = schema.GroupVersionResource{Version: "v1", Resource: "secrets"}
	configMaps     = schema.GroupVersionResource{Version: "v1", Resource: "configmaps"}
	services       = schema.GroupVersionResource{Version: "v1", Resource: "services"}
	pods           = schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	claims         = schema.GroupVersionResource{Version: "v1", Resource: "persistentvolumeclaims"}
)

// What CloudNativePG 1.30 and its plugin call things.
const (
	plugin         = "barman-cloud.cloudnative-pg.io"
	labelCluster   = "cnpg.io/cluster"
	labelJobRole   = "cnpg.io/jobRole"
	roleRecovery   = "full-recovery"
	phaseHealthy   = "Cluster in healthy state"
	phaseLost      = "Cluster is unrecoverable and needs manual intervention"
	phaseNoImage   = "Cluster has incomplete or invalid image catalog"
	conditionReady = "Ready"
)

// Service is the recovery of one Cluster.
type Service struct {
	client *clients.Client
	core   corev1.CoreV1Interface
	config managed.Config
}

var (
	_ managed.Stopper = (*Service)(nil)
	_ managed.Alarmer = (*Service)(nil)
)

// Open reads the kubeconfig; nothing is sent yet. Errors are of kind fault.Invalid.
func Open(_ context.Context, c managed.Config) (managed.Service, error) {
	if _, err := managed.At(c.URL, ""); err != nil {
		return nil, err
	}
	client, err := clients.Connect(c.Config)
	if err != nil {
		return nil, err
	}
	core, err := corev1.NewForConfig(client.REST)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the kubeconfig")
	}
	return &Service{client: client, core: core, config: c}, nil
}

// source is what copies are marked with: names are unique in a namespace only.
func (s *Service) source() string { return s.config.Namespace + "/" + s.config.Instance }

// own reports whether every copy has a namespace of its own.
func (s *Service) own() bool { return s.config.EnvironmentNamespace == "" }

// home is the namespace of a copy.
func (s *Service) home(name string) string {
	if s.own() {
		return name
	}
	return s.config.EnvironmentNamespace
}

// find returns an object, or nil when there is none of that name.
func (s *Service) find(ctx context.Context, of schema.GroupVersionResource, namespace, name string) (*unstructured.Unstructured, error) {
	found, err := s.client.Resource(of, namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil, nil
	case err != nil:
		return nil, failure(err, "look up %s/%s", of.Resource, name)
	}
	return found, nil
}

// list returns the objects with a label.
func (s *Service) list(ctx context.Context, of schema.GroupVersionResource, namespace, selector string) ([]unstructured.Unstructured, error) {
	found, err := s.client.Resource(of, namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	switch {
	case apierrors.IsNotFound(err):
		// The cluster does not know the type, so there is none of it.
		return nil, nil
	case err != nil:
		return nil, failure(err, "list the %s of %s", of.Resource, namespace)
	}
	return found.Items, nil
}

// failure is cluster.Failure for what went on at an API server; being told to
// end is no fault of one.
func failure(err error, format string, args ...any) error {
	if errors.Is(err, context.Canceled) {
		return fault.Wrap(fault.Unavailable, err, format, args...)
	}
	return cluster.Failure(err, format, args...)
}
