package kubernetes

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

const (
	// lookAtSecrets is how often certificates are read: a list of secrets brings
	// their keys along.
	lookAtSecrets = 10 * time.Minute
	// lookAtVolumes is how often nodes are asked what volumes hold.
	lookAtVolumes = 2 * time.Minute
	// pageOfSigns is how many objects are listed at once.
	pageOfSigns = 250
)

// The types that signs of life are read from.
var (
	podType       = resourceType{Resource: schema.GroupResource{Resource: "pods"}, Version: "v1", Kind: "Pod", Namespaced: true}
	secretType    = resourceType{Resource: schema.GroupResource{Resource: "secrets"}, Version: "v1", Kind: "Secret", Namespaced: true}
	namespaceType = resourceType{Resource: schema.GroupResource{Resource: "namespaces"}, Version: "v1", Kind: "Namespace"}
	workloadTypes = []resourceType{
		{Resource: schema.GroupResource{Group: "apps", Resource: "deployments"}, Version: "v1", Kind: "Deployment", Namespaced: true},
		{Resource: schema.GroupResource{Group: "apps", Resource: "statefulsets"}, Version: "v1", Kind: "StatefulSet", Namespaced: true},
		{Resource: schema.GroupResource{Group: "apps", Resource: "daemonsets"}, Version: "v1", Kind: "DaemonSet", Namespaced: true},
	}
)

// signs are what was seen when it was looked at last, for all who look.
type signs struct {
	mu           sync.Mutex
	certificates seldom[status.Certificate]
	volumes      seldom[status.Disk]
}

// seldom is what is read less often than it is asked for.
type seldom[T any] struct {
	found []T
	err   error
	at    time.Time
}

// read reads again what is older than a while, and what could not be read.
func (s *seldom[T]) read(every time.Duration, read func() ([]T, error)) ([]T, error) {
	if s.at.IsZero() || time.Since(s.at) >= every {
		s.found, s.err = read()
		s.at = time.Now()
	}
	return s.found, s.err
}

// Observe implements surface.Observed: the pods of each workload, the
// certificates in secrets of type kubernetes.io/tls, and how full the volumes
// are that pods have mounted. It lists pods, deployments, stateful sets and
// daemon sets at each call; secrets every ten minutes; and asks every two
// minutes the kubelets of nodes with such volumes, through the API server, which
// needs the right to get nodes/proxy: without that one volumes are left out.
// Without another right the rest is returned beside an error.
func (s *Surface) Observe(ctx context.Context) (status.Vitals, error) {
	client, err := s.connect()
	if err != nil {
		return status.Vitals{}, err
	}
	lists, err := newLister(client)
	if err != nil {
		return status.Vitals{}, err
	}
	o := &observer{lister: lists, selector: s.config.LabelSelector}
	if o.namespaces, err = o.places(ctx, s.config.Namespaces); err != nil {
		return status.Vitals{}, err
	}
	s.signs.mu.Lock()
	defer s.signs.mu.Unlock()
	var out status.Vitals
	var noPods, noSecrets, noVolumes error
	var mounted volumesOf
	out.Pods, mounted, noPods = o.pods(ctx)
	out.Certificates, noSecrets = s.signs.certificates.read(lookAtSecrets, func() ([]status.Certificate, error) { return o.certificates(ctx) })
	if noPods == nil {
		out.Disks, noVolumes = s.signs.volumes.read(lookAtVolumes, func() ([]status.Disk, error) { return o.volumes(ctx, mounted) })
	}
	return out, oneOf(noPods, noSecrets, noVolumes)
}

// oneOf joins what could not be read, under the kind of the first.
func oneOf(all ...error) error {
	all = slices.DeleteFunc(all, func(err error) bool { return err == nil })
	if len(all) < 2 {
		return errors.Join(all...)
	}
	return fault.Wrap(fault.KindOf(all[0]), errors.Join(all...), "not all could be read")
}

// observer is one look at some namespaces.
type observer struct {
	lister     *lister
	namespaces []string
	selector   string
}

// places are the namespaces to look at. Those of isolated environments are none
// of the surface's, where it is all that there are.
func (o *observer) places(ctx context.Context, named []string) ([]string, error) {
	if !slices.Contains(named, allNamespaces) {
		return named, nil
	}
	var out []string
	err := o.each(ctx, listing{of: namespaceType}, func(text []byte) error {
		var n struct{ Metadata meta }
		if err := json.Unmarshal(text, &n); err != nil {
			return err
		}
		if _, environment := n.Metadata.Labels[cluster.LabelEnvironment]; !environment {
			out = append(out, n.Metadata.Name)
		}
		return nil
	})
	return out, err
}

// meta is what is read of the metadata of every object.
type meta struct {
	Name            string            `json:"name"`
	Namespace       string            `json:"namespace"`
	Labels          map[string]string `json:"labels"`
	OwnerReferences []struct {
		Kind       string `json:"kind"`
		Name       string `json:"name"`
		Controller bool   `json:"controller"`
	} `json:"ownerReferences"`
}

// all lists a type in every namespace that is looked at.
func (o *observer) all(ctx context.Context, of listing, do func(text []byte) error) error {
	for _, namespace := range o.namespaces {
		of.namespace = namespace
		if err := o.each(ctx, of, do); err != nil {
			return err
		}
	}
	return nil
}

// each lists a type page by page.
func (o *observer) each(ctx context.Context, of listing, do func(text []byte) error) error {
	limit, token := pageOfSigns, ""
	for {
		found, err := o.lister.page(ctx, of, limit, token)
		if full, ok := errors.AsType[overfull](err); ok {
			limit = full.fits
			continue
		}
		if err != nil {
			return cluster.Failure(err, "list the %s%s: the account needs the right to list them", of.of.Resource, in(of.namespace))
		}
		for _, text := range found.items {
			if err := do(text); err != nil {
				return fault.Wrap(fault.Unavailable, err, "read the %s%s", of.of.Resource, in(of.namespace))
			}
		}
		if token = found.next; token == "" {
			return nil
		}
	}
}

func in(namespace string) string {
	if namespace == "" {
		return ""
	}
	return " of namespace " + namespace
}
