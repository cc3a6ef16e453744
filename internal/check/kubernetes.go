package check

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// kubernetes reads one resource, and what belongs to it, and says whether it is ready.
func (r *Runner) kubernetes(ctx context.Context, c drill.Check) observation {
	kind, name, err := drill.ParseResource(c.Resource)
	if err != nil {
		return observation{subject: c.Resource, err: fault.Wrap(fault.Invalid, err, "resource")}
	}
	o := observation{subject: kind + "/" + name, expected: "ready"}
	cluster, err := connectCluster(ctx, c)
	if err != nil {
		o.err = err
		return o
	}
	if kind != drill.ResourceNode && kind != drill.ResourceNamespace {
		o.subject += " in namespace " + cluster.namespace
	}
	state, err := cluster.readiness(kind, name)
	if err != nil {
		o.observed, o.err = "not known", apiFailure(err, o.subject)
		return o
	}
	o.observed = state.observed
	if state.problem != "" {
		o.err = unlike("%s is not ready: %s", o.subject, state.problem)
	}
	return o
}

// cluster is a connection to a Kubernetes API server, for one attempt.
type cluster struct {
	ctx       context.Context
	client    dynamic.Interface
	namespace string
}

// connectCluster takes the cluster of the check's kubeconfig and context.
// Without a kubeconfig it is that of KUBECONFIG or ~/.kube/config, or else the
// one that Lifeboat runs in. The namespace is the check's, or else that of the context.
func connectCluster(ctx context.Context, c drill.Check) (*cluster, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = c.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: c.Context}
	loaded := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides)
	config, err := loaded.ClientConfig()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the kubeconfig")
	}
	if c.Namespace == "" {
		if c.Namespace, _, err = loaded.Namespace(); err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "read the kubeconfig")
		}
	}
	config.UserAgent = userAgent
	config.WarningHandler = rest.NoWarnings{}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "read the kubeconfig")
	}
	return &cluster{ctx: ctx, client: client, namespace: c.Namespace}, nil
}

// get reads a resource into an object of its type.
func (c *cluster) get(resource schema.GroupVersionResource, namespace, name string, into any) error {
	found, err := c.client.Resource(resource).Namespace(namespace).Get(c.ctx, name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	return convert(found.Object, into)
}

// pageSize is how many resources are asked for at a time.
const pageSize = 500

// list hands all resources of a kind in a namespace to each.
func (c *cluster) list(resource schema.GroupVersionResource, namespace, selector string, each func(map[string]any) error) error {
	options := metav1.ListOptions{LabelSelector: selector, Limit: pageSize}
	for {
		page, err := c.client.Resource(resource).Namespace(namespace).List(c.ctx, options)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			if err := each(item.Object); err != nil {
				return err
			}
		}
		if options.Continue = page.GetContinue(); options.Continue == "" {
			return nil
		}
	}
}

func convert(object map[string]any, into any) error {
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(object, into)
	return fault.Wrap(fault.Unsupported, err, "read a %s", (&unstructured.Unstructured{Object: object}).GetKind())
}

// apiFailure classifies what an API server said.
func apiFailure(err error, subject string) error {
	switch {
	case errors.IsNotFound(err):
		return unlike("there is no %s", subject)
	case errors.IsForbidden(err), errors.IsUnauthorized(err):
		return fault.Wrap(fault.Denied, err, "read %s", subject)
	default:
		return unreachable(err, "%s", fmt.Sprintf("read %s", subject))
	}
}
