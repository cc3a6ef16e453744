package velero

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Keep implements surface.Keeper: it makes the BackupStorageLocation and the
// Schedules as they are configured, puts back what was changed by hand, and
// removes what was configured once and is no longer, except for a location that
// Backups name, which it says each time. What somebody else has
// made is never touched: where it has a name that is wanted, the error is
// fault.Conflict. A Schedule that Velero refuses is fault.Invalid.
func (s *Surface) Keep(ctx context.Context) ([]string, error) {
	v, err := s.connect()
	if err != nil {
		return nil, err
	}
	if err := v.present(); err != nil {
		return nil, err
	}
	wanted, err := s.wanted()
	if err != nil {
		return nil, err
	}
	var changed []string
	for _, of := range []resource{locations, schedules} {
		for _, name := range slices.Sorted(maps.Keys(wanted[of])) {
			line, err := s.keep(ctx, v, of, name, wanted[of][name])
			if line != "" {
				changed = append(changed, line)
			}
			if err != nil {
				return changed, err
			}
		}
	}
	// What uses a location goes before it.
	for _, of := range []resource{schedules, locations} {
		removed, err := s.discard(ctx, v, of, wanted[of])
		changed = append(changed, removed...)
		if err != nil {
			return changed, err
		}
	}
	return changed, s.refused(ctx, v)
}

// wanted are the specs of what is configured, by type and name.
func (s *Surface) wanted() (map[resource]map[string]any, error) {
	out := map[resource]map[string]any{locations: {}, schedules: {}}
	if s.config.Storage.Kept() {
		spec, err := locationOf(s.config.Storage)
		if err != nil {
			return nil, err
		}
		out[locations][s.config.Storage.Name] = spec
	}
	for name, of := range s.config.Schedules {
		template, err := s.backupSpec(of.VeleroBackup, of.Retention())
		if err != nil {
			return nil, err
		}
		out[schedules][s.scheduleName(name)] = scheduleSpec{Schedule: of.Expression(), Paused: of.Paused, Template: template}
	}
	return out, nil
}

// providers are Velero's names of providers.
var providers = map[string]string{surface.VeleroS3: "aws", surface.VeleroAzure: "azure", surface.VeleroGCS: "gcp"}

// locationOf is the BackupStorageLocation of settings. It reads the CA file.
func locationOf(c surface.VeleroStorage) (locationSpec, error) {
	out := locationSpec{
		Provider: providers[c.Provider], Default: c.Default, AccessMode: c.AccessMode,
		ObjectStorage: objectStorage{Bucket: c.Bucket, Prefix: strings.Trim(c.Prefix, "/")},
		Config:        map[string]string{},
	}
	if out.AccessMode == "" {
		out.AccessMode = "ReadWrite"
	}
	for key, value := range map[string]string{
		"region": c.Region, "s3Url": c.Endpoint, "publicUrl": c.PublicEndpoint,
		"resourceGroup": c.ResourceGroup, "storageAccount": c.StorageAccount, "subscriptionId": c.Subscription,
		"serviceAccount": c.ServiceAccount,
	} {
		if value != "" {
			out.Config[key] = value
		}
	}
	if c.Endpoint != "" {
		out.Config["s3ForcePathStyle"] = "true"
	}
	if c.Credential.Name != "" {
		out.Credential = &secretKey{Name: c.Credential.Name, Key: c.Credential.Key}
		if out.Credential.Key == "" {
			out.Credential.Key = "cloud"
		}
	}
	if c.CAFile != "" {
		certificates, err := os.ReadFile(c.CAFile)
		if err != nil {
			return out, fault.Wrap(fault.Invalid, err, "read the certificates of velero.storage")
		}
		out.ObjectStorage.CACert = certificates
	}
	return out, nil
}

