package velero

import (
	"context"
	"maps"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// eventTypes are what a Backup leaves out unless it says something else.
var eventTypes = []string{"events", "events.events.k8s.io"}

// obtain makes a Backup, and returns it once it has ended as it should.
func (s *Surface) obtain(ctx context.Context, v server) (backup, error) {
	if err := v.writable(ctx, s.config.Storage.Name); err != nil {
		return backup{}, err
	}
	made, err := s.start(ctx, v)
	if err != nil {
		return made, err
	}
	err = await(ctx, "Backup "+made.Name+" has ended", func(ctx context.Context) (bool, error) {
		found, err := get[backupSpec, backupStatus](ctx, v, backups, made.Name)
		if fault.Is(err, fault.Missing) {
			return false, fault.New(fault.Lost, "Velero's Backup %s was removed while it ran", made.Name)
		}
		if err != nil {
			return false, err
		}
		made = found
		return ended(made.Status.Phase), nil
	})
	if err != nil {
		return made, err
	}
	return made, s.accept(ctx, v, made)
}

// accept judges a Backup that has ended.
func (s *Surface) accept(ctx context.Context, v server, b backup) error {
	if b.Status.StartTimestamp != nil &&
		(b.Status.Phase == phaseCompleted || (b.Status.Phase == phasePartiallyFailed && s.config.AllowPartial)) {
		return nil
	}
	return backupOutcome(b).failure(func() (results, error) {
		return v.results(ctx, targetBackupResults, b.Name, b.Spec.StorageLocation)
	})
}

// writable says why no Backup can be made in a location.
func (v server) writable(ctx context.Context, name string) error {
	found, err := get[locationSpec, locationStatus](ctx, v, locations, name)
	switch {
	case fault.Is(err, fault.Missing):
		return fault.New(fault.Missing, "Velero in namespace %s has no BackupStorageLocation %s: correct velero.storage", v.namespace, name)
	case err != nil:
		return err
	case found.Spec.AccessMode == "ReadOnly":
		return fault.New(fault.Invalid, "no backup can be made in BackupStorageLocation %s, which is ReadOnly: adopt those of a schedule, or name another", name)
	case found.Status.Phase == "":
		return fault.New(fault.Unavailable, "Velero has not tried BackupStorageLocation %s yet", name)
	case found.Status.Phase != "Available":
		return fault.New(fault.Unavailable, "BackupStorageLocation %s is %s: %s", name, found.Status.Phase, line(found.Status.Message))
	}
	return nil
}

// start makes a Backup, or finds the one that an earlier call has left.
func (s *Surface) start(ctx context.Context, v server) (backup, error) {
	ours, err := list[backupSpec, backupStatus](ctx, v, backups, s.selectOurs())
	if err != nil {
		return backup{}, err
	}
	under := slices.DeleteFunc(ours, func(b backup) bool {
		return ended(b.Status.Phase) || b.Labels[labelSchedule] != "" || b.DeletionTimestamp != nil
	})
	if left, found := newest(under); found {
		return left, nil
	}
	spec, err := s.backupSpec(s.config.Backup, s.config.Backup.Retention())
	if err != nil {
		return backup{}, err
	}
	return create(ctx, v, backups, backup{
		ObjectMeta: metav1.ObjectMeta{Name: backupName(s.name, time.Now()), Labels: s.labels()},
		Spec:       spec,
	})
}

// backupSpec is what Velero is told of a Backup.
func (s *Surface) backupSpec(b surface.VeleroBackup, ttl time.Duration) (backupSpec, error) {
	selector, err := s.selector(b.LabelSelector)
	if err != nil {
		return backupSpec{}, err
	}
	files := b.IncludeAllPVCs == nil || *b.IncludeAllPVCs
	excluded := eventTypes
	if b.ExcludedResources != nil {
		excluded = b.ExcludedResources
	}
	return backupSpec{
		IncludedNamespaces: s.cluster.Namespaces, ExcludedResources: slices.Concat(excluded, s.cluster.ExcludeResources),
		LabelSelector: selector, SnapshotVolumes: b.SnapshotVolumes, DefaultVolumesToFsBackup: &files,
		StorageLocation: s.config.Storage.Name, TTL: metav1.Duration{Duration: ttl},
	}, nil
}

// selector is the label selector of Backups: their own, or else the surface's.
func (s *Surface) selector(own map[string]string) (*metav1.LabelSelector, error) {
	if len(own) > 0 {
		return &metav1.LabelSelector{MatchLabels: maps.Clone(own)}, nil
	}
	if s.cluster.LabelSelector == "" {
		return nil, nil
	}
	parsed, err := metav1.ParseToLabelSelector(s.cluster.LabelSelector)
	return parsed, fault.Wrap(fault.Invalid, err, "read labelSelector")
}

// labels are those of everything that is made for this surface.
func (s *Surface) labels() map[string]string {
	return map[string]string{labelManagedBy: managedBy, labelSurface: base(s.name)}
}

func (s *Surface) selectOurs() string {
	return labelManagedBy + "=" + managedBy + "," + labelSurface + "=" + base(s.name)
}

// scheduleName is that of a configured schedule on the cluster.
func (s *Surface) scheduleName(name string) string { return base(s.name + "-" + name) }
