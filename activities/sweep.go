package activities

import (
	"context"
	"fmt"
	"path"
	"time"

	"go.temporal.io/api/workflowservice/v1"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// SweepAge is how old an object must be before a sweep may take it for
// abandoned. No step may run that long: see the time-outs in workflows.
const SweepAge = 25 * time.Hour

// SweepInput names the store to sweep.
type SweepInput struct {
	Store string    `json:"store"`
	Now   time.Time `json:"now"`
}

// Swept counts what was removed.
type Swept struct {
	Objects int `json:"objects"`
	Uploads int `json:"uploads"`
}

// Sweep removes what failed or abandoned runs left on a store: folders that
// never got a manifest, objects that no manifest lists, uploads that were never
// completed. All of it must be older than SweepAge, so a run under way is safe.
func (a *Activities) Sweep(ctx context.Context, in SweepInput) (Swept, error) {
	var out Swept
	st, err := a.store(in.Store)
	if err != nil {
		return out, err
	}
	p := startPulse(ctx, "sweep "+in.Store, 0)
	defer p.end()
	before := in.Now.Add(-SweepAge)
	root := catalog.StaticPrefix(a.Config.PointsPrefix)
	dirs, err := pointDirs(ctx, st, root, before)
	if err != nil {
		return out, fault.While(err, "list %s", in.Store)
	}
	for _, dir := range dirs {
		if err := a.sweepPoint(ctx, st, dir, before, &out.Objects); err != nil {
			return out, fault.While(err, "sweep %s", dir)
		}
	}
	out.Uploads, err = st.SweepUploads(ctx, root, before)
	return out, fault.While(err, "end abandoned uploads on %s", in.Store)
}

// pointDirs returns the folders under root that may hold something to sweep:
// those with an old object that isn't a manifest or a mark. Memory: one name per folder.
func pointDirs(ctx context.Context, st store.Store, root string, before time.Time) ([]string, error) {
	var dirs []string
	last := ""
	for entry, err := range st.List(ctx, store.ListOptions{Prefix: root}) {
		if err != nil {
			return nil, err
		}
		dir := path.Dir(entry.Key)
		if path.Base(dir) == NotesDir {
			dir = path.Dir(dir)
		}
		if dir == last || !entry.Modified.Before(before) {
			continue
		}
		if _, _, err := archive.ParseDir(dir); err == nil {
			dirs, last = append(dirs, dir), dir
		}
	}
	return dirs, nil
}

func (a *Activities) sweepPoint(ctx context.Context, st store.Store, dir string, before time.Time, count *int) error {
	listed := map[string]bool{}
	m, err := archive.ReadManifest(ctx, st, dir)
	switch {
	case err == nil:
		for _, part := range m.Parts {
			listed[dir+"/"+part.Object] = true
		}
		for _, name := range []string{archive.ManifestName, archive.IdentityFileName, catalog.VerifiedName, catalog.ProvenName} {
			listed[dir+"/"+name] = true
		}
	case fault.Is(err, fault.Missing):
		if live, err := a.live(ctx, st, dir, before); err != nil || live {
			return err
		}
	default:
		// A manifest that can't be read may still be mended by hand; its parts stay.
		return nil
	}
	return deleteUnder(ctx, st, dir+"/", func(o store.Object) bool {
		return !listed[o.Key] && o.Modified.Before(before)
	}, count)
}

// live reports whether an unsealed point may still be in the making: something
// young stands in its folder, or its run is open.
func (a *Activities) live(ctx context.Context, st store.Store, dir string, before time.Time) (bool, error) {
	for entry, err := range st.List(ctx, store.ListOptions{Prefix: dir + "/"}) {
		if err != nil {
			return false, err
		}
		if !entry.Modified.Before(before) {
			return true, nil
		}
	}
	_, id, err := archive.ParseDir(dir)
	if err != nil {
		return false, err
	}
	query := fmt.Sprintf("LifeboatPoint = '%s' AND ExecutionStatus = 'Running'", id)
	open, err := a.Client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
	if err != nil {
		return false, fault.Wrap(fault.Unavailable, err, "ask Temporal whether the run of %s is open", id)
	}
	return open.GetCount() > 0, nil
}
