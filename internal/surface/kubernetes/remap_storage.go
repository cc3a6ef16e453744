package kubernetes

import "k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

// ofBinding tells the annotations that bind a claim and a volume of one cluster.
var ofBinding = hasPrefix(
	"pv.kubernetes.io/bind-completed", "pv.kubernetes.io/bound-by-controller", "volume.kubernetes.io/selected-node",
	"volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner", "volume.kubernetes.io/storage-resizer",
)

// remapClaim takes what binds a claim to its volume. In an environment it gets
// a new and empty volume: one by name could be what is live. Elsewhere the
// name of the volume stays, and whoever sends the claim sees to it that the
// volume is there for it.
func remapClaim(r remapper, body *unstructured.Unstructured) {
	dropAnnotations(body, ofBinding)
	r.remapStorage(fieldsOf(body.Object, "spec"))
}

// remapStorage renames the class of a claim or of a template of claims.
func (r remapper) remapStorage(spec map[string]any) {
	if spec == nil {
		return
	}
	if to, named := r.StorageClasses[textAt(spec, "storageClassName")]; named {
		spec["storageClassName"] = to
	}
	if r.isolated() {
		// The snapshots and claims that it was filled from aren't there either.
		drop(spec, "volumeName", "dataSource", "dataSourceRef")
	}
}

// remapVolume lets the claim of a volume have it again.
func remapVolume(r remapper, body *unstructured.Unstructured) {
	dropAnnotations(body, func(name string) bool { return name == "pv.kubernetes.io/bound-by-controller" })
	claim := fieldsOf(body.Object, "spec", "claimRef")
	if claim == nil {
		return
	}
	drop(claim, "uid", "resourceVersion")
	claim["namespace"] = r.renamed(textAt(claim, "namespace"))
}
