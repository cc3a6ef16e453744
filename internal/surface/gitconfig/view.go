package gitconfig

import (
	"context"
	"encoding/json"
	"io"
	"sync/atomic"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// view holds a scratch copy of the repository at the commit in force.
type view struct {
	surface     *Surface
	token       string
	server      surface.Server
	parts       []surface.Part
	fingerprint surface.Fingerprint
	missing     []string
	closed      atomic.Bool
}

// Hold implements surface.Surface. It fetches the branch or tag into a scratch
// folder, which Close removes; nothing is left open on the remote. What the
// branch comes to point to afterwards does not matter: every worker dumps the
// commit that was in force. Errors: Missing when there is no such branch, Denied,
// Unavailable, Invalid for a remote that does not have the whole history.
func (s *Surface) Hold(ctx context.Context) (surface.View, error) {
	server, err := installed(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.resolve(ctx)
	if err != nil {
		return nil, err
	}
	m, err := s.fetch(ctx, found)
	if err != nil {
		return nil, err
	}
	v := &view{surface: s, token: string(m.point.text()), server: server}
	v.server.Bytes = m.size
	s.mirrors.put(m)
	if err := v.look(ctx); err != nil {
		_ = v.Close()
		return nil, err
	}
	return v, nil
}

// look takes the fingerprint, and plans the parts.
func (v *view) look(ctx context.Context) error {
	return v.surface.with(ctx, v.token, func(m *mirror) error {
		t, err := m.read(ctx, m.point)
		if err != nil {
			return fault.While(err, "read commit %s", m.point.Commit)
		}
		if v.missing, err = m.missing(ctx, m.point, t); err != nil {
			return fault.While(err, "read commit %s", m.point.Commit)
		}
		v.fingerprint = t.fingerprint(m.point)
		spec := json.RawMessage(v.token)
		v.parts = []surface.Part{
			{Name: bundleName, Role: surface.RoleData, Format: bundleFormat, Estimate: m.size, Spec: spec},
			{Name: stateName, Role: surface.RoleMeta, Format: stateFormat, Spec: spec},
		}
		return nil
	})
}

// Token implements surface.View: the commit that any worker fetches.
func (v *view) Token() string { return v.token }

// Server implements surface.View.
func (v *view) Server() surface.Server { return v.server }

// Parts implements surface.View.
func (v *view) Parts() []surface.Part { return v.parts }

// Fingerprint implements surface.View.
func (v *view) Fingerprint() surface.Fingerprint { return v.fingerprint }

// Missing implements surface.Partial: submodules, what Git LFS keeps elsewhere,
// and paths that matter and are not there.
func (v *view) Missing() []string { return v.missing }

// Check implements surface.View. What a commit is never changes.
func (v *view) Check(context.Context) error {
	if v.closed.Load() {
		return fault.New(fault.Lost, "the view of %s was closed", v.surface.remote.address)
	}
	return nil
}

// Close implements surface.View.
func (v *view) Close() error {
	if v.closed.Swap(true) {
		return nil
	}
	return v.surface.mirrors.release(v.token)
}

// Dump implements surface.Surface. A worker that does not hold the view fetches
// the commit anew; it fails with fault.Lost when the branch was rewritten and
// the remote does not give the commit any more.
func (s *Surface) Dump(ctx context.Context, token string, part surface.Part, w io.Writer) (surface.Fingerprint, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return nil, s.with(ctx, token, func(m *mirror) error {
		switch part.Name {
		case bundleName:
			return m.run(ctx, w, "bundle", "create", "--quiet", "-", "HEAD", m.point.Ref)
		case stateName:
			return m.writeState(ctx, w)
		default:
			return fault.New(fault.Invalid, "a point of a Git repository has no part %s", part.Name)
		}
	})
}

// state is what stateName holds, for people and their programs; see docs/git.md.
type state struct {
	Version int    `json:"version"`
	Ref     string `json:"ref"`
	Tip     string `json:"tip"`
	Commit  string `json:"commit"`
	// Authored and Committed are the two times of the commit, Commits how many its history has.
	Authored  time.Time `json:"authored"`
	Committed time.Time `json:"committed"`
	Commits   int64     `json:"commits"`
	Tree      string    `json:"tree"`
	// Files are those that matter; there are none when they are more than mostFiles.
	Files []file `json:"files,omitempty"`
	Count int64  `json:"count"`
}

const stateVersion = 1

func (m *mirror) writeState(ctx context.Context, w io.Writer) error {
	t, err := m.read(ctx, m.point)
	if err != nil {
		return err
	}
	out := state{
		Version: stateVersion, Ref: m.point.Ref, Tip: m.point.Tip, Commit: m.point.Commit,
		Commits: t.commits, Tree: t.id, Count: t.count,
	}
	if t.count <= mostFiles {
		out.Files = t.files
	}
	for _, moment := range []struct {
		format string
		into   *time.Time
	}{{"%aI", &out.Authored}, {"%cI", &out.Committed}} {
		text, err := m.output(ctx, "show", "--no-patch", "--no-show-signature", "--format="+moment.format, m.point.Commit)
		if err != nil {
			return err
		}
		// A commit may say any time, and one that is none stays empty.
		*moment.into, _ = time.Parse(time.RFC3339, text)
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}
