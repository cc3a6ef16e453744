// Package velero protects namespaces that Velero backs up. Velero's backup is
// the data; the recovery point is a record of it: the Backup with its results,
// and the list of what is in it. So it is in the catalog, is drilled and proven
// like any other point, and Velero does the restoring.
//
// A point is worth no more than Velero's own storage: whoever removes the
// Backup there, or lets its time run out, leaves a record that nothing can be
// restored from.
package velero

import (
	"context"
	"encoding/json"
	"io"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Kind is the name of this surface in the configuration.
const Kind = surface.KindVelero

const (
	defaultNamespace = "velero"
	defaultLocation  = "default"
	allNamespaces    = "*"
)

// Surface is some or all namespaces of a cluster, as Velero backs them up. It
// implements surface.Surface, surface.Keeper, surface.Namespaced and surface.Scoper.
type Surface struct {
	name    string
	cluster surface.Cluster
	config  surface.Velero
}

// New makes a surface of its settings. It connects to nothing; it fails with
// fault.Invalid for settings that are missing or wrong.
func New(name string, c surface.Config) (*Surface, error) {
	if c.Kind != Kind {
		return nil, fault.New(fault.Invalid, "surface %s is of kind %s, not %s", name, c.Kind, Kind)
	}
	for _, p := range c.Problems() {
		return nil, fault.New(fault.Invalid, "surface %s: %s", name, p.Text)
	}
	s := &Surface{name: name, cluster: c.Cluster, config: *c.Velero}
	if s.config.Namespace == "" {
		s.config.Namespace = defaultNamespace
	}
	if s.config.Storage.Name == "" {
		s.config.Storage.Name = defaultLocation
	}
	if _, err := s.selector(nil); err != nil {
		return nil, fault.While(err, "surface %s", name)
	}
	return s, nil
}

// Kind implements surface.Surface.
func (s *Surface) Kind() string { return Kind }

func (s *Surface) connect() (server, error) {
	v, err := connect(s.cluster.Config, s.config.Namespace)
	return v, fault.While(err, "surface %s", s.name)
}

// Probe implements surface.Surface. A cluster without Velero, or with one
// before 1.16, is fault.Unsupported.
func (s *Surface) Probe(ctx context.Context) (surface.Server, error) {
	v, err := s.connect()
	if err != nil {
		return surface.Server{}, err
	}
	return v.version(ctx)
}

// Hold implements surface.Surface. It makes a Backup, or adopts one, and returns
// once that has ended. A Backup of this surface that is under way already is
// taken over: it was left by a worker that has stopped. Velero can't stop a
// Backup, so that one whose Hold is cancelled goes on, and goes away when its
// time has run out.
func (s *Surface) Hold(ctx context.Context) (surface.View, error) {
	v, err := s.connect()
	if err != nil {
		return nil, err
	}
	probed, err := v.version(ctx)
	if err != nil {
		return nil, err
	}
	out := &view{source: v, server: probed}
	if s.config.Run == surface.VeleroRunAdopt {
		found, err := s.adopt(ctx, v)
		if err != nil {
			return nil, err
		}
		out.backup, out.behind, out.notes = found.backup, found.behind, found.notes
	} else if out.backup, err = s.obtain(ctx, v); err != nil {
		return nil, err
	}
	made := out.backup
	if made.Status.Errors > 0 || made.Status.Warnings > 0 {
		found, err := v.results(ctx, targetBackupResults, made.Name, made.Spec.StorageLocation)
		if err != nil {
			return nil, err
		}
		out.results = found
	}
	if out.skipped, err = v.skipped(ctx, made.Name, made.Spec.StorageLocation); err != nil {
		return nil, err
	}
	all, err := v.resources(ctx, made.Name, made.Spec.StorageLocation)
	if err != nil {
		return nil, err
	}
	namespaces, err := s.held(all, made)
	if err != nil {
		return nil, err
	}
	err = out.plan(namespaces, all)
	return out, err
}

// held are the namespaces of the surface in a Backup. One that it does not have
// is an error: a point is never silently smaller.
func (s *Surface) held(all resourceList, of backup) ([]string, error) {
	has := all.namespaces()
	if slices.Contains(s.cluster.Namespaces, allNamespaces) {
		return has, nil
	}
	for _, namespace := range s.cluster.Namespaces {
		if !slices.Contains(has, namespace) {
			return nil, fault.New(fault.Missing, "Backup %s has nothing of namespace %s: it does not exist, or labels and excluded types leave nothing of it", of.Name, namespace)
		}
	}
	return slices.Sorted(slices.Values(s.cluster.Namespaces)), nil
}

func (v server) resources(ctx context.Context, backupName, locationName string) (resourceList, error) {
	var out resourceList
	err := v.fetch(ctx, targetResourceList, backupName, locationName, func(r io.Reader) (err error) {
		out, err = readList(r)
		return err
	})
	return out, err
}

// Dump implements surface.Surface. The token is not needed: the part says which Backup.
func (s *Surface) Dump(ctx context.Context, _ string, part surface.Part, w io.Writer) (surface.Fingerprint, error) {
	spec, err := specOf(part)
	if err != nil {
		return nil, err
	}
	v, err := s.connect()
	if err != nil {
		return nil, err
	}
	all, err := v.resources(ctx, spec.Backup, spec.Location)
	if err != nil {
		return nil, err
	}
	types, err := v.types(all)
	if err != nil {
		return nil, err
	}
	if part.Name == partBackup {
		made, err := v.record(ctx, spec, types)
		if err != nil {
			return nil, err
		}
		return nil, json.NewEncoder(w).Encode(made)
	}
	if err := json.NewEncoder(w).Encode(all); err != nil {
		return nil, err
	}
	return inventory(all, types, spec.Namespaces), nil
}

// Examine implements surface.Surface. Everything is known from dumping.
func (s *Surface) Examine(context.Context, surface.Source) (surface.Fingerprint, error) {
	return nil, nil
}
