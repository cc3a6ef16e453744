package activities

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Compared says how a restored target relates to the fingerprint of its point.
type Compared struct {
	// Entries is how many were compared, Counts how many rows or keys they stand for, by kind.
	Entries int              `json:"entries"`
	Counts  map[string]int64 `json:"counts"`
	// LeftOut is how many this target does not take: they were neither restored nor compared.
	LeftOut int `json:"leftOut,omitempty"`
}

// Compare takes the fingerprint of a restored target and compares it with the
// one taken at backup time. Any difference is a fault of kind Mismatch.
func (a *Activities) Compare(ctx context.Context, in RestoreStep) (Compared, error) {
	out := Compared{Counts: map[string]int64{}}
	p := startPulse(ctx, "compare", 0)
	defer p.end()
	err := a.step(ctx, in, archive.OpenPoint, func(s surface.Surface, t surface.Target, l loads) error {
		want := l.point.Fingerprint()
		if scoped, ok := s.(surface.Scoper); ok {
			want = scoped.Scope(want, t.Selection)
		}
		if scoped, ok := s.(surface.TargetScoper); ok {
			all := len(want)
			var err error
			if want, err = scoped.ScopeOf(ctx, want, t); err != nil {
				return err
			}
			out.LeftOut = all - len(want)
		}
		t.Expected = want
		got, err := s.Fingerprint(ctx, t)
		if err != nil {
			return err
		}
		if expirer, ok := s.(surface.Expirer); ok {
			now := time.Now()
			want, got = expirer.Unexpired(want, now), expirer.Unexpired(got, now)
		}
		for _, e := range want {
			out.Entries++
			out.Counts[e.Kind] += e.Count
		}
		return differences(want.Compare(got))
	})
	return out, fault.While(err, "compare with the fingerprint of %s", in.Point.ID)
}

// differences makes one line of what differs.
func differences(found []surface.Difference) error {
	const most = 5
	if len(found) == 0 {
		return nil
	}
	var lines []string
	for _, d := range found[:min(len(found), most)] {
		lines = append(lines, d.String())
	}
	text := strings.Join(lines, "; ")
	if more := len(found) - most; more > 0 {
		text += fmt.Sprintf("; and %d more differences", more)
	}
	return fault.New(fault.Mismatch, "%s", text)
}

// maxChanges bounds what a dry run tells: it travels through a history.
const maxChanges = 1000

// Diff says what a restore of a point would change of a target, and changes nothing.
func (a *Activities) Diff(ctx context.Context, in RestoreStep) ([]surface.Change, error) {
	var out []surface.Change
	p := startPulse(ctx, "compare", 0)
	defer p.end()
	err := a.step(ctx, in, archive.OpenPoint, func(s surface.Surface, t surface.Target, l loads) (err error) {
		differ, ok := s.(surface.Differ)
		if !ok {
			return fault.New(fault.Unsupported, "a %s can't tell what a restore would change: restore it isolated, and look", s.Kind())
		}
		out, err = differ.Diff(ctx, t, l.point, maxChanges)
		return err
	})
	return out, fault.While(err, "compare %s with the target", in.Point.ID)
}
