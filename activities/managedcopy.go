package activities

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// managedLook is how often a provider is asked whether an instance is gone.
const managedLook = 3 * time.Second

// findManaged looks for the instance that a provider has restored; Missing when there is none.
func (a *Activities) findManaged(ctx context.Context, service managed.Service, ref ServerRef) (copied, error) {
	name := ManagedRef{RestoreID: ref.RestoreID, Surface: ref.Surface}.instance()
	found, err := service.Status(ctx, name)
	if err != nil {
		return copied{}, err
	}
	if err := found.Ready(name); err != nil {
		return copied{}, err
	}
	out := copied{kind: surface.KindPostgres, version: "by " + a.Config.Surfaces[ref.Surface].Managed.Kind, address: found.Address, managed: true}
	out.url, err = service.Connect(ctx, name)
	return out, err
}

// stopManaged deletes the instance that a provider may have restored, and returns once it is gone.
func (a *Activities) stopManaged(ctx context.Context, service managed.Service, ref ServerRef) error {
	name := ManagedRef{RestoreID: ref.RestoreID, Surface: ref.Surface}.instance()
	if managed.CheckName(name) != nil {
		// No provider can have made an instance of that name.
		return nil
	}
	if err := service.Delete(ctx, name); err != nil {
		return fault.While(err, "delete the instance %s", name)
	}
	for {
		found, err := service.Status(ctx, name)
		if err != nil || found.State == managed.Gone {
			return fault.While(err, "see whether the instance %s is gone", name)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(managedLook):
		}
	}
}

// leftManaged says what is still there of an instance.
func (a *Activities) leftManaged(ctx context.Context, service managed.Service, ref ServerRef) ([]string, error) {
	name := ManagedRef{RestoreID: ref.RestoreID, Surface: ref.Surface}.instance()
	if managed.CheckName(name) != nil {
		return nil, nil
	}
	found, err := service.Status(ctx, name)
	if err != nil || found.State == managed.Gone {
		return nil, err
	}
	return []string{"the instance " + name + ", which is " + string(found.State)}, nil
}

// tryManaged looks at what can be known of an instance's isolation: it is not the live server.
func (a *Activities) tryManaged(restored copied, ref ServerRef) []drill.Attempt {
	attempt := drill.Attempt{What: "its address", Expected: "another one than that of the live server", Observed: restored.address, Result: drill.Fail}
	live, known := drill.EndpointOf(a.Config.Surfaces[ref.Surface].URL)
	if known && !live.Named(restored.address) {
		attempt.Result = drill.Pass
	}
	return []drill.Attempt{attempt}
}

// managedLimits are those of an instance that a provider makes.
const managedLimits = "the instance stands in the network that its provider gives it, and has the source's users and passwords: who reaches it is not tried"
