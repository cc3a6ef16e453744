package activities

import (
	"context"
	"io"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// DumpInput names one part of a held view.
type DumpInput struct {
	Point Point  `json:"point"`
	Token string `json:"token"`
	Fresh int    `json:"fresh"`
	// Index is the part's place in the plan.
	Index int `json:"index"`
}

// DumpResult says how large the part became.
type DumpResult struct {
	Part       string `json:"part"`
	Bytes      int64  `json:"bytes"`
	PlainBytes int64  `json:"plainBytes"`
}

// attemptLength is enough for the attempts of one step to differ.
const attemptLength = 6

// Dump streams one part from the source to the store: dump, compress, encrypt,
// upload, all at once. What it saw of the contents goes beside it as a piece of
// the fingerprint, and a note of both to the step that seals the point.
func (a *Activities) Dump(ctx context.Context, in DumpInput) (DumpResult, error) {
	var out DumpResult
	if _, err := a.store(in.Point.Store); err != nil {
		return out, err
	}
	src, err := a.surface(in.Point.Surface)
	if err != nil {
		return out, err
	}
	plan, err := a.readNote(ctx, in.Point, planNote(in.Fresh))
	if err != nil {
		return out, err
	}
	if in.Index < 0 || in.Index >= len(plan.Plan) {
		return out, fault.New(fault.Internal, "part %d is not in a plan of %d", in.Index, len(plan.Plan))
	}
	part := plan.Plan[in.Index]
	p := startPulse(ctx, "dump "+part.Name, part.Estimate)
	defer p.end()
	release, err := a.Slots.take(ctx)
	if err != nil {
		return out, err
	}
	defer release()
	entries, err := a.dump(ctx, src, in, part, p)
	if err != nil {
		return out, fault.While(err, "dump %s of %s", part.Name, in.Point.Surface)
	}
	out = DumpResult{Part: part.Name, Bytes: entries[0].Bytes, PlainBytes: entries[0].PlainBytes}
	return out, a.writeNote(ctx, in.Point, partNote(in.Fresh, in.Index), note{Entries: entries})
}

// dump writes the part and its piece of the fingerprint, in this order.
func (a *Activities) dump(ctx context.Context, src surface.Surface, in DumpInput, part surface.Part, p *pulse) ([]archive.PartEntry, error) {
	var seen surface.Fingerprint
	w := a.writer(in.Point, seal.RandomID(attemptLength))
	entry, err := w.Write(ctx, part, p.set, func(out io.Writer) (err error) {
		seen, err = src.Dump(ctx, in.Token, part, out)
		return err
	})
	if err != nil || len(seen) == 0 {
		return []archive.PartEntry{entry}, err
	}
	piece, err := archive.WritePiece(ctx, w, part.Name, seen)
	return []archive.PartEntry{entry, piece}, err
}
