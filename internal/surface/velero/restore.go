package velero

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// syncedWithin is how long a cluster may take to find a Backup in its storage:
// Velero looks every minute.
const syncedWithin = 3 * time.Minute

// Begin implements surface.Surface: it makes Velero's Restore. The target's URL
// is that of a cluster.Place, whose Velero must know the Backup: the same, or
// one that has its storage, which may take it a minute to find it in. In an
// environment, the Restore leaves out volumes that are not in the Backup, makes
// services reachable inside the cluster only, and gives ingresses other hosts.
//
// Begun again, it goes on with a Restore that is under way, or, in an
// environment, Completed; otherwise it makes another. Velero does not compare
// what is in the way: without leave to skip or to update, nothing may be there.
func (s *Surface) Begin(ctx context.Context, t surface.Target, src surface.Source) error {
	of, spec, err := readRecord(ctx, src)
	if err != nil {
		return err
	}
	if err := refuse(t.Selection, spec, of); err != nil {
		return err
	}
	d, err := s.destination(t)
	if err != nil {
		return err
	}
	if names := t.Selection.Resources; len(names) > 0 {
		if t.Selection.Resources, err = d.resolve(names, of.Types); err != nil {
			return err
		}
		if err := s.chosen(src.Fingerprint(), names, t.Selection.Resources); err != nil {
			return err
		}
	}
	wanted, err := d.restoreSpec(t, spec, of)
	if err != nil {
		return err
	}
	if _, err := d.version(ctx); err != nil {
		return err
	}
	known, err := d.synced(ctx, spec, of)
	if err != nil {
		return err
	}
	last, number, err := d.last(ctx, spec.Backup)
	if err != nil {
		return err
	}
	if last.Name != "" && (!ended(last.Status.Phase) || (d.ID != "" && last.Status.Phase == phaseCompleted)) {
		return nil
	}
	if d.ID == "" {
		if err := s.clear(ctx, d, t, spec, of, src.Fingerprint()); err != nil {
			return err
		}
	}
	meta := metav1.ObjectMeta{Name: d.attempt(number + 1), Labels: s.labels()}
	meta.Labels[labelTarget] = d.name
	if d.ID != "" {
		meta.Labels[cluster.LabelEnvironment] = environmentLabel(d.ID)
		brings := of.brings(t.Selection)
		if brings {
			if err := d.separate(ctx, src, spec, known); err != nil {
				return err
			}
		}
		if err := d.modify(ctx, meta, known, !brings); err != nil {
			return err
		}
		wanted.ResourceModifier = &localObject{Kind: "ConfigMap", Name: meta.Name}
	}
	_, err = create(ctx, d.server, restores, restore{ObjectMeta: meta, Spec: wanted})
	return err
}

// clear refuses a target in use where something is in the way that may not be,
// or that would keep volumes from being filled.
func (s *Surface) clear(ctx context.Context, d destination, t surface.Target, spec partSpec, of record, point surface.Fingerprint) error {
	if refusesConflicts(t) {
		if err := d.vacant(ctx, spec, s.Scope(point, t.Selection)); err != nil {
			return err
		}
	}
	if !hasPods(t.Selection) {
		return nil
	}
	return d.podsGone(ctx, of.completed(spec.Namespaces))
}

