package activities

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// A note is what the steps of one snapshot tell each other that is too large
// for a workflow's history: the plan of the parts, and what became of each. It
// says no more than the manifest will, and is plain, so that a worker that has
// only public keys can make a point. Notes are removed once the point is sealed.
type note struct {
	Plan    []surface.Part      `json:"plan,omitempty"`
	Entries []archive.PartEntry `json:"entries"`
	// Base is what the manifest of a base backup says beside its parts.
	Base *archive.Base `json:"base,omitempty"`
}

// NotesDir is the folder of notes within a point's folder.
const NotesDir = "notes"

// The names carry the count of fresh starts, so that notes of a lost view are never read.

func planNote(fresh int) string { return fmt.Sprintf("%d-plan", fresh) }

func partNote(fresh, index int) string { return fmt.Sprintf("%d-part-%06d", fresh, index) }

func noteKey(dir, name string) string { return dir + "/" + NotesDir + "/" + name + ".json" }

func (a *Activities) writeNote(ctx context.Context, p Point, name string, n note) error {
	raw, err := json.Marshal(n)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "encode note %s", name)
	}
	_, err = a.Stores[p.Store].Put(ctx, noteKey(p.Dir, name), bytes.NewReader(raw), store.PutOptions{Estimate: int64(len(raw))})
	return fault.While(err, "write note %s", name)
}

func (a *Activities) readNote(ctx context.Context, p Point, name string) (note, error) {
	var n note
	r, err := a.Stores[p.Store].Get(ctx, noteKey(p.Dir, name), 0, -1)
	if err != nil {
		return n, fault.While(err, "read note %s", name)
	}
	defer func() { _ = r.Close() }()
	raw, err := io.ReadAll(r)
	if err != nil {
		return n, fault.While(err, "read note %s", name)
	}
	err = json.Unmarshal(raw, &n)
	return n, fault.Wrap(fault.Corrupt, err, "read note %s", name)
}

// writer makes the parts of a point. Each attempt of a step has objects of its
// own: a worker that was given up but still writes can then never replace what
// its successor wrote.
func (a *Activities) writer(p Point, attempt string) archive.PartWriter {
	return archive.PartWriter{
		Store: a.Stores[p.Store], Dir: p.Dir, Recipients: p.Recipients, Level: a.Config.Compression.Level, Attempt: attempt,
		LockedUntil: p.LockedUntil,
	}
}
