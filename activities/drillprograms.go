package activities

import (
	"context"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
)

// ProgramsInput names a drill with the programs that it has started.
type ProgramsInput struct {
	DrillRef
	Programs []drill.Started `json:"programs"`
}

// LookAtPrograms looks once more at the programs that a drill has started: one
// that was to go on and has ended by now has failed.
func (a *Activities) LookAtPrograms(ctx context.Context, in ProgramsInput) ([]drill.Started, error) {
	p := startPulse(ctx, "look at the programs again", 0)
	defer p.end()
	states, err := a.Environment.Programs(in.DrillID)
	return lookedAt(in.Programs, states), err
}

// lookedAt are programs as they are now. One that has failed before stays as it was.
func lookedAt(programs []drill.Started, states []local.ProgramState) []drill.Started {
	out := slices.Clone(programs)
	for i, p := range out {
		if p.Result != drill.Pass {
			continue
		}
		at := slices.IndexFunc(states, func(s local.ProgramState) bool { return s.Name == p.Name })
		if at < 0 {
			out[i].Result, out[i].Detail = drill.Fail, "it was removed while the drill went on"
			continue
		}
		out[i].LogDigest, out[i].Detail = states[at].LogDigest, states[at].State
		if trouble := states[at].Trouble(); trouble != "" {
			out[i].Result, out[i].Detail = drill.Fail, trouble
		}
	}
	return out
}
