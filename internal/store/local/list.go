package local

import (
	"cmp"
	"context"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"

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
	// A folder stands where the keys in it do: "a-b" comes before "a/b".
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(sortName(a), sortName(b)) })
	for _, e := range entries {
		key := path.Join(dir, sortName(e))
		if e.IsDir() {
			key += "/"
		}
		if !l.entry(ctx, key, e) {
			return false
		}
	}
	return true
}

func sortName(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}

func (l *lister) entry(ctx context.Context, key string, e fs.DirEntry) bool {
	switch {
	case !strings.HasPrefix(key, l.under), e.IsDir() && inUploads(key):
		return true
	case e.IsDir() && l.opts.Shallow:
		return key <= l.after || l.yield(store.Entry{Object: store.Object{Key: key[l.own:]}, Dir: true}, nil)
	case e.IsDir():
		// Everything in it begins with key, so it comes after unless l.after lies inside or behind.
		return key <= l.after && !strings.HasPrefix(l.after, key) || l.walk(ctx, strings.TrimSuffix(key, "/"))
	case !e.Type().IsRegular() || key <= l.after:
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
	f, err := s.root.Open(dir)
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
