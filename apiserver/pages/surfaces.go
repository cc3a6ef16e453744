package pages

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/lifeboat-dr/lifeboat/apiserver"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// surfacePage is everything that is known of one surface.
type surfacePage struct {
	Name string
	Kind string
	// Row is nil where the report knows nothing of it.
	Row    *row
	Alerts []status.Alert
	// Points are the newest; PointsTrouble says why they can't be listed.
	Points        []apiserver.Snapshot
	PointsTrouble string
	Vitals        status.Vitals
}

// HasVitals reports whether there is any sign of life to show.
func (p surfacePage) HasVitals() bool {
	return len(p.Vitals.Pods)+len(p.Vitals.Replicas)+len(p.Vitals.Certificates)+len(p.Vitals.Disks) > 0
}

// recentPoints is how many points a surface's page lists.
const recentPoints = "10"

func (s *site) surface(v *visit) error {
	data := surfacePage{Name: v.Param("name")}
	stands, err := v.standing()
	if err != nil {
		return err
	}
	for i := range stands.Rows {
		if stands.Rows[i].Name == data.Name {
			data.Row, data.Kind = &stands.Rows[i], stands.Rows[i].Kind
		}
	}
	if data.Row == nil {
		// Only the configuration knows whether there is such a surface.
		var known apiserver.Surface
		err := v.ask(http.MethodGet, "/v1/surfaces/"+url.PathEscape(data.Name), nil, &known)
		if p, refused := errors.AsType[*problem](err); err != nil && (!refused || p.Status == http.StatusNotFound) {
			return err
		}
		data.Kind = known.Kind
	}
	of := func(surface string) bool { return surface != data.Name }
	data.Alerts = stands.Concerning(data.Name)
	data.Vitals = status.Vitals{
		Pods:         slices.DeleteFunc(stands.Vitals.Pods, func(p status.Pods) bool { return of(p.Surface) }),
		Replicas:     slices.DeleteFunc(stands.Vitals.Replicas, func(r status.Replica) bool { return of(r.Surface) }),
		Certificates: slices.DeleteFunc(stands.Vitals.Certificates, func(c status.Certificate) bool { return of(c.Surface) }),
		Disks:        slices.DeleteFunc(stands.Vitals.Disks, func(d status.Disk) bool { return of(d.Surface) }),
	}
	query := url.Values{"surface": {data.Name}, "limit": {recentPoints}}
	if err := v.ask(http.MethodGet, "/v1/admin/snapshots?"+query.Encode(), nil, &data.Points); err != nil {
		data.PointsTrouble = err.Error()
	}
	return v.render("surface", data)
}
