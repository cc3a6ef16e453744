package worker

import (
	"context"
	"strconv"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// serversNow are the servers that a drill restored to, as a restore on its host
// would find them today, by the names that its parts have. Another host can't
// tell: there they are as they were.
func (p *Parts) serversNow(ctx context.Context, d drills.Drill) map[string]string {
	out := map[string]string{}
	for name, proven := range d.Parts {
		surface, ok := strings.CutPrefix(name, drill.PartServer)
		if !ok {
			continue
		}
		out[name] = proven
		if d.Declaration.Host == Host(p.Config.DataDir) {
			out[name] = p.serverNow(ctx, surface, proven)
		}
	}
	return out
}

// serverNow looks for the server that was proven, such as "postgres 15.18"; what is in
// its place, or that there is none.
func (p *Parts) serverNow(ctx context.Context, surface, proven string) string {
	kind, version, _ := strings.Cut(proven, " ")
	first, _, _ := strings.Cut(version, ".")
	major, err := strconv.Atoi(first)
	if err != nil {
		return proven
	}
	now := "none"
	// Data of Redis may have been restored to Valkey.
	for _, product := range []string{"Valkey", ""} {
		found, err := p.Environment.Installed(ctx, local.Spec{Kind: kind, Product: product, Major: major, BinDir: p.Config.Surfaces[surface].BinDir})
		switch {
		case err == nil && kind+" "+found == proven, ctx.Err() != nil:
			return proven
		case err == nil:
			now = kind + " " + found
		case !fault.Is(err, fault.Unsupported):
			return proven
		}
	}
	return now
}
