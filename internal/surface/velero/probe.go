package velero

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery/cached/memory"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// The oldest Velero that will do.
const (
	oldestMajor = 1
	oldestMinor = 16
)

// answersWithin is how long a Velero may take to say that it is there.
const answersWithin = 30 * time.Second

// install says what to do about a Velero that isn't there.
const install = "install Velero 1.16 or later, as with `velero install`, or correct velero.namespace"

// present looks for Velero's API, without waiting for its server.
func (v server) present() error {
	found, err := v.Discovery.ServerResourcesForGroupVersion(apiVersion.String())
	if errors.Is(err, memory.ErrCacheNotFound) || apierrors.IsNotFound(err) || (err == nil && len(found.APIResources) == 0) {
		return fault.New(fault.Unsupported, "Velero is not on this cluster, which has no %s: %s", apiVersion, install)
	}
	return cluster.Failure(err, "look for Velero")
}

// version asks Velero's server which version it is.
func (v server) version(ctx context.Context) (surface.Server, error) {
	if err := v.present(); err != nil {
		return surface.Server{}, err
	}
	request, err := create(ctx, v, statusRequests, statusRequest{ObjectMeta: v.passing()})
	if fault.Is(err, fault.Missing) {
		return surface.Server{}, fault.New(fault.Unsupported, "Velero is not in namespace %s, which does not exist: %s", v.namespace, install)
	}
	if err != nil {
		return surface.Server{}, err
	}
	defer v.remove(ctx, statusRequests, request.Name)
	limited, cancel := context.WithTimeout(ctx, answersWithin)
	defer cancel()
	err = await(limited, "Velero says which version it is", func(ctx context.Context) (bool, error) {
		request, err = get[struct{}, serverStatus](ctx, v, statusRequests, request.Name)
		return request.Status.Phase == "Processed", err
	})
	if err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			return surface.Server{}, v.silent(ctx)
		}
		return surface.Server{}, err
	}
	return judge(request.Status.ServerVersion)
}

// silent says why no server of Velero answers.
func (v server) silent(ctx context.Context) error {
	const name = "velero"
	deployments := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	found, err := v.Resource(deployments, v.namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return fault.New(fault.Unsupported, "the cluster has Velero's types, but no Deployment %s in namespace %s runs it: %s", name, v.namespace, install)
	}
	if err != nil {
		return cluster.Failure(err, "look at Deployment %s/%s", v.namespace, name)
	}
	ready, _, _ := unstructured.NestedInt64(found.Object, "status", "readyReplicas")
	return fault.New(fault.Unavailable, "Velero in namespace %s has not answered for %s (%d pods of its Deployment are ready): look at its log",
		v.namespace, answersWithin, ready)
}

var versionNumber = regexp.MustCompile(`^v?(\d+)\.(\d+)`)

// judge refuses versions that are too old. One that is no release, as of a
// branch, is taken for new.
func judge(version string) (surface.Server, error) {
	out := surface.Server{Product: "Velero", Version: version, Major: oldestMajor}
	parts := versionNumber.FindStringSubmatch(version)
	if parts == nil {
		return out, nil
	}
	var minor int
	out.Major, _ = strconv.Atoi(parts[1])
	minor, _ = strconv.Atoi(parts[2])
	if out.Version[0] == 'v' {
		out.Version = out.Version[1:]
	}
	if out.Major < oldestMajor || (out.Major == oldestMajor && minor < oldestMinor) {
		return out, fault.New(fault.Unsupported, "Velero %s is too old: install %d.%d or later", version, oldestMajor, oldestMinor)
	}
	return out, nil
}

// passing is the metadata of what is removed again at once.
func (v server) passing() metav1.ObjectMeta {
	return metav1.ObjectMeta{GenerateName: "lifeboat-", Labels: map[string]string{labelManagedBy: managedBy}}
}

// remove removes a request that was answered. Velero does so itself after a
// while, so that a failure does not matter; it is done even if ctx has ended.
func (v server) remove(ctx context.Context, of resource, name string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answersWithin)
	defer cancel()
	_ = v.Resource(of.gvr(), v.namespace).Delete(ctx, name, metav1.DeleteOptions{})
}
