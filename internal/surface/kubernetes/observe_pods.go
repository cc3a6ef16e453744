package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// workload names what owns pods.
type workload struct{ namespace, name string }

// volumesOf are the claims that pods on each node have mounted.
type volumesOf map[string]map[claim]bool

// claim names a persistent volume claim.
type claim struct{ namespace, name string }

// podSigns is what is read of a pod.
type podSigns struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		NodeName string `json:"nodeName"`
		Volumes  []struct {
			PersistentVolumeClaim *struct {
				ClaimName string `json:"claimName"`
			} `json:"persistentVolumeClaim"`
		} `json:"volumes"`
	} `json:"spec"`
	Status struct {
		Phase      string `json:"phase"`
		Conditions []struct {
			Type   string `json:"type"`
			Status string `json:"status"`
		} `json:"conditions"`
		InitContainerStatuses []containerSigns `json:"initContainerStatuses"`
		ContainerStatuses     []containerSigns `json:"containerStatuses"`
	} `json:"status"`
}

type containerSigns struct {
	RestartCount int64 `json:"restartCount"`
}

// workloadSigns is what is read of a deployment, a stateful set and a daemon set.
type workloadSigns struct {
	Metadata meta `json:"metadata"`
	Spec     struct {
		// Replicas is 1 where nothing is said.
		Replicas *int `json:"replicas"`
	} `json:"spec"`
	Status struct {
		AvailableReplicas      int `json:"availableReplicas"`
		DesiredNumberScheduled int `json:"desiredNumberScheduled"`
		NumberAvailable        int `json:"numberAvailable"`
	} `json:"status"`
}

// pods are the pods of each workload, and what volumes they have mounted. What
// deployments and the like want, they say themselves; of other owners there
// should be as many as there are that have not finished.
func (o *observer) pods(ctx context.Context) ([]status.Pods, volumesOf, error) {
	found := map[workload]*status.Pods{}
	for _, of := range workloadTypes {
		err := o.all(ctx, listing{of: of, selector: o.selector}, func(text []byte) error {
			var w workloadSigns
			if err := json.Unmarshal(text, &w); err != nil {
				return err
			}
			p := entry(found, workload{w.Metadata.Namespace, strings.ToLower(of.Kind) + "/" + w.Metadata.Name})
			if of.Kind == "DaemonSet" {
				p.Wanted, p.Available = w.Status.DesiredNumberScheduled, w.Status.NumberAvailable
				return nil
			}
			if p.Wanted = 1; w.Spec.Replicas != nil {
				p.Wanted = *w.Spec.Replicas
			}
			p.Available = min(p.Wanted, w.Status.AvailableReplicas)
			return nil
		})
		if err != nil {
			return nil, nil, err
		}
	}
	mounted := volumesOf{}
	err := o.all(ctx, listing{of: podType, selector: o.selector}, func(text []byte) error {
		var pod podSigns
		if err := json.Unmarshal(text, &pod); err != nil {
			return err
		}
		countPod(found, pod)
		mounted.add(pod)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	out := make([]status.Pods, 0, len(found))
	for _, p := range found {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b status.Pods) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Workload, b.Workload))
	})
	return out, mounted, nil
}

func entry(found map[workload]*status.Pods, w workload) *status.Pods {
	if found[w] == nil {
		found[w] = &status.Pods{Namespace: w.namespace, Workload: w.name}
	}
	return found[w]
}

// countPod adds a pod to its workload.
func countPod(found map[workload]*status.Pods, pod podSigns) {
	name := ownerOf(pod.Metadata)
	w := workload{pod.Metadata.Namespace, name}
	counted := found[w] != nil && counts(name)
	p := entry(found, w)
	for _, c := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		p.Restarts += c.RestartCount
	}
	if counted || pod.Status.Phase == "Succeeded" || finite(name) {
		return
	}
	p.Wanted++
	for _, condition := range pod.Status.Conditions {
		if condition.Type == "Ready" && condition.Status == "True" {
			p.Available++
		}
	}
}

// counts reports whether a workload says itself how many pods there should be.
func counts(name string) bool {
	kind, _, _ := strings.Cut(name, "/")
	return slices.ContainsFunc(workloadTypes, func(of resourceType) bool { return strings.EqualFold(of.Kind, kind) })
}

// finite reports whether a workload's pods come to an end: then none has to be there.
func finite(name string) bool {
	return strings.HasPrefix(name, "job/") || strings.HasPrefix(name, "cronjob/")
}

// byTime is the end of the name of a job that a cron job has made.
var byTime = regexp.MustCompile(`-\d{8,}$`)

// ownerOf is the workload of a pod, as KIND/NAME: the deployment of a replica
// set and the cron job of a job, by what they name what they make.
func ownerOf(m meta) string {
	for _, owner := range m.OwnerReferences {
		if !owner.Controller {
			continue
		}
		switch hash := m.Labels["pod-template-hash"]; {
		case owner.Kind == "ReplicaSet" && hash != "" && strings.HasSuffix(owner.Name, "-"+hash):
			return "deployment/" + strings.TrimSuffix(owner.Name, "-"+hash)
		case owner.Kind == "Job" && byTime.MatchString(owner.Name):
			return "cronjob/" + byTime.ReplaceAllString(owner.Name, "")
		}
		return strings.ToLower(owner.Kind) + "/" + owner.Name
	}
	return "pod/" + m.Name
}

func (v volumesOf) add(pod podSigns) {
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim == nil || pod.Spec.NodeName == "" || pod.Status.Phase != "Running" {
			continue
		}
		if v[pod.Spec.NodeName] == nil {
			v[pod.Spec.NodeName] = map[claim]bool{}
		}
		v[pod.Spec.NodeName][claim{pod.Metadata.Namespace, volume.PersistentVolumeClaim.ClaimName}] = true
	}
}

// nodes are those with volumes, in order.
func (v volumesOf) nodes() []string { return slices.Sorted(maps.Keys(v)) }
