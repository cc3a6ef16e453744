package kubernetes

import "strings"

func normaliseWorkload(body map[string]any, _ map[string]string) {
	normalisePodSpec(fieldsOf(body, "spec", "template", "spec"))
}

func normaliseTemplate(body map[string]any, _ map[string]string) {
	normalisePodSpec(fieldsOf(body, "template", "spec"))
}

func normalisePod(body map[string]any, _ map[string]string) { normalisePodSpec(fieldsOf(body, "spec")) }

func normaliseStatefulSet(body map[string]any, names map[string]string) {
	normaliseWorkload(body, names)
	for _, claim := range mapsOf(body, "spec", "volumeClaimTemplates") {
		drop(claim, "status", "apiVersion", "kind")
		normaliseStorage(fieldsOf(claim, "spec"))
	}
}

func normaliseCronJob(body map[string]any, _ map[string]string) {
	normaliseJobSpec(fieldsOf(body, "spec", "jobTemplate", "spec"))
}

func normaliseJob(body map[string]any, _ map[string]string) {
	spec := fieldsOf(body, "spec")
	if spec["manualSelector"] != true {
		dropEmptied(body, []string{"metadata"}, jobLabels)
	}
	normaliseJobSpec(spec)
}

// normaliseJobSpec drops what ties a job to its own pods: selector and labels with its UID.
func normaliseJobSpec(spec map[string]any) {
	if spec["manualSelector"] != true {
		delete(spec, "selector")
		dropEmptied(spec, []string{"template", "metadata"}, jobLabels)
	}
	normalisePodSpec(fieldsOf(spec, "template", "spec"))
}

// dropEmptied drops labels from the metadata at a path, and the labels and the
// metadata themselves where nothing is left of them.
func dropEmptied(from map[string]any, path, labels []string) {
	holder := fieldsOf(from, path[:len(path)-1]...)
	metadata := fieldsOf(holder, path[len(path)-1])
	if metadata == nil {
		return
	}
	given := fieldsOf(metadata, "labels")
	if drop(given, labels...); len(given) == 0 {
		delete(metadata, "labels")
	}
	if dropNulls(metadata); len(metadata) == 0 {
		delete(holder, path[len(path)-1])
	}
}

// annotationLimits says what admission has set by the LimitRanges of a pod's
// namespace, like "LimitRanger plugin set: cpu, memory request for container web; cpu limit for init container i".
const annotationLimits = "kubernetes.io/limit-ranger"

// dropLimits drops the requests and limits that a pod did not ask for. In an
// environment, whose own LimitRange may have set them, it makes of a pod what
// the restore has sent.
func dropLimits(body map[string]any) {
	_, set, _ := strings.Cut(textAt(body, "metadata", "annotations", annotationLimits), ": ")
	for phrase := range strings.SplitSeq(set, "; ") {
		what, name, _ := strings.Cut(phrase, "container ")
		list := "containers"
		if strings.HasSuffix(what, " for init ") {
			list = "initContainers"
		}
		what, _, _ = strings.Cut(what, " for ")
		last := strings.LastIndex(what, " ")
		for _, container := range mapsOf(body, "spec", list) {
			if last < 0 || textAt(container, "name") != name {
				continue
			}
			resources := fieldsOf(container, "resources")
			of := fieldsOf(resources, what[last+1:]+"s")
			if drop(of, strings.Split(what[:last], ", ")...); len(of) == 0 {
				delete(resources, what[last+1:]+"s")
			}
		}
	}
}

const (
	// tokenVolume begins the name of the volume that every pod gets with its token.
	tokenVolume = "kube-api-access-"
	tokenInfix  = "-token-"
)

// normalisePodSpec drops what admission and the scheduler fill in.
func normalisePodSpec(spec map[string]any) {
	drop(spec, "nodeName", "priority", "preemptionPolicy", "serviceAccount", "ephemeralContainers", "overhead")
	keep(spec, "tolerations", func(one map[string]any) bool { return !defaultToleration(one) })
	tokens := map[string]bool{}
	for _, volume := range mapsOf(spec, "volumes") {
		normaliseStorage(fieldsOf(volume, "ephemeral", "volumeClaimTemplate", "spec"))
		name := textAt(volume, "name")
		tokens[name] = isToken(name, volume, spec["serviceAccountName"])
	}
	isOther := func(of map[string]any) bool { return !tokens[textAt(of, "name")] }
	keep(spec, "volumes", isOther)
	for _, list := range []string{"containers", "initContainers"} {
		for _, container := range mapsOf(spec, list) {
			keep(container, "volumeMounts", isOther)
		}
	}
}

// isToken reports whether a volume is one that admission has added: a projected
// one, or in older versions the secret of the service account.
func isToken(name string, volume map[string]any, account any) bool {
	if strings.HasPrefix(name, tokenVolume) && volume["projected"] != nil {
		return true
	}
	of, _ := account.(string)
	return of != "" && textAt(volume, "secret", "secretName") == name && strings.HasPrefix(name, of+tokenInfix)
}

// defaultToleration reports whether admission gives this one to every pod.
func defaultToleration(t map[string]any) bool {
	const seconds = 300
	key := t["key"]
	return (key == "node.kubernetes.io/not-ready" || key == "node.kubernetes.io/unreachable") &&
		t["operator"] == "Exists" && t["effect"] == "NoExecute" && t["tolerationSeconds"] == int64(seconds)
}
