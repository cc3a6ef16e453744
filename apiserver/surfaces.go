package apiserver

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/launch"
)

// recent is how many of the newest points are searched for a verified one.
const recent = 50

// Surface is what is protected, and how recently.
type Surface struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	// LastPoint is the newest recovery point on any store.
	LastPoint *Snapshot `json:"lastPoint,omitempty"`
	// LastVerified is the newest of the latest fifty that was read back, or restored and compared.
	LastVerified *Snapshot `json:"lastVerified,omitempty"`
	// Running is what is under way.
	Running []launch.Run `json:"running" nullable:"false"`
	// NextDue is when the first of its schedules comes next.
	NextDue *time.Time `json:"nextDue,omitempty"`
}

type surfacesOutput struct {
	Body []Surface `nullable:"false"`
}

func (s *Server) listSurfaces(ctx context.Context, _ *struct{}) (*surfacesOutput, error) {
	out := &surfacesOutput{Body: []Surface{}}
	for _, name := range slices.Sorted(maps.Keys(s.config.Surfaces)) {
		surface, err := s.surface(ctx, name)
		if err != nil {
			return nil, err
		}
		out.Body = append(out.Body, surface)
	}
	return out, nil
}

type surfaceInput struct {
	Name string `path:"name" maxLength:"63"`
}

type surfaceOutput struct{ Body Surface }

func (s *Server) getSurface(ctx context.Context, in *surfaceInput) (*surfaceOutput, error) {
	if _, known := s.config.Surfaces[in.Name]; !known {
		return nil, s.unknownSurface(in.Name)
	}
	surface, err := s.surface(ctx, in.Name)
	return &surfaceOutput{Body: surface}, err
}

func (s *Server) surface(ctx context.Context, name string) (Surface, error) {
	out := Surface{Name: name, Kind: s.config.Surfaces[name].Kind, NextDue: nextDue(s.config.Policies, name, time.Now())}
	points, err := s.catalog.List(ctx, catalog.Query{Surface: name, Limit: recent})
	if err != nil {
		return out, err
	}
	for _, p := range points {
		snapshot := snapshotOf(p)
		if out.LastPoint == nil {
			out.LastPoint = &snapshot
		}
		if p.VerifiedAt != nil || p.ProvenAt != nil {
			out.LastVerified = &snapshot
			break
		}
	}
	out.Running, err = s.launcher.Running(ctx, name)
	if out.Running == nil {
		out.Running = []launch.Run{}
	}
	return out, err
}

// nextDue is the first moment at which a policy of the surface is due, nil when none is.
func nextDue(policies map[string]config.Policy, surfaceName string, now time.Time) *time.Time {
	var first *time.Time
	for _, p := range policies {
		if p.Surface != surfaceName || p.Paused || p.Cron == "" {
			continue
		}
		zone, err := time.LoadLocation(p.TimeZone)
		if err != nil {
			continue
		}
		schedule, err := cron.ParseStandard(p.Cron)
		if err != nil {
			continue
		}
		due := schedule.Next(now.In(zone)).UTC()
		if first == nil || due.Before(*first) {
			first = &due
		}
	}
	return first
}

func (s *Server) surfaceNames() string { return listed(s.config.Surfaces) }

func (s *Server) unknownSurface(name string) error {
	return fault.New(fault.Missing, "surface %q is not in the configuration (there are %s)", clip(name), s.surfaceNames())
}

func (s *Server) unknownStore(name string) error {
	return fault.New(fault.Missing, "store %q is not in the configuration (there are %s)", clip(name), listed(s.stores))
}

// listed names what there is, for a message.
func listed[V any](section map[string]V) string {
	if len(section) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(section)), ", ")
}
