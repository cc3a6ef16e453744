package surfacetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Point is a recovery point in memory. It implements surface.Source.
type Point struct {
	Server surface.Server
	Data   map[string][]byte

	parts       []surface.Part
	fingerprint surface.Fingerprint
}

// Take makes a point of everything that s holds, as a snapshot does: it holds
// a view, dumps every part of it, and gives the view up.
func Take(t testing.TB, s surface.Surface) *Point {
	t.Helper()
	view, err := s.Hold(t.Context())
	if err != nil {
		t.Fatalf("hold a view: %v", err)
	}
	defer closeView(t, view)
	return Dump(t, s, view)
}

// Dump makes a point of a view that is held by the caller.
func Dump(t testing.TB, s surface.Surface, view surface.View) *Point {
	t.Helper()
	p := &Point{Server: view.Server(), Data: map[string][]byte{}, parts: view.Parts()}
	pieces := []surface.Fingerprint{view.Fingerprint()}
	for _, part := range view.Parts() {
		var plain bytes.Buffer
		piece, err := s.Dump(t.Context(), view.Token(), part, &plain)
		if err != nil {
			t.Fatalf("dump part %s: %v", part.Name, err)
		}
		if _, twice := p.Data[part.Name]; twice {
			t.Fatalf("two parts are named %s", part.Name)
		}
		p.Data[part.Name] = plain.Bytes()
		pieces = append(pieces, piece)
	}
	examined, err := s.Examine(t.Context(), p)
	if err != nil {
		t.Fatalf("examine the point: %v", err)
	}
	p.fingerprint = surface.Merge(append(pieces, examined)...)
	return p
}

// Parts implements surface.Source.
func (p *Point) Parts() []surface.Part { return p.parts }

// Fingerprint implements surface.Source.
func (p *Point) Fingerprint() surface.Fingerprint { return p.fingerprint }

// Open implements surface.Source.
func (p *Point) Open(_ context.Context, name string) (io.ReadCloser, error) {
	plain, ok := p.Data[name]
	if !ok {
		return nil, fault.New(fault.Missing, "the point has no part %s", name)
	}
	return io.NopCloser(bytes.NewReader(plain)), nil
}

// Load loads every data part of p into a target that Begin has prepared.
func Load(ctx context.Context, s surface.Surface, target surface.Target, p *Point) error {
	for _, part := range p.parts {
		if part.Role != surface.RoleData {
			continue
		}
		if err := s.Load(ctx, target, part, bytes.NewReader(p.Data[part.Name])); err != nil {
			return fmt.Errorf("load part %s: %w", part.Name, err)
		}
	}
	return nil
}

// Restore restores p into a target and compares: the target must show the
// point's fingerprint.
func Restore(t testing.TB, s surface.Surface, target surface.Target, p *Point) {
	t.Helper()
	if err := s.Begin(t.Context(), target, p); err != nil {
		t.Fatalf("begin: %v", err)
	}
	if err := Load(t.Context(), s, target, p); err != nil {
		t.Fatal(err)
	}
	if err := s.Finish(t.Context(), target, p); err != nil {
		t.Fatalf("finish: %v", err)
	}
	RequireSame(t, s, target, p)
}

// RequireSame fails the test where the target does not show the point's fingerprint.
func RequireSame(t testing.TB, s surface.Surface, target surface.Target, p *Point) {
	t.Helper()
	target.Expected = p.fingerprint
	got, err := s.Fingerprint(t.Context(), target)
	if err != nil {
		t.Fatalf("fingerprint of the target: %v", err)
	}
	for _, d := range p.fingerprint.Compare(got) {
		t.Errorf("restored, but %s", d)
	}
	if t.Failed() {
		t.FailNow()
	}
}

func closeView(t testing.TB, view surface.View) {
	t.Helper()
	if err := view.Close(); err != nil {
		t.Errorf("close the view: %v", err)
	}
}
