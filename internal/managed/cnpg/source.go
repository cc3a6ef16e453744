package cnpg

import (
	"cmp"
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

// backups says where a Cluster archives to.
type backups struct {
	// store is the name of the plugin's ObjectStore; empty where the operator
	// itself archives.
	store string
	// inTree is the operator's own spec.backup.barmanObjectStore.
	inTree map[string]any
	// server is the folder in the store.
	server string
}

// origin is the source as a recovery needs it.
type origin struct {
	cluster *unstructured.Unstructured
	backups backups
	// store is the ObjectStore to restore from; nil where the operator archives.
	store *unstructured.Unstructured
	// lastBackup is when the newest base backup ended.
	lastBackup time.Time
	window     managed.Window
	// unasked is why the source was not asked what it has archived; nil when it was.
	unasked error
}

// archives reads where a Cluster archives to; the zero backups when nowhere.
func archives(c *unstructured.Unstructured) backups {
	plugins, _, _ := unstructured.NestedSlice(c.Object, "spec", "plugins")
	for _, p := range plugins {
		p, _ := p.(map[string]any)
		if p["name"] != plugin || p["enabled"] == false {
			continue
		}
		parameters, _, _ := unstructured.NestedStringMap(p, "parameters")
		return backups{store: parameters["barmanObjectName"], server: cmp.Or(parameters["serverName"], c.GetName())}
	}
	store, found, _ := unstructured.NestedMap(c.Object, "spec", "backup", "barmanObjectStore")
	if !found {
		return backups{}
	}
	server, _, _ := unstructured.NestedString(store, "serverName")
	return backups{inTree: store, server: cmp.Or(server, c.GetName())}
}

// origin looks at the source, its object store, and what it has archived.
func (s *Service) origin(ctx context.Context) (origin, error) {
	name := s.config.Instance
	found, err := s.find(ctx, clusters, s.config.Namespace, name)
	if err != nil {
		return origin{}, err
	}
	if found == nil {
		return origin{}, fault.New(fault.Missing, "there is no CloudNativePG Cluster %s in the namespace %s: correct instance, namespace or context, "+
			"or restore the Cluster's resource first", name, s.config.Namespace)
	}
	out := origin{cluster: found, backups: archives(found)}
	archive := out.backups.store
	if s.config.ObjectStore != "" {
		out.backups.store, out.backups.inTree = s.config.ObjectStore, nil
	}
	out.backups.server = cmp.Or(s.config.ServerName, out.backups.server, name)
	if out.backups.store == "" && out.backups.inTree == nil {
		return origin{}, fault.New(fault.Missing, "the Cluster %s archives to no object store: give it the plugin %s, or set objectStore", name, plugin)
	}
	if err := s.recoverability(ctx, &out, archive); err != nil {
		return origin{}, err
	}
	id, _, _ := unstructured.NestedString(found.Object, "status", "systemID")
	var archived time.Time
	archived, out.unasked = s.archived(ctx, id)
	if fault.Is(out.unasked, fault.Invalid) || ctx.Err() != nil {
		return origin{}, out.unasked
	}
	out.window.Latest = out.lastBackup
	if archived.After(out.lastBackup) {
		out.window.Latest = archived
	}
	return out, nil
}

// recoverability reads from the status of the store, or from that of the
// Cluster, since when there are backups. The name of the store that the source
// archives to may be another than that of the one to restore from.
func (s *Service) recoverability(ctx context.Context, out *origin, archive string) error {
	first, last := times(out.cluster, "status", "firstRecoverabilityPoint"), times(out.cluster, "status", "lastSuccessfulBackup")
	if out.backups.store != "" {
		var err error
		if out.store, err = s.objectStore(ctx, out.backups.store); err != nil {
			return err
		}
		kept := out.store
		if first, _ = window(kept, out.backups.server); first.IsZero() && archive != "" && archive != out.backups.store {
			if kept, err = s.objectStore(ctx, archive); err != nil {
				return err
			}
		}
		first, last = window(kept, out.backups.server)
	}
	if first.IsZero() {
		return fault.New(fault.Missing, "CloudNativePG has no base backup of %s (server %s) yet: make a Backup, and wait for it",
			s.config.Instance, out.backups.server)
	}
	out.window.Earliest, out.lastBackup = first, last
	if last.Before(first) {
		out.lastBackup = first
	}
	return nil
}

func (s *Service) objectStore(ctx context.Context, name string) (*unstructured.Unstructured, error) {
	found, err := s.find(ctx, objectStores, s.config.Namespace, name)
	if err == nil && found == nil {
		err = fault.New(fault.Missing, "there is no ObjectStore %s in the namespace %s, which the Cluster %s archives to: correct objectStore, or make it",
			name, s.config.Namespace, s.config.Instance)
	}
	return found, err
}

// window reads what the plugin says that a server can be restored to.
func window(store *unstructured.Unstructured, server string) (first, last time.Time) {
	at := []string{"status", "serverRecoveryWindow", server}
	return times(store, append(at, "firstRecoverabilityPoint")...), times(store, append(at, "lastSuccessfulBackupTime")...)
}

// times reads a time; zero when there is none.
func times(o *unstructured.Unstructured, fields ...string) time.Time {
	text, _, _ := unstructured.NestedString(o.Object, fields...)
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}

// condition reads one of an object's conditions; its status is empty when it has none.
func condition(o *unstructured.Unstructured, kind string) (status, text string) {
	list, _, _ := unstructured.NestedSlice(o.Object, "status", "conditions")
	for _, c := range list {
		if c, _ := c.(map[string]any); c["type"] == kind {
			status, _ = c["status"].(string)
			reason, _ := c["reason"].(string)
			message, _ := c["message"].(string)
			return status, cmp.Or(message, reason)
		}
	}
	return "", ""
}