// keep makes one object, or puts it back, and says what it did.
func (s *Surface) keep(ctx context.Context, v server, of resource, name string, spec any) (string, error) {
	found, err := v.Resource(of.gvr(), v.namespace).Get(ctx, name, metav1.GetOptions{})
	if err := cluster.Failure(err, "look at %s %s", of.kind, name); fault.Is(err, fault.Missing) {
		_, err := create(ctx, v, of, object[any, struct{}]{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: s.labels()}, Spec: spec})
		if err != nil {
			return "", err
		}
		return "made " + of.kind + " " + name, nil
	} else if err != nil {
		return "", err
	}
	for label, value := range s.labels() {
		if found.GetLabels()[label] != value {
			return "", fault.New(fault.Conflict, "%s %s in namespace %s was made by somebody else: remove it, or take another name", of.kind, name, v.namespace)
		}
	}
	is, _ := found.Object["spec"].(map[string]any)
	want, err := plain(spec)
	if err != nil {
		return "", err
	}
	if skip, set := is["skipImmediately"]; set {
		// Velero sets it itself.
		want["skipImmediately"] = skip
	}
	fields := differing("spec", tidy(want), tidy(is))
	if len(fields) == 0 {
		return "", nil
	}
	patch, err := json.Marshal([]map[string]any{{"op": "replace", "path": "/spec", "value": want}})
	if err != nil {
		return "", err
	}
	_, err = v.Resource(of.gvr(), v.namespace).Patch(ctx, name, types.JSONPatchType, patch, metav1.PatchOptions{FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		return "", cluster.Failure(err, "put %s %s back", of.kind, name)
	}
	return "put " + of.kind + " " + name + " back: " + strings.Join(fields, ", "), nil
}

// discard removes what is ours and not wanted. A location stays as long as a
// Backup names it: without it, none of them could be restored.
func (s *Surface) discard(ctx context.Context, v server, of resource, wanted map[string]any) ([]string, error) {
	found, err := v.Resource(of.gvr(), v.namespace).List(ctx, metav1.ListOptions{LabelSelector: s.selectOurs()})
	if err != nil {
		return nil, cluster.Failure(err, "list the %ss of Velero in namespace %s", of.kind, v.namespace)
	}
	var changed []string
	for i := range found.Items {
		one := &found.Items[i]
		name := one.GetName()
		if _, keep := wanted[name]; keep {
			continue
		}
		if of == locations {
			all, err := list[backupSpec, backupStatus](ctx, v, backups, "")
			if err != nil {
				return changed, err
			}
			if used := within(all, name); used > 0 {
				changed = append(changed, fmt.Sprintf("left %s %s, which is no longer configured: %d Backups are in it", of.kind, name, used))
				continue
			}
		}
		err := cluster.Failure(v.Resource(of.gvr(), v.namespace).Delete(ctx, name, asSeen(one)), "remove %s %s", of.kind, name)
		if err != nil && !fault.Is(err, fault.Missing) {
			return changed, err
		}
		changed = append(changed, "removed "+of.kind+" "+name)
	}
	return changed, nil
}

// within is how many Backups are in a location.
func within(all []backup, location string) int {
	count := 0
	for _, b := range all {
		if b.Spec.StorageLocation == location {
			count++
		}
	}
	return count
}

// asSeen deletes an object only if it is still the one that was looked at.
func asSeen(o *unstructured.Unstructured) metav1.DeleteOptions {
	uid, version := o.GetUID(), o.GetResourceVersion()
	return metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid, ResourceVersion: &version}}
}

// refused is the error of Schedules that Velero does not run.
func (s *Surface) refused(ctx context.Context, v server) error {
	ours, err := list[scheduleSpec, scheduleStatus](ctx, v, schedules, s.selectOurs())
	if err != nil {
		return err
	}
	for _, one := range ours {
		if one.Status.Phase == phaseFailedValidation {
			return fault.New(fault.Invalid, "Velero refuses Schedule %s: %s", one.Name, line(strings.Join(one.Status.ValidationErrors, "; ")))
		}
	}
	return nil
}

// plain is a spec as an API server would show it.
func plain(spec any) (map[string]any, error) {
	wrapped, err := encode(map[string]any{"apiVersion": apiVersion.String(), "kind": "any", "spec": spec})
	if err != nil {
		return nil, err
	}
	out, _, err := unstructured.NestedMap(wrapped.Object, "spec")
	return out, err
}

// tidy leaves out what means the same as nothing.
func tidy(from map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range from {
		switch v := value.(type) {
		case nil:
		case map[string]any:
			if inner := tidy(v); len(inner) > 0 {
				out[key] = inner
			}
		case []any:
			if len(v) > 0 {
				out[key] = v
			}
		default:
			if value != "" && value != "0s" {
				out[key] = value
			}
		}
	}
	return out
}

// differing are the paths of fields that are not the same, in order.
func differing(path string, a, b map[string]any) []string {
	var out []string
	keys := map[string]bool{}
	for key := range a {
		keys[key] = true
	}
	for key := range b {
		keys[key] = true
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		inner, one := a[key].(map[string]any)
		other, two := b[key].(map[string]any)
		switch {
		case one && two:
			out = append(out, differing(path+"."+key, inner, other)...)
		case !reflect.DeepEqual(a[key], b[key]):
			out = append(out, path+"."+key)
		}
	}
	return out
}
