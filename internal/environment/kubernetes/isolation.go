package kubernetes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// look is one thing that is looked at in an environment: what is found and
// should not be, one line each.
type look struct {
	what, expected, fine string
	find                 func(ctx context.Context, p inspected) ([]string, error)
}

// inspected is the environment that is looked at.
type inspected struct {
	place string
	// copies are its namespaces, with the live ones that they are copies of.
	copies map[string]string
}

func (e *Environment) looks() []look {
	return []look{
		{"network policies of its namespaces", "all traffic denied but among them, to DNS and to what is allowed", "so in each of them", e.openPolicies},
		{"other namespaces with the environment's label", "none", "none", e.strangers},
		{"a pod in the network of its node, with its processes or folders", "refused", "refused in each namespace", e.admitsHostPods},
		{"pods in the network of their node", "none", "none", e.hostPods},
		{"a service that is reached from outside the cluster", "refused", "refused in each namespace", e.admitsPublished},
		{"services that are reached from outside the cluster", "none", "none", e.publishedServices},
		{"hosts of Ingresses", "under " + e.config.IngressDomain + " alone", "none outside of it", e.openIngresses},
		{"bindings that give its service accounts rights outside of it", "none", "none", e.bindingsOutside},
		{"rights of its service accounts over what is live", "none", "each question was answered with no", e.rightsOutside},
		{"volumes of its claims", "used by no live claim", "each is used by its own claim alone", e.sharedVolumes},
		{"webhooks and API services with the environment's label", "none", "none", e.webhooks},
	}
}

// TryIsolation tries what the environment should refuse, and looks at what could
// let something in or out. Network policies are looked at: whether they are
// enforced is for the cluster's network plug-in.
func (e *Environment) TryIsolation(ctx context.Context, id string) ([]drill.Attempt, error) {
	found, err := e.standing(ctx, id)
	if err != nil {
		return nil, err
	}
	p := inspected{place: placeID(id), copies: map[string]string{}}
	for _, n := range found {
		p.copies[n.GetName()] = n.GetAnnotations()[annotationNamespace]
	}
	looks := e.looks()
	out := make([]drill.Attempt, len(looks))
	for n, l := range looks {
		wrong, err := l.find(ctx, p)
		out[n] = l.attempt(wrong, err)
	}
	if ctx.Err() != nil {
		return nil, fault.Wrap(fault.Unavailable, ctx.Err(), "look at the isolation of environment %s", id)
	}
	return out, nil
}

// mostNamed is how many of what should not be there are named.
const mostNamed = 10

func (l look) attempt(wrong []string, err error) drill.Attempt {
	a := drill.Attempt{What: l.what, Expected: l.expected, Observed: l.fine, Result: drill.Pass}
	switch {
	case err != nil:
		a.Observed, a.Result = "could not be looked at: "+fault.Line(err), drill.Fail
	case len(wrong) > 0:
		slices.Sort(wrong)
		more := ""
		if n := len(wrong); n > mostNamed {
			wrong, more = wrong[:mostNamed], fmt.Sprintf(", and %d more", n-mostNamed)
		}
		a.Observed, a.Result = strings.Join(wrong, ", ")+more, drill.Fail
	}
	return a
}

// strangers are namespaces that the network policies would let in, and that
// were not made for the environment.
func (e *Environment) strangers(ctx context.Context, p inspected) ([]string, error) {
	found, err := e.list(ctx, namespaces, "", selecting(p.place))
	return names(slices.DeleteFunc(found, func(n unstructured.Unstructured) bool { return isMade(n, p.place) })), err
}

// The words by which Kubernetes says which of its own rules refuses an object.
// That somebody may not create it at all shows nothing.
const (
	refusedByLevel = "violates PodSecurity"
	refusedByQuota = "exceeded quota"
)

// admitted tries to create an object, without keeping it: it should be forbidden
// in these words. Anything else than that and success is an error.
func (e *Environment) admitted(ctx context.Context, m manifest, words string) (bool, error) {
	o := &unstructured.Unstructured{Object: m.content}
	_, err := e.client.Resource(m.resource, o.GetNamespace()).Create(ctx, o, metav1.CreateOptions{
		DryRun: []string{metav1.DryRunAll}, FieldManager: fieldManager,
	})
	if apierrors.IsForbidden(err) && strings.Contains(err.Error(), words) {
		return false, nil
	}
	return err == nil, err
}

// tried is the name of what is tried and never kept.
const tried = "lifeboat-tried"

// admitsHostPods tries pods that a network policy would not hold.
func (e *Environment) admitsHostPods(ctx context.Context, p inspected) ([]string, error) {
	return e.admits(ctx, p, refusedByLevel, func(g guarded) []manifest {
		var out []manifest
		for _, spec := range []map[string]any{
			{"hostNetwork": true},
			{"hostPID": true},
			{"volumes": []any{map[string]any{"name": "host", "hostPath": map[string]any{"path": "/"}}}},
		} {
			spec["containers"] = []any{map[string]any{"name": tried, "image": tried}}
			out = append(out, g.object(pods, "Pod", tried, map[string]any{"spec": spec}))
		}
		return out
	})
}

// admitsPublished tries services that would be reached from outside.
func (e *Environment) admitsPublished(ctx context.Context, p inspected) ([]string, error) {
	return e.admits(ctx, p, refusedByQuota, func(g guarded) []manifest {
		var out []manifest
		for _, kind := range []corev1.ServiceType{corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort} {
			spec := map[string]any{"type": string(kind), "ports": []any{map[string]any{"port": int64(1)}}}
			out = append(out, g.object(services, "Service", tried, map[string]any{"spec": spec}))
		}
		return out
	})
}

// admits names the namespaces in which one of some objects may be made.
func (e *Environment) admits(ctx context.Context, p inspected, words string, of func(guarded) []manifest) ([]string, error) {
	var out []string
	for name := range p.copies {
		for _, m := range of(guarded{place: p.place, name: name}) {
			let, err := e.admitted(ctx, m, words)
			if err != nil {
				return nil, err
			}
			if let {
				out = append(out, "allowed in "+name)
			}
		}
	}
	return slices.Compact(slices.Sorted(slices.Values(out))), nil
}

// hostPods are pods that a network policy doesn't hold.
func (e *Environment) hostPods(ctx context.Context, p inspected) ([]string, error) {
	return e.each(ctx, p, pods, func(o unstructured.Unstructured) ([]string, error) {
		var pod corev1.Pod
		if err := convert(o, &pod); err != nil || !pod.Spec.HostNetwork {
			return nil, err
		}
		return []string{pod.Namespace + "/" + pod.Name}, nil
	})
}

// each hands every object of a type in the environment to a function.
func (e *Environment) each(ctx context.Context, p inspected, of schema.GroupVersionResource, look func(unstructured.Unstructured) ([]string, error)) ([]string, error) {
	var out []string
	for name := range p.copies {
		found, err := e.list(ctx, of, name, "")
		if err != nil {
			return nil, err
		}
		for _, o := range found {
			wrong, err := look(o)
			if err != nil {
				return nil, err
			}
			out = append(out, wrong...)
		}
	}
	return out, nil
}