// synced waits until the target's Velero knows the Backup of a point.
func (d destination) synced(ctx context.Context, spec partSpec, of record) (backup, error) {
	var found backup
	limited, cancel := context.WithTimeout(ctx, syncedWithin)
	defer cancel()
	err := await(limited, "Velero knows Backup "+spec.Backup, func(ctx context.Context) (bool, error) {
		var err error
		found, err = get[backupSpec, backupStatus](ctx, d.server, backups, spec.Backup)
		if fault.Is(err, fault.Missing) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return found, fault.New(fault.Missing, "Velero in namespace %s does not know Backup %s: its time has run out%s, somebody has removed it, or no BackupStorageLocation there is the storage that it is in",
			d.namespace, spec.Backup, of.expiration())
	}
	if err != nil {
		return found, err
	}
	if begun := found.Status.StartTimestamp; begun == nil || begun.UTC().Format(time.RFC3339) != of.started() {
		return found, fault.New(fault.Mismatch, "the Backup %s that Velero has is another one than that of the point", spec.Backup)
	}
	if found.Status.Phase != phaseCompleted && found.Status.Phase != phasePartiallyFailed {
		return found, fault.New(fault.Missing, "Velero's Backup %s is %s", spec.Backup, found.Status.Phase)
	}
	return found, nil
}

func (r record) started() string { return r.moment("startTimestamp") }

func (r record) expiration() string {
	if at := r.moment("expiration"); at != "" {
		return " (at " + at + ")"
	}
	return ""
}

func (r record) moment(field string) string {
	status, _ := r.Backup["status"].(map[string]any)
	at, _ := status[field].(string)
	return at
}

// last is the newest Restore of a Backup into the target, with the highest
// number that a Restore into it has; 0 when there is none of the Backup.
func (d destination) last(ctx context.Context, backupName string) (restore, int, error) {
	all, err := list[restoreSpec, restoreStatus](ctx, d.server, restores, labelTarget+"="+d.name)
	if err != nil {
		return restore{}, 0, err
	}
	slices.SortFunc(all, func(a, b restore) int { return number(a.Name) - number(b.Name) })
	highest := 0
	var last restore
	for _, one := range all {
		highest = number(one.Name)
		if one.Spec.BackupName == backupName {
			last = one
		}
	}
	return last, highest, nil
}

// number is that of an attempt, by the name of its Restore.
func number(name string) int {
	_, digits := cutLast(name, "-")
	n, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return n
}

// vacant refuses a target that has anything of a point.
func (d destination) vacant(ctx context.Context, spec partSpec, point surface.Fingerprint) error {
	there, err := d.inventory(ctx, spec.Namespaces, func(item, labelled) bool { return true })
	if err != nil {
		return err
	}
	known := map[surface.Entry]bool{}
	for _, e := range there {
		known[e] = true
	}
	var inTheWay []string
	for _, e := range point {
		if known[surface.Entry{Kind: e.Kind, Name: e.Name, Count: 1}] {
			inTheWay = append(inTheWay, e.Name)
		}
	}
	if len(inTheWay) == 0 {
		return nil
	}
	const shown = 3
	return fault.New(fault.Conflict, "%d resources are in the way, such as %s: say whether to skip or to update what is there, or restore into an environment",
		len(inTheWay), strings.Join(inTheWay[:min(shown, len(inTheWay))], ", "))
}

// Load implements surface.Surface: it waits until the Restore has ended. The
// part is read to its end, so that one that was damaged is noticed. A Restore
// that is Completed says that its objects are there, not that they are ready.
func (s *Surface) Load(ctx context.Context, t surface.Target, part surface.Part, r io.Reader) error {
	spec, err := specOf(part)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, r); err != nil {
		return fault.While(err, "read part %s", part.Name)
	}
	d, err := s.destination(t)
	if err != nil {
		return err
	}
	of, err := d.begun(ctx, spec.Backup)
	if err != nil {
		return err
	}
	name := of.Name
	err = await(ctx, "Restore "+name+" has ended", func(ctx context.Context) (bool, error) {
		found, err := get[restoreSpec, restoreStatus](ctx, d.server, restores, name)
		if fault.Is(err, fault.Missing) {
			return false, fault.New(fault.Lost, "Velero's Restore %s was removed while it ran", name)
		}
		if err != nil {
			return false, err
		}
		of = found
		return ended(of.Status.Phase), nil
	})
	if err != nil || of.Status.Phase == phaseCompleted {
		return err
	}
	return d.failure(ctx, of)
}

// begun is the Restore that Begin has made.
func (d destination) begun(ctx context.Context, backupName string) (restore, error) {
	of, _, err := d.last(ctx, backupName)
	if err == nil && of.Name == "" {
		err = fault.New(fault.Missing, "Velero has no Restore of %s into this target: begin anew", backupName)
	}
	return of, err
}

func (d destination) failure(ctx context.Context, of restore) error {
	return restoreOutcome(of).failure(func() (results, error) {
		from, err := get[backupSpec, backupStatus](ctx, d.server, backups, of.Spec.BackupName)
		if err != nil {
			return results{}, err
		}
		return d.results(ctx, targetRestoreResults, of.Name, from.Spec.StorageLocation)
	})
}
