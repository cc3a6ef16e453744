package kubernetes

import (
	"fmt"
	"hash/fnv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The labels by which a job finds its pods. The server makes them of the job's UID.
var jobLabels = []string{"controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"}

// remapPod takes what was given to a pod when it was admitted and scheduled. What
// LimitRanges have set becomes what it asks for itself.
func remapPod(r remapper, body *unstructured.Unstructured) {
	dropAnnotations(body, func(name string) bool { return name == annotationLimits })
	spec := fieldsOf(body.Object, "spec")
	drop(spec, "nodeName", "priority", "preemptionPolicy", "overhead", "ephemeralContainers")
	tokens := map[string]bool{}
	for _, volume := range mapsOf(spec, "volumes") {
		name := textAt(volume, "name")
		tokens[name] = isToken(name, volume, spec["serviceAccountName"])
	}
	isOther := func(of map[string]any) bool { return !tokens[textAt(of, "name")] }
	keep(spec, "volumes", isOther)
	for _, containers := range []string{"containers", "initContainers"} {
		for _, container := range mapsOf(spec, containers) {
			keep(container, "volumeMounts", isOther)
		}
	}
	r.remapPodSpec(spec)
}

// remapJob takes what the server has made of a job's UID: it makes it anew.
func remapJob(r remapper, body *unstructured.Unstructured) {
	spec := fieldsOf(body.Object, "spec")
	if manual, _ := spec["manualSelector"].(bool); !manual {
		delete(spec, "selector")
		metadata := fieldsOf(spec, "template", "metadata")
		labels := fieldsOf(metadata, "labels")
		if drop(labels, jobLabels...); len(labels) == 0 {
			delete(metadata, "labels")
		}
		dropLabels(body, isOneOf(jobLabels))
	}
	remapTemplates(r, body)
}

// remapTemplates renames what the pods and claims name that a workload makes.
func remapTemplates(r remapper, body *unstructured.Unstructured) {
	r.remapPodSpec(fieldsOf(body.Object, "spec", "template", "spec"))
	r.remapPodSpec(fieldsOf(body.Object, "spec", "jobTemplate", "spec", "template", "spec"))
	for _, claim := range mapsOf(body.Object, "spec", "volumeClaimTemplates") {
		r.remapStorage(fieldsOf(claim, "spec"))
	}
}

func (r remapper) remapPodSpec(spec map[string]any) {
	for _, volume := range mapsOf(spec, "volumes") {
		r.remapStorage(fieldsOf(volume, "ephemeral", "volumeClaimTemplate", "spec"))
	}
}

// shortName is a name of at most a number of bytes; a longer one ends in a
// digest, so that two of them stay apart.
func shortName(name string, most int) string {
	if len(name) <= most {
		return name
	}
	sum := fnv.New64a()
	sum.Write([]byte(name))
	digest := fmt.Sprintf("%016x", sum.Sum64())
	return strings.TrimRight(name[:most-len(digest)-1], "-.") + "-" + digest
}
