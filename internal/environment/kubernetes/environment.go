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
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/metadata"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
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
	config   Config
	client   *cluster.Client
	metadata metadata.Interface
	// patience is how long a finaliser may hold what is being deleted.
	patience time.Duration
}

// New reads the kubeconfig and sends nothing yet; errors are fault.Invalid.
func New(c Config) (*Environment, error) {
	if wrong := c.Problems(); len(wrong) > 0 {
		return nil, fault.New(fault.Invalid, "the environment is configured wrongly: %s", wrong[0].Text)
	}
	client, err := cluster.Connect(c.Config)
	if err != nil {
		return nil, err
	}
	found, err := metadata.NewForConfig(client.REST)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the kubeconfig")
	}
	return &Environment{config: c.withDefaults(), client: client, metadata: found, patience: finaliserPatience}, nil
}

// Make makes one namespace for each of the point's, guarded by a network
// policy, a quota and pod security, and by a limit range where the quota is one
// of processors or memory. The default service account of each mounts no token
// into pods that don't ask for one. What guards a namespace is put right where
// it was changed. Make returns once the quotas are counted, and hold.
//
// Errors: Conflict where a namespace of that name belongs to somebody else,
// Unavailable while an earlier place of that id is still being removed, or when
// the context ends before the quotas are counted.
func (e *Environment) Make(ctx context.Context, id string, of environment.Origin) (environment.Made, error) {
	if id == "" || len(of.Namespaces) == 0 {
		return environment.Made{}, fault.New(fault.Invalid, "an isolated environment on a cluster needs an ID, and a point with namespaces")
	}
	place := placeID(id)
	var made []string
	for _, old := range of.Namespaces {
		g := guarded{config: e.config, place: place, id: id, name: namespaceName(e.config.Prefix, place, old), old: old, of: of}
		if err := e.makeNamespace(ctx, g); err != nil {
			return environment.Made{}, fault.While(err, "make the namespace %s", g.name)
		}
		made = append(made, g.name)
	}
	if err := e.untilCounted(ctx, made); err != nil {
		return environment.Made{}, fault.While(err, "make environment %s", id)
	}
	return e.Find(ctx, id)
}

func (e *Environment) makeNamespace(ctx context.Context, g guarded) error {
	wanted := g.namespace()
	client := e.client.Resource(namespaces, "")
	_, err := client.Create(ctx, &unstructured.Unstructured{Object: wanted.content}, metav1.CreateOptions{FieldManager: fieldManager})
	if apierrors.IsAlreadyExists(err) {
		err = e.mayTake(ctx, g)
	}
	if err != nil {
		return cluster.Failure(err, "create it")
	}
	within, err := g.within()
	if err != nil {
		return err
	}
	for _, m := range append([]manifest{wanted}, within...) {
		if err := e.apply(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// mayTake is nil where a namespace that is there was made for the same restore, and stays.
func (e *Environment) mayTake(ctx context.Context, g guarded) error {
	found, err := e.client.Resource(namespaces, "").Get(ctx, g.name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return fault.New(fault.Unavailable, "it is being deleted: try again")
	case err != nil:
		return err
	case found.GetAnnotations()[annotationID] != g.id:
		return fault.New(fault.Conflict, "there is one of that name that is not of restore %s: remove it, or configure another prefix", g.id)
	case found.GetDeletionTimestamp() != nil:
		return fault.New(fault.Unavailable, "an earlier one is still being deleted: try again")
	default:
		return nil
	}
}

// apply makes an object as it should be, whatever it was.
func (e *Environment) apply(ctx context.Context, m manifest) error {
	object := &unstructured.Unstructured{Object: m.content}
	_, err := e.client.Resource(m.resource, object.GetNamespace()).Apply(ctx, object.GetName(), object,
		metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	return cluster.Failure(err, "apply %s %s", object.GetKind(), object.GetName())
}

// Find finds the namespaces of a place by their label.
func (e *Environment) Find(ctx context.Context, id string) (environment.Made, error) {
	found, err := e.standing(ctx, id)
	if err != nil {
		return environment.Made{}, err
	}
	place := cluster.Place{
		Config: e.config.Config, ID: placeID(id), Namespaces: map[string]string{},
		IngressDomain: e.config.IngressDomain, StorageClasses: e.config.StorageClasses,
	}
	for _, n := range found {
		place.Namespaces[n.GetAnnotations()[annotationNamespace]] = n.GetName()
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

// IDs are those of the places that have this environment's prefix. What a place
// has left on the cluster after its namespaces names it by its placeID.
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
			ids[o.place] = true
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

// Limits say what namespaces of one cluster do not keep apart.
func (e *Environment) Limits() []string {
	return []string{
		"network policies are enforced by the cluster's network plug-in alone: that they are there was looked at, and no connection was tried",
		"the copies may ask the cluster's DNS, which may ask on outside of the cluster",
		"the copies share the nodes, the API server and the storage of their cluster with what else is on it",
		"what a binding for the whole cluster gives to service accounts, their copies have in their own namespace alone: a copy that needs nodes, other namespaces or anything else of the cluster fails at that",
		"routes into the cluster other than Services and Ingresses (those of a gateway or a service mesh) were not looked at",
		"the data on a volume that was not provisioned for its claim stay on it when the environment is removed",
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
