package velero

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// labelTarget is on every Restore of ours, with the name of its target.
const labelTarget = "lifeboat-dr.github.io/restore"

// destination is where a target's URL leads, with the Velero that restores there.
type destination struct {
	server
	cluster.Place
	// name stands for the target in the names of its Restores.
	name string
}

func (s *Surface) destination(t surface.Target) (destination, error) {
	place, err := cluster.ParsePlace(t.URL)
	if err != nil {
		return destination{}, err
	}
	out := destination{Place: place, name: "lifeboat-" + base(place.ID)}
	if place.ID == "" {
		out.name = "lifeboat-place-" + seal.SHA256([]byte(t.URL.Reveal()))[:digestLength]
	}
	out.server, err = connect(place.Config, s.config.Namespace)
	return out, err
}

// renamed are the target's names of a point's namespaces.
func (d destination) renamed(namespaces []string) (map[string]string, error) {
	out, taken := map[string]string{}, map[string]string{}
	for _, from := range namespaces {
		to, given := d.Namespaces[from]
		if !given {
			to = from
		}
		if !given && d.ID != "" {
			return nil, fault.New(fault.Invalid, "the environment %s has no namespace for %s", d.ID, from)
		}
		if other, twice := taken[to]; twice {
			return nil, fault.New(fault.Invalid, "namespaces %s and %s can't both be restored into %s", other, from, to)
		}
		taken[to], out[from] = from, to
	}
	return out, nil
}

// policy is Velero's word for what becomes of what is there.
func policy(t surface.Target) (string, error) {
	switch chosen := t.Conflict; {
	case chosen == surface.ConflictUpdate, chosen == "" && t.Replace:
		return "update", nil
	case chosen == surface.ConflictSkip:
		return "none", nil
	case chosen == surface.ConflictFail, chosen == "":
		// Nothing is in the way, once Begin has looked.
		return "none", nil
	default:
		return "", fault.New(fault.Invalid, "%q is nothing that a restore can do about what is there: %s", chosen, strings.Join(surface.Conflicts, ", "))
	}
}

// refusesConflicts reports whether nothing may be in the way.
func refusesConflicts(t surface.Target) bool {
	return t.Conflict == surface.ConflictFail || (t.Conflict == "" && !t.Replace)
}

// neverRestored are types that no Restore has. Nodes and events are past;
// databases of CloudNativePG are recovered by their operator.
var neverRestored = []string{"nodes", "events", "events.events.k8s.io"}

// restoreSpec is what Velero is told of a restore.
func (d destination) restoreSpec(t surface.Target, spec partSpec, of record) (restoreSpec, error) {
	renamed, err := d.renamed(spec.Namespaces)
	if err != nil {
		return restoreSpec{}, err
	}
	existing, err := policy(t)
	if err != nil {
		return restoreSpec{}, err
	}
	yes := true
	out := restoreSpec{
		BackupName: spec.Backup, IncludedNamespaces: spec.Namespaces, IncludedResources: t.Selection.Resources,
		ExcludedResources: slices.Clone(neverRestored), RestorePVs: &yes, ExistingResourcePolicy: existing,
	}
	for _, name := range of.Types {
		if _, typeGroup, _ := strings.Cut(name, "."); typeGroup == groupCNPG {
			out.ExcludedResources = append(out.ExcludedResources, name)
		}
	}
	if d.ID != "" && !of.brings(t.Selection) {
		// A volume that is not in the backup could be the live one.
		out.ExcludedResources = append(out.ExcludedResources, volumesResource)
	}
	maps.DeleteFunc(renamed, func(from, to string) bool { return from == to })
	if len(renamed) > 0 {
		out.NamespaceMapping = renamed
	}
	return out, nil
}

// refuse says what is wrong with a selection.
func refuse(chosen surface.Selection, spec partSpec, of record) error {
	if len(chosen.Schemas)+len(chosen.Tables) > 0 {
		return fault.New(fault.Invalid, "schemas and tables are no part of a backup of namespaces")
	}
	if len(chosen.Names) > 0 || chosen.Labels != "" {
		return fault.New(fault.Unsupported, "Velero's backup can't be restored by names or labels: its list has no labels to compare with. Choose types by resources, or restore everything into an environment and take what is needed from there")
	}
	if hasPods(chosen) {
		return nil
	}
	files := of.completed(spec.Namespaces)
	for _, name := range []string{claimsResource, volumesResource} {
		if selects(chosen.Resources, schema.GroupResource{Resource: name}) && len(files) > 0 {
			return fault.New(fault.Invalid, "%s without pods would come back as empty volumes: the backup has the files of %d volumes (such as %s of pod %s/%s), which are downloaded when the restored pods wait for them; choose pods, too",
				name, len(files), files[0].Volume, files[0].Namespace, files[0].Pod)
		}
	}
	return nil
}

// attempt is the name of the nth Restore into a target.
func (d destination) attempt(n int) string { return d.name + "-" + strconv.Itoa(n) }
