// Package kubernetes is an environment of isolated namespaces on a cluster: a
// copy of each namespace of a point, which nothing reaches from outside and from
// which nothing reaches out, as far as the cluster enforces that.
//
// What Lifeboat's own account needs on the cluster, beside what a restore needs:
// to get, list, create, patch and delete namespaces; to get, list, create and
// patch network policies, resource quotas, limit ranges and service accounts; to
// list, patch and delete persistent volumes; to create subjectaccessreviews, and
// pods and services (none is kept); to list, patch and delete whatever a restore
// makes; to list, in all namespaces, what names the types, classes and roles that
// came with an environment, which stay on the cluster otherwise.
package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

var (
	namespaces      = corev1.SchemeGroupVersion.WithResource("namespaces")
	pods            = corev1.SchemeGroupVersion.WithResource("pods")
	services        = corev1.SchemeGroupVersion.WithResource("services")
	serviceAccounts = corev1.SchemeGroupVersion.WithResource("serviceaccounts")
	quotas          = corev1.SchemeGroupVersion.WithResource("resourcequotas")
	limitRanges     = corev1.SchemeGroupVersion.WithResource("limitranges")
	claims          = corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims")
	volumes         = corev1.SchemeGroupVersion.WithResource("persistentvolumes")
	networkPolicies = networkingv1.SchemeGroupVersion.WithResource("networkpolicies")
	ingresses       = networkingv1.SchemeGroupVersion.WithResource("ingresses")
)

// fieldManager is who the API server notes as the one that set a field. It is
// another one than that of restores, whose own would take back what they do not name.
const fieldManager = "lifeboat-environment"

// Environment makes isolated namespaces. It is an environment.Place.
type Environment struct {
	config   environment.Cluster
	client   *clients.Client
	metadata metadata.Interface
	// patience is how long a finaliser may hold what is being deleted.
	patience time.Duration
}

// New reads the kubeconfig and sends nothing yet; errors are fault.Invalid.
func New(c environment.Cluster) (*Environment, error) {
	if wrong := c.Problems(); len(wrong) > 0 {
		return nil, fault.New(fault.Invalid, "the environment is configured wrongly: %s", wrong[0].Text)
	}
	client, err := clients.Connect(c.Config)
	if err != nil {
		return nil, err
	}
	found, err := metadata.NewForConfig(client.REST)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the kubeconfig")
	}
	return &Environment{config: c.WithDefaults(), client: client, metadata: found, patience: finaliserPatience}, nil
}

// Find finds the namespaces of a place by their label.
func (e *Environment) Find(ctx context.Context, id string) (environment.Made, error) {
	found, err := e.standing(ctx, id)
	if err != nil {
		return environment.Made{}, err
	}
	place := cluster.Place{
		Config: e.config.Config, ID: placeID(id), Namespaces: map[string]string{},
		IngressDomain: e.config.IngressDomain, StorageClasses: e.config.StorageClasses, CustomResources: e.config.CustomResources,
	}
	for _, n := range found {
		place.Namespaces[n.GetAnnotations()[annotationNamespace]] = n.GetName()
		place.Restore = n.GetAnnotations()[annotationID]
	}
	version, err := e.version(ctx)
	if err != nil {
		return environment.Made{}, err
	}
	return environment.Made{ID: id, Address: strings.Join(names(found), ", "), URL: place.URL(), Version: version}, nil
}

// standing are the namespaces of a place that are not being deleted.
func (e *Environment) standing(ctx context.Context, id string) ([]unstructured.Unstructured, error) {
	found, err := e.made(ctx, placeID(id))
	if err != nil {
		return nil, err
	}
	found = slices.DeleteFunc(found, func(n unstructured.Unstructured) bool { return n.GetDeletionTimestamp() != nil })
	if len(found) == 0 {
		return nil, fault.New(fault.Missing, "there is no environment %s on the cluster", id)
	}
	return found, nil
}

// made are the namespaces that were made for a place. One that somebody else
// has given the label is none of them.
func (e *Environment) made(ctx context.Context, place string) ([]unstructured.Unstructured, error) {
	found, err := e.list(ctx, namespaces, "", selecting(place))
	return slices.DeleteFunc(found, func(n unstructured.Unstructured) bool { return !isMade(n, place) }), err
}

func isMade(n unstructured.Unstructured, place string) bool {
	a := n.GetAnnotations()
	return n.GetName() == namespaceName(a[annotationPrefix], place, a[annotationNamespace])
}

// IDs are those of the places that have this environment's prefix, and of all
// that have left something on the cluster after their namespaces. What does not
// say the ID of its restore stands under its label, which is a placeID.
func (e *Environment) IDs(ctx context.Context) ([]string, error) {
	found, err := e.list(ctx, namespaces, "", cluster.LabelEnvironment)
	if err != nil {
		return nil, err
	}
	ids, ofNamespaces := map[string]bool{}, map[string]bool{}
	for _, n := range found {
		ofNamespaces[n.GetLabels()[cluster.LabelEnvironment]] = true
		if annotations := n.GetAnnotations(); annotations[annotationPrefix] == e.config.Prefix {
			ids[annotations[annotationID]] = true
		}
	}
	left, err := e.clusterObjects(ctx, cluster.LabelEnvironment)
	if err != nil {
		return nil, err
	}
	for _, o := range left {
		if !ofNamespaces[o.place] {
			ids[cmp.Or(o.restore, o.place)] = true
		}
	}
	return slices.Sorted(maps.Keys(ids)), nil
}

// Where says which cluster it is.
func (e *Environment) Where() string {
	where := "namespaces " + e.config.Prefix + "* on the cluster "
	switch c := e.config.Config; {
	case c.Context != "":
		return where + "of the context " + c.Context
	case c.Kubeconfig != "":
		return where + "of " + c.Kubeconfig
	default:
		return where + "that Lifeboat works with"
	}
}

// version asks the API server.
func (e *Environment) version(ctx context.Context) (string, error) {
	raw, err := e.client.Discovery.RESTClient().Get().AbsPath("/version").Do(ctx).Raw()
	if err != nil {
		return "", cluster.Failure(err, "ask the API server for its version")
	}
	var said struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := json.Unmarshal(raw, &said); err != nil {
		return "", fault.Wrap(fault.Unsupported, err, "read the API server's version")
	}
	return "Kubernetes " + strings.TrimPrefix(said.GitVersion, "v"), nil
}

// selecting is the label selector of what belongs to a place.
func selecting(place string) string { return cluster.LabelEnvironment + "=" + place }

// pageSize is how many objects are asked for at a time.
const pageSize = 500

// list reads all objects of a type in a namespace, or in all where it is empty.
func (e *Environment) list(ctx context.Context, of schema.GroupVersionResource, namespace, selector string) ([]unstructured.Unstructured, error) {
	var out []unstructured.Unstructured
	options := metav1.ListOptions{LabelSelector: selector, Limit: pageSize}
	for {
		page, err := e.client.Resource(of, namespace).List(ctx, options)
		if err != nil {
			return nil, cluster.Failure(err, "list %s", of.Resource)
		}
		out = append(out, page.Items...)
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return out, nil
		}
	}
}

func names(of []unstructured.Unstructured) []string {
	out := make([]string, len(of))
	for n, o := range of {
		out[n] = o.GetName()
	}
	slices.Sort(out)
	return out
}
