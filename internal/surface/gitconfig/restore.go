package gitconfig

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Begin implements surface.Surface. The target is an empty folder on this host,
// by a file:///PATH; with Replace or Throwaway everything that is in it goes.
// The repository that is protected is refused.
func (s *Surface) Begin(ctx context.Context, t surface.Target, src surface.Source) error {
	into, err := openCopy(t.URL)
	if err != nil {
		return err
	}
	if s.remote.folder != "" && sameFolder(into.work, s.remote.folder) {
		return fault.New(fault.Unsupported, "%s is the repository that is protected: restore into another folder, and push or copy from there", into.work)
	}
	p, err := pointOf(src)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(into.work, 0o700); err != nil {
		return fault.Disk(err, "make %s", into.work)
	}
	if !t.Replace && !t.Throwaway {
		if err := into.mustBeFree(ctx, p); err != nil {
			return err
		}
	}
	if err := empty(into.work); err != nil {
		return fault.Disk(err, "empty %s", into.work)
	}
	if err := into.init(ctx, p); err != nil {
		return err
	}
	return into.write(note{point: p})
}

// pointOf is what the bundle of a sealed point says of itself.
func pointOf(src surface.Source) (point, error) {
	for _, part := range src.Parts() {
		if part.Name == bundleName {
			p, err := parsePoint(part.Spec, fault.Corrupt)
			return p, fault.While(err, "part %s", part.Name)
		}
	}
	return point{}, fault.New(fault.Corrupt, "the point has no part %s", bundleName)
}

// mustBeFree refuses a folder that holds anything but what an earlier attempt to
// restore the same point has left.
func (r restored) mustBeFree(ctx context.Context, p point) error {
	entries, err := os.ReadDir(r.work)
	if err != nil {
		return fault.Disk(err, "look into %s", r.work)
	}
	if len(entries) == 0 {
		return nil
	}
	n, found, err := r.note()
	switch {
	case err != nil:
		return err
	case found && !n.Finished && bytes.Equal(n.text(), p.text()):
		return nil
	case !found && len(entries) == 1 && entries[0].Name() == ".git":
		if refs, err := r.output(ctx, "for-each-ref", "--count=1"); err == nil && refs == "" {
			return nil
		}
	}
	return fault.New(fault.Conflict, "%s is not empty: empty it, restore elsewhere, or ask to replace what it holds", r.work)
}

// Load implements surface.Surface. The bundle is taken only whole, its objects
// are named by their contents, and everything that the commit needs must be
// there. Links are checked out as files that hold where they lead, so that none
// leads out of the copy.
func (s *Surface) Load(ctx context.Context, t surface.Target, part surface.Part, r io.Reader) error {
	into, err := openCopy(t.URL)
	if err != nil {
		return err
	}
	if part.Name != bundleName {
		return fault.New(fault.Invalid, "part %s of a Git repository is not loaded", part.Name)
	}
	p, err := parsePoint(part.Spec, fault.Corrupt)
	if err != nil {
		return fault.While(err, "part %s", part.Name)
	}
	if _, err := into.begun(); err != nil {
		return err
	}
	bundle, err := into.keep(r)
	defer func() { _ = os.Remove(bundle) }()
	if err != nil {
		return err
	}
	return fault.While(into.unbundle(ctx, p, bundle), "restore commit %s", p.Commit)
}

// keep writes the bundle beside the objects, where git can read it.
func (r restored) keep(from io.Reader) (path string, err error) {
	f, err := os.CreateTemp(r.dir, "lifeboat-*.bundle")
	if err != nil {
		return "", fault.Disk(err, "write to %s", r.dir)
	}
	if _, err := io.Copy(f, from); err != nil {
		_ = f.Close()
		return f.Name(), fault.Disk(err, "read part %s", bundleName)
	}
	return f.Name(), fault.Disk(f.Close(), "write to %s", r.dir)
}

func (r restored) unbundle(ctx context.Context, p point, bundle string) error {
	if err := r.run(ctx, nil, "bundle", "verify", "--quiet", bundle); err != nil {
		return corrupt(err)
	}
	// The bundle is a file: nothing is asked of any remote.
	err := r.run(ctx, nil, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--update-head-ok", "--force", bundle, p.Ref+":"+p.Ref)
	if err != nil {
		return corrupt(err)
	}
	if tip, err := r.output(ctx, "rev-parse", "--verify", "--quiet", p.Ref); err != nil || tip != p.Tip {
		return fault.New(fault.Corrupt, "the bundle has %s at %s, and not at %s", p.Ref, tip, p.Tip)
	}
	if err := r.run(ctx, nil, "fsck", "--connectivity-only", "--no-dangling", "--no-progress"); err != nil {
		return corrupt(err)
	}
	if err := r.run(ctx, nil, "config", "core.symlinks", "false"); err != nil {
		return err
	}
	if err := r.setHead(ctx, p); err != nil {
		return err
	}
	if head, err := r.output(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}"); err != nil || head != p.Commit {
		return fault.New(fault.Corrupt, "the bundle has commit %s in force, and not %s", head, p.Commit)
	}
	return r.run(ctx, nil, "reset", "--hard", "--quiet")
}

// corrupt is what it means that git does not take a bundle, unless it could not try.
func corrupt(err error) error {
	var failed *failure
	if errors.As(err, &failed) && !fault.Is(err, fault.Exhausted) {
		return fault.Wrap(fault.Corrupt, err, "the bundle can't be read")
	}
	return err
}

// Finish implements surface.Surface.
func (s *Surface) Finish(_ context.Context, t surface.Target, _ surface.Source) error {
	into, err := openCopy(t.URL)
	if err != nil {
		return err
	}
	n, err := into.begun()
	if err != nil {
		return err
	}
	n.Finished = true
	return into.write(n)
}

// Fingerprint implements surface.Surface: of what HEAD of a copy is, limited to
// the paths that mattered when its point was made. A file of the work tree that
// is not as committed shows as changed.
func (s *Surface) Fingerprint(ctx context.Context, t surface.Target) (surface.Fingerprint, error) {
	from, err := openCopy(t.URL)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(from.work); err != nil {
		return nil, fault.Wrap(fault.Missing, err, "look for the restored copy")
	}
	if _, err := os.Stat(from.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	commit, err := from.output(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	if err != nil {
		if ctx.Err() != nil {
			return nil, err
		}
		// Nothing was committed to it.
		return nil, nil
	}
	n, found, err := from.note()
	if err != nil {
		return nil, err
	}
	p := n.point
	if !found {
		p.Ref = "HEAD"
	}
	p.Commit = commit
	if p.Tip, err = from.output(ctx, "rev-parse", "--verify", p.Ref); err != nil {
		return nil, err
	}
	seen, err := from.read(ctx, p)
	if err != nil {
		return nil, err
	}
	changed, err := from.changed(ctx)
	return mark(seen.fingerprint(p), changed), err
}
