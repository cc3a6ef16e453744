package check

import (
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// readiness is what a resource is like: a problem, where it is not ready.
type readiness struct{ observed, problem string }

func (a *asked) readiness(kind string) (readiness, error) {
	switch kind {
	case drill.ResourceDeployment:
		var d appsv1.Deployment
		err := a.get(appsv1.SchemeGroupVersion.WithResource("deployments"), a.namespaces[0], a.name, &d)
		return deploymentReadiness(&d), err
	case drill.ResourceStatefulSet:
		var s appsv1.StatefulSet
		err := a.get(appsv1.SchemeGroupVersion.WithResource("statefulsets"), a.namespaces[0], a.name, &s)
		return statefulSetReadiness(&s), err
	case drill.ResourceDaemonSet:
		var d appsv1.DaemonSet
		err := a.get(appsv1.SchemeGroupVersion.WithResource("daemonsets"), a.namespaces[0], a.name, &d)
		return daemonSetReadiness(&d), err
	case drill.ResourcePod:
		var p corev1.Pod
		err := a.get(corev1.SchemeGroupVersion.WithResource("pods"), a.namespaces[0], a.name, &p)
		return podReadiness(&p), err
	case drill.ResourceJob:
		var j batchv1.Job
		err := a.get(batchv1.SchemeGroupVersion.WithResource("jobs"), a.namespaces[0], a.name, &j)
		return jobReadiness(&j), err
	case drill.ResourceNode:
		var n corev1.Node
		err := a.get(corev1.SchemeGroupVersion.WithResource("nodes"), "", a.name, &n)
		return nodeReadiness(&n), err
	case drill.ResourceService:
		return a.serviceReadiness()
	case drill.ResourceNamespace:
		return a.namespaceReadiness()
	case drill.ResourceAll:
		return a.allReadiness()
	default:
		return readiness{}, fault.New(fault.Invalid, "a check can't ask for the readiness of a %s", kind)
	}
}

// replicas is how many are wanted; Kubernetes takes one where nothing is said.
func replicas(wanted *int32) int32 {
	if wanted == nil {
		return 1
	}
	return *wanted
}

// noReplicas is the problem of what was scaled to zero: it is as was asked for, and serves nobody.
const noReplicas = "no replica is wanted"

// noNode is the same of what runs on each of some nodes.
const noNode = "no node is to run it"

// notSeen is the problem of what was changed and not looked at yet by its controller.
const notSeen = "its controller has not seen its last change yet"

// deploymentReadiness is that of `kubectl rollout status`, but that one without replicas is not ready.
func deploymentReadiness(d *appsv1.Deployment) readiness {
	want, s := replicas(d.Spec.Replicas), d.Status
	r := readiness{observed: fmt.Sprintf("%d of %d replicas available, %d updated", s.AvailableReplicas, want, s.UpdatedReplicas)}
	for _, condition := range s.Conditions {
		if condition.Type == appsv1.DeploymentProgressing && condition.Reason == "ProgressDeadlineExceeded" {
			r.problem = condition.Message
			return r
		}
	}
	switch {
	case s.ObservedGeneration < d.Generation:
		r.problem = notSeen
	case want == 0:
		r.problem = noReplicas
	case s.UpdatedReplicas < want:
		r.problem = fmt.Sprintf("%d of %d replicas are updated", s.UpdatedReplicas, want)
	case s.Replicas > s.UpdatedReplicas:
		r.problem = fmt.Sprintf("%d old replicas are not gone yet", s.Replicas-s.UpdatedReplicas)
	case s.AvailableReplicas < s.UpdatedReplicas:
		r.problem = fmt.Sprintf("%d of %d replicas are available", s.AvailableReplicas, s.UpdatedReplicas)
	}
	return r
}

func statefulSetReadiness(set *appsv1.StatefulSet) readiness {
	want, s := replicas(set.Spec.Replicas), set.Status
	r := readiness{observed: fmt.Sprintf("%d of %d replicas ready, %d updated", s.ReadyReplicas, want, s.UpdatedReplicas)}
	update := set.Spec.UpdateStrategy
	rolls := update.Type != appsv1.OnDeleteStatefulSetStrategyType
	var kept int32
	if update.RollingUpdate != nil && update.RollingUpdate.Partition != nil {
		kept = *update.RollingUpdate.Partition
	}
	switch {
	case s.ObservedGeneration < set.Generation:
		r.problem = notSeen
	case want == 0:
		r.problem = noReplicas
	case s.ReadyReplicas < want:
		r.problem = fmt.Sprintf("%d of %d replicas are ready", s.ReadyReplicas, want)
	case rolls && kept > 0 && s.UpdatedReplicas < want-kept:
		r.problem = fmt.Sprintf("%d of %d replicas are updated", s.UpdatedReplicas, want-kept)
	case rolls && kept == 0 && s.UpdateRevision != s.CurrentRevision:
		r.problem = fmt.Sprintf("%d of %d replicas are updated", s.UpdatedReplicas, want)
	}
	return r
}

func daemonSetReadiness(d *appsv1.DaemonSet) readiness {
	want, s := d.Status.DesiredNumberScheduled, d.Status
	r := readiness{observed: fmt.Sprintf("%d of %d pods available, %d updated", s.NumberAvailable, want, s.UpdatedNumberScheduled)}
	switch {
	case s.ObservedGeneration < d.Generation:
		r.problem = notSeen
	case want == 0:
		r.problem = noNode
	case d.Spec.UpdateStrategy.Type != appsv1.OnDeleteDaemonSetStrategyType && s.UpdatedNumberScheduled < want:
		r.problem = fmt.Sprintf("%d of %d pods are updated", s.UpdatedNumberScheduled, want)
	case s.NumberAvailable < want:
		r.problem = fmt.Sprintf("%d of %d pods are available", s.NumberAvailable, want)
	}
	return r
}

func podReadiness(p *corev1.Pod) readiness {
	r := readiness{observed: string(p.Status.Phase)}
	for _, condition := range p.Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue {
			r.observed += ", ready"
			if p.DeletionTimestamp != nil {
				r.problem = "it is being deleted"
			}
			return r
		}
	}
	r.problem = "its phase is " + r.observed
	for _, container := range p.Status.ContainerStatuses {
		if waiting := container.State.Waiting; waiting != nil && waiting.Reason != "" {
			r.problem += fmt.Sprintf(", container %s: %s", container.Name, waiting.Reason)
		} else if !container.Ready && container.State.Terminated == nil {
			r.problem += fmt.Sprintf(", container %s is not ready", container.Name)
		}
	}
	return r
}

