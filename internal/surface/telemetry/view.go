package telemetry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

const (
	// snapshotsName is the folder in a data directory that Prometheus makes snapshots in.
	snapshotsName = "snapshots"
	// holderName is the file in a snapshot that its holder has locked. Prometheus
	// leaves it alone.
	holderName = "lifeboat-holder"
)

// snapshotName is how Prometheus names a snapshot: its time, and random digits.
var snapshotName = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]+$`)

// view is a snapshot, whose files are links to those of the blocks. It takes no
// room but for what was in memory, and keeps what is deleted meanwhile.
type view struct {
	source string
	dir    string
	held   token
	holder *os.File
	server surface.Server
	parts  []surface.Part
	closed atomic.Bool
}

// Hold implements surface.Surface: Prometheus makes a snapshot, which Close
// removes. One whose holder has died goes with the next Hold. Errors:
// Unsupported when the admin API is off, Denied, Unavailable, Missing when this
// host does not see the data directory, or when there is no data.
func (s *Surface) Hold(ctx context.Context) (surface.View, error) {
	server, err := s.source.server(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := s.dataDir(ctx)
	if err != nil {
		return nil, err
	}
	snapshots := filepath.Join(dir, snapshotsName)
	if err := sweep(snapshots); err != nil {
		return nil, err
	}
	v := &view{source: s.source.name, server: server}
	if v.held, err = s.snapshot(ctx); err != nil {
		return nil, err
	}
	v.dir = filepath.Join(snapshots, v.held.Snapshot)
	if err := v.take(ctx); err != nil {
		return nil, err
	}
	if err := v.plan(time.Now(), s.reach); err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return v, nil
}

// snapshot has Prometheus make one, with what is in memory.
func (s *Surface) snapshot(ctx context.Context) (token, error) {
	var made struct{ Name string }
	err := s.source.call(ctx, http.MethodPost, "api/v1/admin/tsdb/snapshot", &made)
	var said *refusal
	if errors.As(err, &said) && said.said == "admin APIs disabled" {
		return token{}, fault.New(fault.Unsupported, "Prometheus at %s makes no snapshots: start it with --web.enable-admin-api", s.source.name)
	}
	if err != nil {
		return token{}, fault.While(err, "make a snapshot")
	}
	if !snapshotName.MatchString(made.Name) {
		return token{}, fault.New(fault.Unsupported, "Prometheus at %s names a snapshot in a way that is not known", s.source.name)
	}
	return token{made.Name}, nil
}

// take locks the snapshot for as long as this process holds the view.
func (v *view) take(ctx context.Context) error {
	if _, err := os.Stat(v.dir); err != nil {
		return fault.New(fault.Missing, "Prometheus has made the snapshot %s, and this host sees none in %s: set telemetry.dir to its data directory as it is mounted here, and remove the snapshot there",
			v.held.Snapshot, filepath.Dir(v.dir))
	}
	f, err := os.OpenFile(filepath.Join(v.dir, holderName), os.O_CREATE|os.O_RDWR, 0o600)
	if err == nil {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	}
	if err != nil {
		_ = f.Close()
		return errors.Join(fault.Disk(err, "hold the snapshot in %s: Lifeboat must be able to write there, and to remove it", v.dir), os.RemoveAll(v.dir))
	}
	v.holder = f
	return ctx.Err()
}

// sweep removes the snapshots whose holders are gone. Those of others have no holder.
func sweep(snapshots string) error {
	entries, err := os.ReadDir(snapshots)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fault.Disk(err, "look for old snapshots in %s", snapshots)
	}
	for _, entry := range entries {
		dir := filepath.Join(snapshots, entry.Name())
		f, err := os.OpenFile(filepath.Join(dir, holderName), os.O_RDWR, 0)
		if err != nil {
			continue
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			err = os.RemoveAll(dir)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return fault.Disk(err, "remove the old snapshot %s", dir)
		}
	}
	return nil
}

// plan makes a part of each block that the point reaches back to, the largest first.
func (v *view) plan(now time.Time, reach time.Duration) error {
	blocks, err := blocksIn(v.dir)
	if err != nil {
		return err
	}
	for _, b := range blocks {
		if reach > 0 && !b.within(now.Add(-reach)) {
			continue
		}
		_, sizes, err := filesOf(filepath.Join(v.dir, b.ULID))
		if err != nil {
			return err
		}
		part := surface.Part{Name: partName(b.ULID), Role: surface.RoleData, Format: partFormat}
		for _, size := range sizes {
			part.Estimate += size
		}
		part.Spec, err = json.Marshal(partSpec{
			Block: b.ULID, From: time.UnixMilli(b.MinTime).UTC(), Until: time.UnixMilli(b.MaxTime).UTC(), Samples: b.Stats.NumSamples,
		})
		if err != nil {
			return err
		}
		v.server.Bytes += part.Estimate
		v.parts = append(v.parts, part)
	}
	if len(v.parts) == 0 {
		return fault.New(fault.Missing, "Prometheus at %s has no data of the last %s: there is nothing to keep", v.source, reach)
	}
	slices.SortStableFunc(v.parts, func(a, b surface.Part) int { return cmp.Compare(b.Estimate, a.Estimate) })
	return nil
}

// Token implements surface.View: the name of the snapshot.
func (v *view) Token() string {
	text, err := json.Marshal(v.held)
	if err != nil {
		panic("telemetry: a name always has a JSON form: " + err.Error())
	}
	return string(text)
}

// Server implements surface.View.
func (v *view) Server() surface.Server { return v.server }

// Parts implements surface.View.
func (v *view) Parts() []surface.Part { return v.parts }

// Fingerprint implements surface.View: each block is digested as it is dumped.
func (v *view) Fingerprint() surface.Fingerprint { return nil }

// Check implements surface.View.
func (v *view) Check(context.Context) error {
	if v.closed.Load() {
		return fault.New(fault.Lost, "the snapshot %s of Prometheus was given up", v.held.Snapshot)
	}
	if _, err := os.Stat(filepath.Join(v.dir, holderName)); err != nil {
		return fault.Wrap(fault.Lost, err, "the snapshot %s of Prometheus is gone", v.held.Snapshot)
	}
	return nil
}

// Close implements surface.View.
func (v *view) Close() error {
	if v.closed.Swap(true) {
		return nil
	}
	return fault.Disk(errors.Join(os.RemoveAll(v.dir), v.holder.Close()), "remove the snapshot %s of Prometheus", v.held.Snapshot)
}
