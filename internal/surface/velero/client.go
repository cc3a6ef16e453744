package velero

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/cluster/clients"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Labels of what Lifeboat has made in Velero's namespace.
const (
	labelManagedBy = "app.kubernetes.io/managed-by"
	managedBy      = "lifeboat"
	labelSurface   = "lifeboat-dr.github.io/surface"
)

// pollEvery is how often Velero is asked whether it has come any further.
const pollEvery = 2 * time.Second

// server is the Velero of one cluster.
type server struct {
	*clients.Client
	namespace string
}

func connect(c cluster.Config, namespace string) (server, error) {
	client, err := clients.Connect(c)
	return server{client, namespace}, err
}

func get[S, T any](ctx context.Context, v server, of resource, name string) (object[S, T], error) {
	var out object[S, T]
	found, err := v.Resource(of.gvr(), v.namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return out, cluster.Failure(err, "look at %s %s", of.kind, name)
	}
	err = decode(found, &out)
	return out, err
}

func list[S, T any](ctx context.Context, v server, of resource, selector string) ([]object[S, T], error) {
	found, err := v.Resource(of.gvr(), v.namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, cluster.Failure(err, "list the %ss of Velero in namespace %s", of.kind, v.namespace)
	}
	out := make([]object[S, T], len(found.Items))
	for i := range found.Items {
		if err := decode(&found.Items[i], &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// create makes an object. A field that this Velero does not know is refused.
func create[S, T any](ctx context.Context, v server, of resource, o object[S, T]) (object[S, T], error) {
	o.TypeMeta = metav1.TypeMeta{APIVersion: apiVersion.String(), Kind: of.kind}
	o.Namespace = v.namespace
	var out object[S, T]
	content, err := encode(o)
	if err != nil {
		return out, err
	}
	made, err := v.Resource(of.gvr(), v.namespace).Create(ctx, content, metav1.CreateOptions{FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		return out, cluster.Failure(err, "make %s %s in namespace %s", of.kind, o.Name+o.GenerateName, v.namespace)
	}
	err = decode(made, &out)
	return out, err
}

func decode(from *unstructured.Unstructured, into any) error {
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(from.Object, into)
	return fault.Wrap(fault.Unsupported, err, "read %s %s", from.GetKind(), from.GetName())
}

func encode(o any) (*unstructured.Unstructured, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, err
	}
	out := &unstructured.Unstructured{}
	err = out.UnmarshalJSON(text)
	return out, err
}

// await asks until done says so. An API server that is away for a moment is
// asked again; nothing that Velero does waits for us. It ends with ctx, as
// fault.Unavailable.
func await(ctx context.Context, what string, done func(context.Context) (bool, error)) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		over, err := done(ctx)
		if over || (err != nil && !fault.Is(err, fault.Unavailable)) {
			return err
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = context.Cause(ctx)
			}
			return fault.Wrap(fault.Unavailable, err, "wait until %s", what)
		case <-tick.C:
		}
	}
}

// newest is the object that was made last; false when there is none.
func newest[S, T any](of []object[S, T]) (object[S, T], bool) {
	if len(of) == 0 {
		return object[S, T]{}, false
	}
	return slices.MaxFunc(of, func(a, b object[S, T]) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), compareNames(a.Name, b.Name))
	}), true
}

// compareNames orders names that end in numbers by those numbers.
func compareNames(a, b string) int {
	return cmp.Or(len(a)-len(b), strings.Compare(a, b))
}
