package activities

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// RewindInput asks for a part of a surface as it was at a moment.
type RewindInput struct {
	Surface string              `json:"surface"`
	At      time.Time           `json:"at"`
	Prefix  string              `json:"prefix,omitempty"`
	To      surface.Destination `json:"to"`
}

// Rewind restores a part of a surface whose source keeps old versions by itself.
func (a *Activities) Rewind(ctx context.Context, in RewindInput) (surface.Rewound, error) {
	p := startPulse(ctx, "restore objects to a moment", 0)
	defer p.end()
	src, err := a.surface(in.Surface)
	if err != nil {
		return surface.Rewound{}, err
	}
	rewinder, ok := src.(surface.Rewinder)
	if !ok {
		return surface.Rewound{}, fault.New(fault.Unsupported, "surface %s is of kind %s, which keeps no old versions by itself", in.Surface, src.Kind())
	}
	if what, live := a.Config.LiveObjects(in.Surface, in.To.Bucket, in.To.Prefix); live {
		return surface.Rewound{}, fault.New(fault.Invalid, "the place to restore to is among what %s has: restore to another bucket or prefix", what)
	}
	out, err := rewinder.RestoreAsOf(ctx, in.At, in.Prefix, in.To)
	return out, fault.While(err, "restore %s as of %s", in.Surface, in.At.UTC().Format(time.RFC3339))
}
