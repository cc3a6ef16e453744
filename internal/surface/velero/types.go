package velero

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/restmapper"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// shortNames are those that Kubernetes has for the types of its own that a
// namespace may have, and for volumes.
var shortNames = map[string]string{
	"cm": "configmaps", "cj": "cronjobs", "deploy": "deployments", "ds": "daemonsets", "ep": "endpoints", "hpa": "horizontalpodautoscalers",
	"ing": "ingresses", "limits": "limitranges", "netpol": "networkpolicies", "pdb": "poddisruptionbudgets", "po": "pods",
	"pv": volumesResource, "pvc": claimsResource, "quota": "resourcequotas", "rc": "replicationcontrollers", "rs": "replicasets",
	"sa": "serviceaccounts", "sts": "statefulsets", "svc": "services",
}

// selects reports whether names of types name one, with its group or without:
// plural, singular, kind or short name, in any case.
func selects(names []string, of schema.GroupResource) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		given := schema.ParseGroupResource(strings.ToLower(name))
		if given.Group != "" && given.Group != of.Group {
			return false
		}
		plural, _ := meta.UnsafeGuessKindToResource(schema.GroupVersionKind{Kind: given.Resource})
		return of.Resource == given.Resource || of.Resource == plural.Resource || of.Resource == shortNames[given.Resource]
	})
}

// resolve gives types the names that Velero matches them by, PLURAL.GROUP, as
// Velero and kubectl find them. A type that the target does not know must be
// named as the Backup has it.
func (d destination) resolve(names, inBackup []string) ([]string, error) {
	mapper := restmapper.NewShortcutExpander(d.Mapper, d.Discovery, func(string) {})
	return resolved(mapper, names, inBackup)
}

func resolved(mapper meta.RESTMapper, names, inBackup []string) ([]string, error) {
	var out []string
	for _, name := range names {
		found, err := mapper.ResourceFor(schema.ParseGroupResource(strings.ToLower(name)).WithVersion(""))
		switch {
		case err == nil:
			of := found.GroupResource()
			if !selects([]string{name}, of) {
				return nil, fault.New(fault.Invalid, "%s is %s: choose it by that name", name, of)
			}
			out = append(out, of.String())
		case !meta.IsNoMatchError(err):
			return nil, cluster.Failure(err, "ask the cluster for its types")
		case slices.Contains(inBackup, name):
			out = append(out, name)
		default:
			return nil, fault.New(fault.Invalid, "the target has no type %q, and neither has the backup: choose types by names such as persistentvolumeclaims or deployments.apps", name)
		}
	}
	return out, nil
}

// chosen refuses a choice of types that could not be compared afterwards: of
// which the point has nothing, or whose names mean more than Velero restores.
func (s *Surface) chosen(f surface.Fingerprint, names, types []string) error {
	of := s.Scope(f, surface.Selection{Resources: names})
	if len(of) == 0 {
		return fault.New(fault.Invalid, "the point has nothing of %s that a restore could be compared by", strings.Join(names, ", "))
	}
	if len(of) != len(s.Scope(f, surface.Selection{Resources: types})) {
		return fault.New(fault.Invalid, "%s is more than one type: choose %s, or others by their groups", strings.Join(names, ", "), strings.Join(types, ", "))
	}
	return nil
}
