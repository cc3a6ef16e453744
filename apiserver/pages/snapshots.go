package pages

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

const (
	// pageSize is how many rows a list shows before it leads to older ones.
	pageSize = 50
	// A filter that few points pass is given up after so many requests of so
	// many points: the page leads on from there.
	filterBatch  = 200
	filterRounds = 5
	// partial is the filter for points that lack something of their source.
	partial = "partial"
)

// snapshotFilter is which points a list shows.
type snapshotFilter struct{ Surface, Store, State, Before string }

func (f snapshotFilter) admits(p apiserver.Snapshot) bool {
	switch f.State {
	case "":
		return true
	case partial:
		return len(p.Missing) > 0
	default:
		return p.State == f.State
	}
}

// Older is the address of the list that goes on before a point.
func (f snapshotFilter) Older(before string) string {
	q := url.Values{"before": {before}}
	for name, value := range map[string]string{"surface": f.Surface, "store": f.Store, "state": f.State} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return "/snapshots?" + q.Encode()
}

// snapshotList is the page of points.
type snapshotList struct {
	snapshotFilter
	Points []apiserver.Snapshot
	// Next is the address of older ones, empty when there are none.
	Next     string
	Surfaces []choice
	Stores   []string
	States   []string
	// Running are the runs that make points at this moment.
	Running []launch.Run
}

func (s *site) listSnapshots(v *visit) error {
	v.seen()
	out := snapshotList{
		snapshotFilter: snapshotFilter{v.QueryParam("surface"), v.QueryParam("store"), v.QueryParam("state"), v.QueryParam("before")},
		States:         []string{catalog.StateSealed, catalog.StateVerified, catalog.StateProven, catalog.StateCorrupt, partial},
	}
	points, next, err := v.points(out.snapshotFilter)
	if err != nil {
		return err
	}
	out.Points = points
	if next != "" {
		out.Next = out.Older(next)
	}
	if out.Surfaces, out.Stores, err = v.choices(); err != nil {
		return err
	}
	for _, p := range points {
		if p.Store != "" && !slices.Contains(out.Stores, p.Store) {
			out.Stores = append(out.Stores, p.Store)
		}
	}
	var running []launch.Run
	// The list stands without Temporal, too.
	if _, err := wrong(v.ask(http.MethodGet, "/v1/runs", nil, &running)); err != nil {
		return err
	}
	for _, r := range running {
		if r.Operation == workflows.OperationSnapshot && (out.Surface == "" || r.Surface == out.Surface) {
			out.Running = append(out.Running, r)
		}
	}
	return v.render("snapshots", out)
}

// points are a page of what the filter admits, with the ID to go on before;
// empty when there is no more.
func (v *visit) points(f snapshotFilter) (found []apiserver.Snapshot, next string, err error) {
	limit, rounds := pageSize+1, 1
	if f.State != "" {
		limit, rounds = filterBatch, filterRounds
	}
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	for name, value := range map[string]string{"surface": f.Surface, "store": f.Store} {
		if value != "" {
			q.Set(name, value)
		}
	}
	before := f.Before
	for range rounds {
		if before != "" {
			q.Set("before", before)
		}
		var batch []apiserver.Snapshot
		if err := v.ask(http.MethodGet, "/v1/admin/snapshots?"+q.Encode(), nil, &batch); err != nil {
			return nil, "", err
		}
		for _, p := range batch {
			if before = p.ID; !f.admits(p) {
				continue
			}
			if len(found) == pageSize {
				return found, found[pageSize-1].ID, nil
			}
			found = append(found, p)
		}
		if len(batch) < limit {
			return found, "", nil
		}
	}
	return found, before, nil
}

// snapshotView is the page of one point, or of the run that makes it.
type snapshotView struct {
	apiserver.Snapshot
	// Live is set while something happens to it.
	Live bool
}

func (v *visit) point(id string) (snapshotView, error) {
	var out snapshotView
	err := v.ask(http.MethodGet, at("/v1/admin/snapshots/", id, ""), nil, &out.Snapshot)
	verifying := out.Verification != nil && out.Verification.State == "running"
	out.Live = out.State == "running" || out.UnderWay || verifying
	return out, err
}

// Point reports whether there is a recovery point, and not only a run.
func (p snapshotView) Point() bool { return p.URI != "" }

// Readable reports whether the point can be verified and restored.
func (p snapshotView) Readable() bool { return p.Point() && p.State != catalog.StateCorrupt }

func (s *site) showSnapshot(v *visit) error {
	v.seen()
	p, err := v.point(v.Param("id"))
	if err != nil {
		return err
	}
	return v.render("snapshot", p)
}

func (s *site) snapshotParts(v *visit) ([]part, error) {
	p, err := v.point(v.QueryParam("id"))
	if err != nil {
		return nil, err
	}
	parts := []part{{"said", "snapshot", "said", p}, {"snapshot", "snapshot", "facts", p}}
	if !p.Live {
		parts = append(parts, ended("snapshot"))
	}
	return parts, nil
}

func (s *site) downloadSnapshot(v *visit) error {
	id := v.Param("id")
	return v.download(at("/v1/admin/snapshots/", id, "/download"), fileName(id, ".tar"))
}

func (s *site) verifySnapshot(v *visit) error {
	id := v.Param("id")
	if err := v.ask(http.MethodPost, at("/v1/admin/snapshots/", id, "/verify"), nil, nil); err != nil {
		return v.refused(at("/snapshots/", id, ""), err)
	}
	return v.done(at("/snapshots/", id, ""), "Every byte of it is being read back.")
}

// snapshotForm is the form of a new snapshot.
type snapshotForm struct {
	Database, Kind, Store string
	Surfaces              []choice
	Stores                []string
	Problem               *problem
}

// HasPostgres reports whether there is a surface that base backups are taken of.
func (f snapshotForm) HasPostgres() bool {
	return slices.ContainsFunc(f.Surfaces, func(c choice) bool { return c.Kind == "postgres" })
}

func (s *site) newSnapshot(v *visit) error {
	v.seen()
	return v.formOfSnapshot(snapshotForm{Database: v.QueryParam("surface"), Kind: config.KindSnapshot})
}

func (v *visit) formOfSnapshot(f snapshotForm) error {
	var err error
	if f.Surfaces, f.Stores, err = v.choices(); err != nil {
		return err
	}
	code := http.StatusOK
	if f.Problem != nil {
		code = f.Problem.Status
	}
	return v.renderStatus(code, "snapshot_new", f)
}

func (s *site) createSnapshot(v *visit) error {
	f := snapshotForm{Database: v.FormValue("database"), Kind: v.FormValue("kind"), Store: v.FormValue("store")}
	var started apiserver.Started
	err := v.ask(http.MethodPost, "/v1/admin/snapshots/create", map[string]string{
		"database": f.Database, "kind": f.Kind, "store": f.Store,
	}, &started)
	if err != nil {
		if f.Problem, err = wrong(err); err != nil {
			return err
		}
		return v.formOfSnapshot(f)
	}
	return v.done(at("/snapshots/", started.ID, ""), "The snapshot of "+started.Surface+" has begun.")
}
