package local

import (
	"cmp"
	"context"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// List implements store.Store, folder by folder: it holds the names of one
// folder per level, and asks for the size of what it yields alone. A folder
// left empty by a crash is listed when Shallow.
func (s *Store) List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		under, err := s.keys.Under(opts.Prefix)
		if err != nil {
			yield(store.Entry{}, err)
			return
		}
		if opts.Descending && !opts.Shallow {
			yield(store.Entry{}, fault.New(fault.Unsupported, "list in descending order what is in folders, too"))
			return
		}
		own := len(under) - len(opts.Prefix)
		l := lister{s: s, opts: opts, yield: yield, under: under, after: under[:own] + opts.After, own: own}
		l.walk(ctx, path.Dir(under+"x"))
	}
}

type lister struct {
	s     *Store
	opts  store.ListOptions
	yield func(store.Entry, error) bool
	// under and after are opts.Prefix and opts.After as paths in the root.
	under, after string
	// own is the length of the store's own prefix.
	own int
}

// walk lists a folder and reports whether to go on.
func (l *lister) walk(ctx context.Context, dir string) bool {
	if err := ctx.Err(); err != nil {
		return l.fail(err)
	}
	entries, err := l.s.readDir(dir)
	if err != nil {
		return l.fail(err)
	}
	if dir == "." {
		dir = ""
	} else {
		dir += "/"
	}
	for _, e := range l.wanted(dir, entries) {
		if !l.entry(ctx, dir+e.name, e.DirEntry) {
			return false
		}
	}
	return true
}

// named is what a folder holds, with its name as keys have it.
type named struct {
	fs.DirEntry
	// name of a folder ends with a slash: it stands where the keys in it do,
	// and "a-b" comes before "a/b".
	name string
}

// wanted is, in order, what of a folder's entries can be or hold what is asked
// for. All else is dropped first: of a large folder few may be wanted.
func (l *lister) wanted(dir string, entries []fs.DirEntry) []named {
	begins := ""
	if len(l.under) > len(dir) {
		begins = l.under[len(dir):]
	}
	after, inside := strings.CutPrefix(l.after, dir)
	switch {
	case !inside && l.after > dir && !l.opts.Descending:
		// It comes after all that is in here.
		return nil
	case !inside:
		after = ""
	}
	var kept []named
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		skipped := name <= after && (l.opts.Shallow || !e.IsDir() || !strings.HasPrefix(after, name))
		if l.opts.Descending {
			skipped = l.opts.After != "" && dir+name >= l.after
		}
		if strings.HasPrefix(name, begins) && !skipped {
			kept = append(kept, named{e, name})
		}
	}
	slices.SortFunc(kept, func(a, b named) int {
		if l.opts.Descending {
			a, b = b, a
		}
		return cmp.Compare(a.name, b.name)
	})
	return kept
}

func (l *lister) entry(ctx context.Context, key string, e fs.DirEntry) bool {
	switch {
	case e.IsDir() && inUploads(key):
		return true
	case e.IsDir() && l.opts.Shallow:
		return l.yield(store.Entry{Object: store.Object{Key: key[l.own:]}, Dir: true}, nil)
	case e.IsDir():
		return l.walk(ctx, strings.TrimSuffix(key, "/"))
	case !e.Type().IsRegular():
		return true
	}
	info, err := e.Info()
	if absent(err) {
		return true
	}
	if err != nil {
		return l.fail(err)
	}
	return l.yield(store.Entry{Object: object(key[l.own:], info)}, nil)
}

func (l *lister) fail(err error) bool {
	l.yield(store.Entry{}, l.s.fault(err, "list", l.opts.Prefix))
	return false
}

// readDir returns what a folder holds, unsorted. A folder that is missing is empty.
func (s *Store) readDir(dir string) ([]fs.DirEntry, error) {
	f, err := s.open(dir)
	if absent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	entries, err := f.ReadDir(-1)
	if absent(err) {
		return nil, nil
	}
	return entries, err
}

// open opens a folder inside of the root so that the kernel's answer about
// what it holds is enough. A folder that os.Root has opened asks again for each
// entry, which for thousands of points takes longer than all else.
func (s *Store) open(dir string) (*os.File, error) {
	f, err := s.root.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Dup(int(f.Fd()))
	if err != nil {
		return nil, err
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), filepath.Join(s.dir, dir)), nil
}
