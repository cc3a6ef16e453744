package activities

import (
	"context"
	"maps"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/check"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fence"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// reach asks the drill's fence about every live surface whose address is in the
// texts that say what a step connects to.
func (a *Activities) reach(ctx context.Context, texts []string) error {
	for _, name := range slices.Sorted(maps.Keys(a.Config.Surfaces)) {
		s := a.Config.Surfaces[name]
		if !slices.ContainsFunc([]secret.String{s.URL, s.StandbyURL}, func(u secret.String) bool {
			live, ok := drill.EndpointOf(u)
			return ok && live.Named(texts...)
		}) {
			continue
		}
		if err := a.Fence.Touch(ctx, fence.Surface, name); err != nil {
			return err
		}
	}
	return nil
}

// filled puts what was restored into the placeholders of texts. One that names
// nothing is left as it is: the step itself will say so.
func filled(texts []string, servers map[string]drill.Server, drillID string) []string {
	out := slices.Clone(texts)
	for i, text := range texts {
		if value, err := check.Expand(text, servers, drillID); err == nil {
			out[i] = value.Reveal()
		}
	}
	return out
}
