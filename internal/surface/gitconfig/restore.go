package gitconfig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// noteName is the file in a copy's .git that says which point it is of.
const noteName = "lifeboat.json"

// note is what a copy says of itself.
type note struct {
	point
	// Finished is set once Finish was called.
	Finished bool `json:"finished"`
}

// restored is a folder that a point is restored into: a work tree, with the
// repository in its .git.
type restored struct{ git }

// openCopy reads the URL of a target, which is like file:///PATH.
func openCopy(u secret.String) (restored, error) {
	at, err := url.Parse(u.Reveal())
	if err != nil || at.Scheme != "file" || at.Host != "" || !filepath.IsAbs(at.Path) || filepath.Clean(at.Path) == "/" {
		return restored{}, fault.New(fault.Unsupported, "a Git repository is restored into a folder, such as file:///PATH: from there, push it to where it is to be")
	}
	dir := filepath.Clean(at.Path)
	return restored{git{dir: filepath.Join(dir, ".git"), work: dir}}, nil
}

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
		return diskFault(err, "make %s", into.work)
	}
	if !t.Replace && !t.Throwaway {
		if err := into.mustBeFree(ctx, p); err != nil {
			return err
		}
	}
	if err := empty(into.work); err != nil {
		return diskFault(err, "empty %s", into.work)
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
		return diskFault(err, "look into %s", r.work)
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

func (r restored) note() (n note, found bool, err error) {
	text, err := os.ReadFile(filepath.Join(r.dir, noteName))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return n, false, nil
	}
	if err != nil {
		return n, false, diskFault(err, "read which point is in %s", r.work)
	}
	if n.point, err = parsePoint(text, fault.Corrupt); err != nil {
		return n, false, fault.While(err, "%s of %s", noteName, r.dir)
	}
	return n, true, json.Unmarshal(text, &n)
}

// begun is the note of a copy that Begin has prepared.
func (r restored) begun() (note, error) {
	n, found, err := r.note()
	if err == nil && !found {
		err = fault.New(fault.Conflict, "%s is not prepared for a restore", r.work)
	}
	return n, err
}

func (r restored) write(n note) error {
	text, err := json.Marshal(n)
	if err != nil {
		return err
	}
	path := filepath.Join(r.dir, noteName)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return diskFault(err, "write which point is in %s", r.work)
	}
	return diskFault(os.Rename(path+".new", path), "write which point is in %s", r.work)
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
		return "", diskFault(err, "write to %s", r.dir)
	}
	if _, err := io.Copy(f, from); err != nil {
		_ = f.Close()
		return f.Name(), diskFault(err, "read part %s", bundleName)
	}
	return f.Name(), diskFault(f.Close(), "write to %s", r.dir)
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

// changed are the files of the work tree that are not as in HEAD.
func (r restored) changed(ctx context.Context) (map[string]bool, error) {
	// It ends with status 1 when something is changed, which diff-index then names.
	var failed *failure
	if err := r.run(ctx, nil, "update-index", "-q", "--refresh"); err != nil && !errors.As(err, &failed) {
		return nil, err
	}
	var out bytes.Buffer
	if err := r.run(ctx, &out, "diff-index", "--name-only", "-z", "--ignore-submodules", "HEAD", "--"); err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for path := range strings.SplitSeq(out.String(), "\x00") {
		if path != "" {
			found[named(path)] = true
		}
	}
	return found, nil
}

func mark(f surface.Fingerprint, changed map[string]bool) surface.Fingerprint {
	for i, e := range f {
		if e.Kind == entryFile && changed[e.Name] || e.Kind == entryTree && len(changed) > 0 {
			f[i].Digest = "changed"
		}
	}
	return f
}

// empty removes everything in a folder.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, entry.Name())))
	}
	return err
}

func sameFolder(a, b string) bool {
	if filepath.Clean(a) == filepath.Clean(b) {
		return true
	}
	ofA, errA := os.Stat(a)
	ofB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(ofA, ofB)
}

// diskFault classifies an error of the file system.
func diskFault(err error, format string, args ...any) error {
	kind := fault.KindOf(err)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		kind = fault.Exhausted
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		kind = fault.Denied
	}
	return fault.Wrap(kind, err, format, args...)
}
