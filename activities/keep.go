package activities

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// KeepSurfaces makes what other programs need for the backup of a surface, such
// as the schedules of Velero, as the configuration says, and returns what it
// changed. A surface that can't be kept does not keep the others from it: the
// errors come together, and of them the kind of the first.
func (a *Activities) KeepSurfaces(ctx context.Context, _ HousekeepInput) ([]string, error) {
	p := startPulse(ctx, "keep the surfaces", 0)
	defer p.end()
	var changed []string
	var failed []error
	for _, name := range slices.Sorted(maps.Keys(a.Surfaces)) {
		keeper, ok := a.Surfaces[name].(surface.Keeper)
		if !ok {
			continue
		}
		lines, err := keeper.Keep(ctx)
		for _, line := range lines {
			changed = append(changed, name+": "+line)
		}
		if err != nil {
			failed = append(failed, fault.While(err, "keep surface %s", name))
		}
	}
	if len(failed) == 0 {
		return changed, nil
	}
	return changed, fault.While(errors.Join(failed...), "%d surfaces are not as they are to be", len(failed))
}
