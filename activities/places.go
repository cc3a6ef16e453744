package activities

import (
	"cmp"
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// copied is what a point was restored into: a server on this host, or a place.
type copied struct {
	kind, version, address string
	url                    secret.String
	// managed is set for an instance that a provider has restored.
	managed bool
}

// startPlace makes the place of a surface whose points need no server on a host.
func (a *Activities) startPlace(ctx context.Context, place environment.Place, in ServerInput, l loads) (ServerResult, error) {
	of := environment.Origin{Surface: in.Surface, Point: in.Point.ID}
	if namespaced, ok := a.Surfaces[in.Surface].(surface.Namespaced); ok {
		var err error
		if of.Namespaces, err = namespaced.InPoint(partsOf(l.point.Manifest)); err != nil {
			return ServerResult{}, fault.While(err, "read which namespaces point %s holds", in.Point.ID)
		}
	}
	made, err := place.Make(ctx, in.RestoreID, of)
	if err != nil {
		return ServerResult{}, fault.While(err, "make a place to restore %s into", in.Surface)
	}
	return ServerResult{Host: a.Host, Address: made.Address, Parts: len(l.parts), Bytes: l.bytes}, nil
}

func partsOf(m archive.Manifest) []surface.Part {
	out := make([]surface.Part, len(m.Parts))
	for i, entry := range m.Parts {
		out[i] = entry.Part
	}
	return out
}

// find looks for what a surface's point was restored into.
func (a *Activities) find(ctx context.Context, ref ServerRef) (copied, error) {
	if place, ok := a.Places[ref.Surface]; ok {
		made, err := place.Find(ctx, ref.RestoreID)
		return copied{kind: a.Config.Surfaces[ref.Surface].Kind, version: made.Version, address: made.Address, url: made.URL}, err
	}
	server, err := a.Environment.Get(ref.RestoreID)
	if service, ok := a.Managed[ref.Surface]; ok && fault.Is(err, fault.Missing) {
		return a.findManaged(ctx, service, ref)
	}
	if err != nil {
		return copied{}, err
	}
	out := copied{kind: server.Kind, version: server.Version, address: server.Address}
	out.url, err = a.IsolatedURL(ref.Surface, server.URL)
	return out, err
}

// stop removes the server or the place that a surface's point was restored into.
func (a *Activities) stop(ctx context.Context, ref ServerRef) error {
	if place, ok := a.Places[ref.Surface]; ok {
		return place.Remove(ctx, ref.RestoreID)
	}
	return a.Environment.Stop(ctx, ref.RestoreID)
}

// stopAll removes whatever a surface was restored into, an instance of a provider too.
func (a *Activities) stopAll(ctx context.Context, ref ServerRef) error {
	if err := a.stop(ctx, ref); err != nil {
		return err
	}
	if service, ok := a.Managed[ref.Surface]; ok {
		return a.stopManaged(ctx, service, ref)
	}
	return nil
}

// tryFrom tries to get at what was restored of a surface, with what the live one is reached by.
func (a *Activities) tryFrom(ctx context.Context, ref ServerRef, restored copied) ([]drill.Attempt, error) {
	if restored.managed {
		return a.tryManaged(restored, ref), nil
	}
	if place, ok := a.Places[ref.Surface]; ok {
		return place.TryIsolation(ctx, ref.RestoreID)
	}
	live := []secret.String{a.Config.Surfaces[ref.Surface].URL}
	if metrics := a.Config.Surfaces[ref.Surface].Telemetry; metrics != nil {
		live = []secret.String{metrics.URL}
	}
	if standby := a.Config.Surfaces[ref.Surface].StandbyURL; standby != "" {
		live = append(live, standby)
	}
	return a.Environment.TryIsolation(ctx, ref.RestoreID, live)
}

// whereabouts says where a plan's surfaces are restored, and what is not kept apart there.
func (a *Activities) whereabouts(plan drill.Plan) (where string, limits []string) {
	onHost := "servers and programs of their own on host " + a.Host + ", which listen on loopback alone and have fresh credentials"
	hosted := len(plan.Start) > 0
	for _, name := range plan.Surfaces {
		place, ok := a.Places[name]
		if chosen := plan.Points[name]; !ok && byProvider(chosen) && a.Config.Provider(name, cmp.Or(chosen.Store, plan.Store)) != nil {
			where += name + " in an instance of its own at " + a.Config.Surfaces[name].Managed.Kind + "; "
			limits = append(limits, name+": "+managedLimits)
			continue
		}
		if !ok {
			hosted = true
			continue
		}
		where += name + " in " + place.Where() + "; "
		for _, limit := range place.Limits() {
			limits = append(limits, name+": "+limit)
		}
	}
	if !hosted && where != "" {
		return where[:len(where)-len("; ")], limits
	}
	return where + onHost, append(limits, local.Limits()...)
}

// byProvider reports whether a selection is of a moment, which a provider restores where there is one.
func byProvider(s drill.Selection) bool {
	return s.ID == "" && (s.Select == "" || s.Select == drill.SelectLatest || s.Select == drill.SelectMoment)
}

// leftOf says what is still there of places, and of instances of providers.
func (a *Activities) leftOf(ctx context.Context, refs []ServerRef) ([]string, error) {
	var out []string
	for _, ref := range refs {
		var left []string
		var err error
		if place, ok := a.Places[ref.Surface]; ok {
			left, err = place.Left(ctx, ref.RestoreID)
		} else if service, ok := a.Managed[ref.Surface]; ok {
			left, err = a.leftManaged(ctx, service, ref)
		}
		if err != nil {
			return nil, fault.While(err, "look for what is left of %s", ref.Surface)
		}
		out = append(out, left...)
	}
	return out, nil
}
