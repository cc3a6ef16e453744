package apiserver

import (
	"context"
	"maps"
	"slices"
)

// RestoreTarget is a server of the configuration that recovery points can be restored to.
type RestoreTarget struct {
	Name string `json:"name"`
	// Kind is that of the points which it takes.
	Kind string `json:"kind"`
}

type targetsOutput struct {
	Body []RestoreTarget `nullable:"false"`
}

// listTargets names the targets; where they are and how one gets in is nobody's business.
func (s *Server) listTargets(context.Context, *struct{}) (*targetsOutput, error) {
	out := &targetsOutput{Body: []RestoreTarget{}}
	for _, name := range slices.Sorted(maps.Keys(s.config.Targets)) {
		out.Body = append(out.Body, RestoreTarget{Name: name, Kind: s.config.Targets[name].Kind})
	}
	return out, nil
}
