package cluster

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Scheme is that of the URLs of places.
const Scheme = "kubernetes"

// Place says where namespaces are restored to: on which cluster, and into which
// namespaces.
type Place struct {
	Config
	// ID names an isolated environment: what is made for it beside its
	// namespaces has this ID in its name and in the label LabelEnvironment.
	// Empty for a place that is no isolated environment.
	ID string
	// Restore is the ID of the restore that the environment is made for, in full;
	// what is made for it has this in the annotation AnnotationEnvironment.
	Restore string
	// Namespaces are those to restore into, by the names that the point has.
	// One that is not here keeps its name, unless there is an ID: then it is refused.
	Namespaces map[string]string
	// IngressDomain is the domain under which restored Ingresses get hosts of
	// their own; empty leaves hosts as they were.
	IngressDomain string
	// StorageClasses are those that claims get, by the names that the point has.
	StorageClasses map[string]string
	// CustomResources are the types of custom resources, as PLURAL.GROUP, that an
	// isolated environment takes though the cluster had their definitions before,
	// and perhaps live operators that act on them; "*" stands for all of them.
	CustomResources []string
}

// LabelEnvironment is the label of everything that belongs to an isolated
// environment; its value is the Place's ID.
const LabelEnvironment = "lifeboat-dr.github.io/environment"

// AnnotationEnvironment is on what belongs to an isolated environment beside the
// label; its value is the ID of the restore in full, which may be no label.
const AnnotationEnvironment = "lifeboat-dr.github.io/restore"

// The names of what a URL says beside the kubeconfig's path.
const (
	queryContext        = "context"
	queryID             = "id"
	queryRestore        = "restore"
	queryNamespace      = "namespace"
	queryIngressDomain  = "ingressDomain"
	queryStorageClass   = "storageClass"
	queryCustomResource = "customResource"
)

// URL writes the place as kubernetes:///PATH?context=C&namespace=OLD:NEW, where
// PATH is that of the kubeconfig. It holds no credentials itself.
func (p Place) URL() secret.String {
	query := url.Values{}
	for name, value := range map[string]string{
		queryContext: p.Context, queryID: p.ID, queryRestore: p.Restore, queryIngressDomain: p.IngressDomain,
	} {
		if value != "" {
			query.Set(name, value)
		}
	}
	// One place is always written the same way.
	for _, from := range slices.Sorted(maps.Keys(p.Namespaces)) {
		query.Add(queryNamespace, from+":"+p.Namespaces[from])
	}
	for _, from := range slices.Sorted(maps.Keys(p.StorageClasses)) {
		query.Add(queryStorageClass, from+":"+p.StorageClasses[from])
	}
	for _, of := range p.CustomResources {
		query.Add(queryCustomResource, of)
	}
	u := url.URL{Scheme: Scheme, Path: "/" + strings.TrimPrefix(p.Kubeconfig, "/"), RawQuery: query.Encode()}
	return secret.String(u.String())
}

// ParsePlace reads what URL has written; errors are fault.Invalid.
func ParsePlace(text secret.String) (Place, error) {
	u, err := url.Parse(text.Reveal())
	if err != nil || u.Scheme != Scheme || u.Host != "" {
		return Place{}, fault.New(fault.Invalid, "a place on a cluster must be like kubernetes:///PATH/OF/KUBECONFIG?context=NAME&namespace=OLD:NEW")
	}
	query := u.Query()
	p := Place{
		Config: Config{Context: query.Get(queryContext)},
		ID:     query.Get(queryID), Restore: query.Get(queryRestore), IngressDomain: query.Get(queryIngressDomain),
		CustomResources: query[queryCustomResource],
	}
	if u.Path != "" && u.Path != "/" {
		p.Kubeconfig = u.Path
	}
	for name := range query {
		switch name {
		case queryContext, queryID, queryRestore, queryIngressDomain, queryNamespace, queryStorageClass, queryCustomResource:
		default:
			return p, fault.New(fault.Invalid, "%q means nothing in the URL of a place on a cluster", name)
		}
	}
	if p.Namespaces, err = renamed(query[queryNamespace]); err != nil {
		return p, err
	}
	p.StorageClasses, err = renamed(query[queryStorageClass])
	return p, err
}

// renamed reads OLD:NEW; one name alone stays as it is.
func renamed(pairs []string) (map[string]string, error) {
	var out map[string]string
	for _, pair := range pairs {
		from, to, two := strings.Cut(pair, ":")
		if !two {
			to = from
		}
		if from == "" || to == "" {
			return nil, fault.New(fault.Invalid, "%q must be like OLD:NEW", pair)
		}
		if out == nil {
			out = map[string]string{}
		}
		out[from] = to
	}
	return out, nil
}
