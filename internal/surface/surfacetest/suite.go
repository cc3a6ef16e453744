// Package surfacetest is the one suite that every surface passes, against real servers.
package surfacetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Harness is one surface on a real source, and what the suite needs beside it.
type Harness struct {
	Surface surface.Surface
	// Fill puts data into the source. It is called once, first.
	Fill func(t testing.TB)
	// Change changes one value that Fill has put there, and the number of nothing.
	Change func(t testing.TB)
	// NewTarget returns an empty target that is running and is no throw-away server.
	NewTarget func(t testing.TB) surface.Target
	// Occupy puts something into a target, so that it is not empty any more.
	Occupy func(t testing.TB, target surface.Target)
	// OneShot says that the source keeps no old state: a view of it is a plan,
	// and a dump takes the state of its own moment, whether the view is closed or not.
	OneShot bool
	// Left lists what Lifeboat has open on the source: sessions, one line each.
	Left func(t testing.TB) []string
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	h.Fill(t)
	t.Run("Probe", h.probe)
	t.Run("View", h.view)
	t.Run("LostView", h.lostView)
	t.Run("CancelledDump", h.cancelledDump)

	point := Take(t, h.Surface)
	t.Run("RoundTrip", func(t *testing.T) { Restore(t, h.Surface, h.NewTarget(t), point) })
	t.Run("Repeated", func(t *testing.T) { h.repeated(t, point) })
	t.Run("Conflict", func(t *testing.T) { h.conflict(t, point) })
	t.Run("Throwaway", func(t *testing.T) {
		target := h.NewTarget(t)
		target.Throwaway = true
		Restore(t, h.Surface, target, point)
	})

	h.Change(t)
	t.Run("ChangeShows", func(t *testing.T) { h.changeShows(t, point) })
	t.Run("NothingLeft", h.nothingLeft)
}

func (h Harness) probe(t *testing.T) {
	server, err := h.Surface.Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if server.Product == "" || server.Version == "" || server.Major <= 0 || server.Bytes <= 0 {
		t.Errorf("a server without product, version, major or size: %+v", server)
	}
}

func (h Harness) view(t *testing.T) {
	view, err := h.Surface.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer closeView(t, view)
	if err := view.Check(t.Context()); err != nil {
		t.Errorf("a view that was just opened: %v", err)
	}
	if len(view.Parts()) == 0 {
		t.Error("a source with data has no parts")
	}
	for _, part := range view.Parts() {
		if part.Name == "" || strings.Trim(part.Name, "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
			t.Errorf("part name %q", part.Name)
		}
		if part.Role != surface.RoleData && part.Role != surface.RoleMeta {
			t.Errorf("part %s has role %q", part.Name, part.Role)
		}
		if len(part.Spec) > 4<<10 {
			t.Errorf("part %s has a spec of %d bytes", part.Name, len(part.Spec))
		}
	}
	first := Dump(t, h.Surface, view)
	again := Dump(t, h.Surface, view)
	for _, d := range first.fingerprint.Compare(again.fingerprint) {
		t.Errorf("dumped twice from one view: %s", d)
	}
}

func (h Harness) lostView(t *testing.T) {
	view, err := h.Surface.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	closeView(t, view)
	if err := view.Check(t.Context()); !fault.Is(err, fault.Lost) {
		t.Errorf("check of a closed view: %v, not of kind lost", err)
	}
	for _, part := range view.Parts() {
		if h.OneShot || part.Role != surface.RoleData {
			continue
		}
		if _, err := h.Surface.Dump(t.Context(), view.Token(), part, discard{}); !fault.Is(err, fault.Lost) {
			t.Errorf("dump of part %s from a closed view: %v, not of kind lost", part.Name, err)
		}
	}
}

func (h Harness) cancelledDump(t *testing.T) {
	view, err := h.Surface.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer closeView(t, view)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.Surface.Dump(ctx, view.Token(), view.Parts()[0], discard{}); err == nil {
		t.Error("a cancelled dump succeeded")
	}
}

func (h Harness) repeated(t *testing.T, point *Point) {
	target := h.NewTarget(t)
	s := h.Surface
	if err := s.Begin(t.Context(), target, point); err != nil {
		t.Fatalf("begin: %v", err)
	}
	if err := Load(t.Context(), s, target, point); err != nil {
		t.Fatal(err)
	}
	if err := s.Begin(t.Context(), target, point); err != nil {
		t.Fatalf("begin again: %v", err)
	}
	for range 2 {
		if err := Load(t.Context(), s, target, point); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := s.Finish(t.Context(), target, point); err != nil {
			t.Fatalf("finish: %v", err)
		}
	}
	RequireSame(t, s, target, point)
}

func (h Harness) conflict(t *testing.T, point *Point) {
	target := h.NewTarget(t)
	h.Occupy(t, target)
	before, err := h.Surface.Fingerprint(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Surface.Begin(t.Context(), target, point); !fault.Is(err, fault.Conflict) {
		t.Fatalf("begin on a target that has data: %v, not of kind conflict", err)
	}
	after, err := h.Surface.Fingerprint(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range before.Compare(after) {
		t.Errorf("a refused restore changed the target: %s", d)
	}
	target.Replace = true
	Restore(t, h.Surface, target, point)
}

func (h Harness) changeShows(t *testing.T, point *Point) {
	changed := Take(t, h.Surface)
	if len(point.fingerprint.Compare(changed.fingerprint)) == 0 {
		t.Error("a changed value does not show in the fingerprint")
	}
}

func (h Harness) nothingLeft(t *testing.T) {
	deadline := time.Now().Add(30 * time.Second)
	for {
		left := h.Left(t)
		if len(left) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left on the source:\n%s", strings.Join(left, "\n"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// discard is a writer that only Dump sees, so that no optimisation for io.Discard hides a fault.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
