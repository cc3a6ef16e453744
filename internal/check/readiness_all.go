package check

import (
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// workload is a type that allReadiness looks at.
type workload struct {
	resource schema.GroupVersionResource
	// problem is what is wrong with one; empty for nothing.
	problem func(object map[string]any) (string, error)
}

// problemOf is a workload's problem by its readiness. What is scaled to zero, or
// for no node, is as it asks to be.
func problemOf[T any](ready func(*T) readiness) func(map[string]any) (string, error) {
	return func(object map[string]any) (string, error) {
		var typed T
		if err := convert(object, &typed); err != nil {
			return "", err
		}
		problem := ready(&typed).problem
		if problem == noReplicas || problem == noNode {
			return "", nil
		}
		return problem, nil
	}
}

// suspendable is jobReadiness, of a job that may wait for somebody to resume it.
func suspendable(j *batchv1.Job) readiness {
	if j.Spec.Suspend != nil && *j.Spec.Suspend {
		return readiness{observed: "suspended"}
	}
	return jobReadiness(j)
}

// allReadiness wants one workload or claim, and every one to be ready.
func (a *asked) allReadiness() (readiness, error) {
	ready, all := 0, 0
	var problems []string
	for _, namespace := range a.namespaces {
		for _, w := range a.workloads(namespace) {
			err := a.list(w.resource, namespace, "", func(object map[string]any) error {
				all++
				problem, err := w.problem(object)
				if err != nil {
					return err
				}
				if problem == "" {
					ready++
				} else if len(problems) < maxProblems {
					problems = append(problems, a.subject(w, object)+": "+problem)
				}
				return nil
			})
			if err != nil {
				return readiness{}, err
			}
		}
	}
	r := readiness{observed: fmt.Sprintf("%d of %d workloads and claims ready", ready, all), problem: strings.Join(problems, "; ")}
	if more := all - ready - len(problems); more > 0 {
		r.problem += fmt.Sprintf("; and %d more", more)
	}
	if all == 0 {
		r.problem = "there is no workload and no claim"
	}
	return r, nil
}

// subject is like deployments/api, with the namespace where there are several.
func (a *asked) subject(w workload, object map[string]any) string {
	o := unstructured.Unstructured{Object: object}
	out := w.resource.Resource + "/" + o.GetName()
	if len(a.namespaces) > 1 {
		out += " in " + o.GetNamespace()
	}
	return out
}

func (a *asked) workloads(namespace string) []workload {
	return []workload{
		{appsv1.SchemeGroupVersion.WithResource("deployments"), problemOf(deploymentReadiness)},
		{appsv1.SchemeGroupVersion.WithResource("statefulsets"), problemOf(statefulSetReadiness)},
		{appsv1.SchemeGroupVersion.WithResource("daemonsets"), problemOf(daemonSetReadiness)},
		{batchv1.SchemeGroupVersion.WithResource("jobs"), problemOf(suspendable)},
		{corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"), func(object map[string]any) (string, error) {
			return a.claimProblem(namespace, object)
		}},
	}
}

// claimProblem wants a claim to be bound, unless it is to be when a pod uses it, and none does.
func (a *asked) claimProblem(namespace string, object map[string]any) (string, error) {
	var claim corev1.PersistentVolumeClaim
	if err := convert(object, &claim); err != nil {
		return "", err
	}
	phase := claim.Status.Phase
	if phase == corev1.ClaimBound {
		return "", nil
	}
	if phase == corev1.ClaimPending && a.waits(claim) {
		used, err := a.mounted(namespace, claim.Name)
		if err != nil || !used {
			return "", err
		}
	}
	if phase == "" {
		phase = corev1.ClaimPending
	}
	return "it is " + strings.ToLower(string(phase)), nil
}

// waits reports whether a claim's volume is made when a pod uses it. Who may not
// read the storage class is told of a claim that is pending.
func (a *asked) waits(claim corev1.PersistentVolumeClaim) bool {
	if claim.Spec.StorageClassName == nil || *claim.Spec.StorageClassName == "" {
		return false
	}
	var class storagev1.StorageClass
	err := a.get(storagev1.SchemeGroupVersion.WithResource("storageclasses"), "", *claim.Spec.StorageClassName, &class)
	return err == nil && class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
}

// mounted reports whether a pod uses a claim.
func (a *asked) mounted(namespace, claim string) (bool, error) {
	used := false
	err := a.list(corev1.SchemeGroupVersion.WithResource("pods"), namespace, "", func(object map[string]any) error {
		var pod corev1.Pod
		err := convert(object, &pod)
		used = used || slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool {
			return v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ClaimName == claim
		})
		return err
	})
	return used, err
}