func jobReadiness(j *batchv1.Job) readiness {
	r := readiness{observed: fmt.Sprintf("%d succeeded, %d failed, %d active", j.Status.Succeeded, j.Status.Failed, j.Status.Active)}
	r.problem = "it has not completed"
	for _, condition := range j.Status.Conditions {
		switch {
		case condition.Status != corev1.ConditionTrue:
		case condition.Type == batchv1.JobComplete:
			r.problem = ""
		case condition.Type == batchv1.JobFailed:
			r.problem = strings.TrimSpace("it has failed: " + condition.Reason + " " + condition.Message)
		}
	}
	return r
}

func nodeReadiness(n *corev1.Node) readiness {
	for _, condition := range n.Status.Conditions {
		if condition.Type != corev1.NodeReady {
			continue
		}
		r := readiness{observed: "Ready is " + string(condition.Status)}
		if condition.Status != corev1.ConditionTrue {
			r.problem = strings.TrimSpace(condition.Reason + " " + condition.Message)
		}
		return r
	}
	return readiness{"no condition Ready", "its kubelet has reported nothing"}
}

// serviceReadiness wants one ready endpoint.
func (a *asked) serviceReadiness() (readiness, error) {
	var service corev1.Service
	if err := a.get(corev1.SchemeGroupVersion.WithResource("services"), a.namespaces[0], a.name, &service); err != nil {
		return readiness{}, err
	}
	ready, all := 0, 0
	selector := discoveryv1.LabelServiceName + "=" + a.name
	err := a.list(discoveryv1.SchemeGroupVersion.WithResource("endpointslices"), a.namespaces[0], selector, func(object map[string]any) error {
		var slice discoveryv1.EndpointSlice
		if err := convert(object, &slice); err != nil {
			return err
		}
		for _, endpoint := range slice.Endpoints {
			all++
			// What is not known is to be taken for ready, as the API's description says.
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				ready++
			}
		}
		return nil
	})
	r := readiness{observed: fmt.Sprintf("%d of %s ready", ready, plural(all, "endpoint"))}
	if ready == 0 {
		r.problem = "it has no ready endpoint"
	}
	return r, err
}

// namespaceReadiness wants one pod, and every pod to be ready or to have succeeded.
func (a *asked) namespaceReadiness() (readiness, error) {
	var namespace corev1.Namespace
	if err := a.get(corev1.SchemeGroupVersion.WithResource("namespaces"), "", a.name, &namespace); err != nil {
		return readiness{}, err
	}
	ready, all := 0, 0
	var problems []string
	err := a.list(corev1.SchemeGroupVersion.WithResource("pods"), a.name, "", func(object map[string]any) error {
		var pod corev1.Pod
		if err := convert(object, &pod); err != nil {
			return err
		}
		all++
		if r := podReadiness(&pod); pod.Status.Phase == corev1.PodSucceeded || r.problem == "" {
			ready++
		} else if len(problems) < maxProblems {
			problems = append(problems, fmt.Sprintf("pod %s: %s", pod.Name, r.problem))
		}
		return nil
	})
	r := readiness{observed: fmt.Sprintf("%d of %s ready", ready, plural(all, "pod")), problem: strings.Join(problems, "; ")}
	if all == 0 {
		r.problem = "it has no pods"
	}
	return r, err
}

// maxProblems is how many of what is not ready are named.
const maxProblems = 5
