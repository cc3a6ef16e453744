package kubernetes

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

var (
	accountsResource    = schema.GroupVersionResource{Version: "v1", Resource: "serviceaccounts"}
	namespacesResource  = schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}
	definitionsResource = schema.GroupVersionResource{Group: groupCRD, Version: "v1", Resource: "customresourcedefinitions"}
)

// isolatedNamespaces refuses an environment whose namespaces are not its own:
// by a wrong name, a drill would write into what is live.
func (b *beginning) isolatedNamespaces(ctx context.Context) error {
	if !b.d.isolated() {
		return nil
	}
	for _, name := range b.d.Namespaces {
		found, err := b.d.client.Resource(namespacesResource, "").Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return cluster.Failure(err, "look at namespace %s", name)
		}
		if found.GetLabels()[cluster.LabelEnvironment] != b.d.ID {
			return fault.New(fault.Conflict, "namespace %s has no label %s=%s: it does not belong to the environment", name, cluster.LabelEnvironment, b.d.ID)
		}
	}
	return nil
}

// makeNamespaces makes those that are needed and that the point has no object of.
func (b *beginning) makeNamespaces(ctx context.Context) error {
	client := b.d.client.Resource(namespacesResource, "")
	for namespace := range b.namespaces {
		name, err := b.d.namespace(namespace)
		if err != nil {
			return err
		}
		if name == "" {
			continue
		}
		_, err = client.Get(ctx, name, metav1.GetOptions{})
		if err == nil {
			continue
		}
		if !apierrors.IsNotFound(err) {
			return cluster.Failure(err, "look at namespace %s", name)
		}
		body := map[string]any{"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": name}}
		_, err = client.Create(ctx, &unstructured.Unstructured{Object: body}, metav1.CreateOptions{FieldManager: fieldManager})
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return cluster.Failure(err, "make namespace %s", name)
		}
	}
	return nil
}

// awaitAccounts waits for the service account that the cluster makes in every
// new namespace: it admits no pods before.
func (b *beginning) awaitAccounts(ctx context.Context) error {
	if !b.needed[typePods] {
		return nil
	}
	return poll(ctx, func() (string, error) {
		for namespace := range b.namespaces {
			name, err := b.d.namespace(namespace)
			if err != nil {
				return "", err
			}
			_, err = b.d.client.Resource(accountsResource, name).Get(ctx, metav1.NamespaceDefault, metav1.GetOptions{})
			if apierrors.IsNotFound(err) {
				return "the service account of namespace " + name, nil
			}
			if err != nil {
				return "", cluster.Failure(err, "look at the service account of namespace %s", name)
			}
		}
		return "", nil
	})
}

// awaitDefinitions waits until the API server has the types that the point
// brings and the restore needs.
func (b *beginning) awaitDefinitions(ctx context.Context) error {
	var types []schema.GroupResource
	for of := range b.defined {
		if b.d.selector.all() || b.needed[of] {
			types = append(types, of)
		}
	}
	if len(types) == 0 {
		return nil
	}
	client := b.d.client.Resource(definitionsResource, "")
	return poll(ctx, func() (string, error) {
		for len(types) > 0 {
			name := types[0].String()
			definition, err := client.Get(ctx, name, metav1.GetOptions{})
			switch {
			case err != nil:
				return "", cluster.Failure(err, "look at the definition of %s", name)
			case conditionIs(definition, "NamesAccepted", "False"):
				return "", fault.New(fault.Conflict, "another type of the target has a name of %s", name)
			case !conditionIs(definition, "Established", "True"):
				return "the definition of " + name + " to be established", nil
			}
			if has, err := b.d.served.has(types[0]); err != nil || !has {
				b.d.served.forget()
				return "the API server to have " + name, err
			}
			types = types[1:]
		}
		return "", nil
	})
}
