package gitconfig

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

func (r restored) note() (n note, found bool, err error) {
	text, err := os.ReadFile(filepath.Join(r.dir, noteName))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return n, false, nil
	}
	if err != nil {
		return n, false, fault.Disk(err, "read which point is in %s", r.work)
	}
	if n.point, err = parsePoint(text, fault.Corrupt); err != nil {
		return n, false, fault.While(err, "%s of %s", noteName, r.dir)
	}
	err = json.Unmarshal(text, &n)
	return n, true, err
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
		return fault.Disk(err, "write which point is in %s", r.work)
	}
	return fault.Disk(os.Rename(path+".new", path), "write which point is in %s", r.work)
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
