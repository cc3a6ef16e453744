package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/storetest"
)

func mustOpen(t *testing.T, c store.Config) store.Store {
	t.Helper()
	c.Kind = "local"
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func put(t *testing.T, s store.Store, key, text string) {
	t.Helper()
	if _, err := s.Put(t.Context(), key, strings.NewReader(text), store.PutOptions{}); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return mustOpen(t, store.Config{Dir: t.TempDir()}) })
}

func TestSweeps(t *testing.T) {
	t.Parallel()
	storetest.Sweeps(t, mustOpen(t, store.Config{Dir: t.TempDir()}))
}

func TestPrefixes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	storetest.Prefixes(t, func(prefix string) store.Store { return mustOpen(t, store.Config{Dir: dir, Prefix: prefix}) })
}

// files returns the paths of all files and folders in a folder.
func files(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, _ fs.DirEntry, err error) error {
		if path != "." {
			all = append(all, path)
		}
		return err
	})
	if err != nil {
		t.Fatalf("list the files in %s: %v", dir, err)
	}
	return all
}

func TestNothingIsLeftBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, store.Config{Dir: dir})
	put(t, s, "deep/er/object", "text")
	if _, err := s.Put(t.Context(), "other/object", io.MultiReader(strings.NewReader("text"), errReader{}), store.PutOptions{}); err == nil {
		t.Error("put from a failing reader succeeded")
	}
	for range 2 {
		if _, err := s.Put(t.Context(), "deep/once", strings.NewReader("text"), store.PutOptions{IfAbsent: true}); err != nil &&
			fault.KindOf(err) != fault.Conflict {
			t.Errorf("put: %v", err)
		}
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	if got, want := files(t, dir), []string{uploads, "deep", "deep/er", "deep/er/object", "deep/once"}; !slices.Equal(got, want) {
		t.Errorf("files %q, want %q", got, want)
	}
	if err := s.Delete(t.Context(), "deep/er/object", "deep/once"); err != nil {
		t.Errorf("delete: %v", err)
	}
	if got := files(t, dir); !slices.Equal(got, []string{uploads}) {
		t.Errorf("files %q after delete", got)
	}
}

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("the source is gone") }

// TestSweepGoesByTheLastWrite has an upload that began long ago and still writes.
func TestSweepGoesByTheLastWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, store.Config{Dir: dir})
	put(t, s, "object", "makes the folder of uploads")
	hourAgo := time.Now().Add(-time.Hour)
	for name, written := range map[string]time.Time{"a~1": hourAgo.Add(-time.Minute), "a~2": hourAgo.Add(time.Minute), "b%2Fc~3": hourAgo.Add(-time.Minute)} {
		file := filepath.Join(dir, uploads, name)
		if err := os.WriteFile(file, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, written, written); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := s.SweepUploads(t.Context(), "b/", hourAgo); n != 1 || err != nil {
		t.Errorf("swept %d under b/, %v", n, err)
	}
	if n, err := s.SweepUploads(t.Context(), "", hourAgo); n != 1 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if got := files(t, filepath.Join(dir, uploads)); !slices.Equal(got, []string{"a~2"}) {
		t.Errorf("uploads %q are left", got)
	}
}

func TestUploadsAreNoKeys(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, store.Config{Dir: t.TempDir()})
	for _, key := range []string{uploads, uploads + "/object"} {
		if _, err := s.Put(t.Context(), key, strings.NewReader("x"), store.PutOptions{}); fault.KindOf(err) != fault.Invalid {
			t.Errorf("put %s: %v", key, err)
		}
	}
	if _, err := s.Put(t.Context(), strings.Repeat("x", 300), strings.NewReader("x"), store.PutOptions{}); fault.KindOf(err) != fault.Invalid {
		t.Errorf("put a name that is too long: %v", err)
	}
}

func TestSymbolicLinksDontLeadOut(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("not for you"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := mustOpen(t, store.Config{Dir: dir})
	for name, target := range map[string]string{"link": outside, "file": secret, "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, key := range []string{"link/secret", "link/new", "file", "loop", "loop/x"} {
		_, err := s.Get(t.Context(), key, 0, -1)
		if kind := fault.KindOf(err); kind != fault.Denied {
			t.Errorf("get %s: %v", key, err)
		}
		if _, err := s.Stat(t.Context(), key); fault.KindOf(err) != fault.Denied {
			t.Errorf("stat %s: %v", key, err)
		}
	}
	for _, key := range []string{"link/secret", "link/new"} {
		for _, ifAbsent := range []bool{false, true} {
			_, err := s.Put(t.Context(), key, strings.NewReader("x"), store.PutOptions{IfAbsent: ifAbsent})
			if fault.KindOf(err) != fault.Denied {
				t.Errorf("put %s: %v", key, err)
			}
		}
		if err := s.Delete(t.Context(), key); fault.KindOf(err) != fault.Denied {
			t.Errorf("delete %s: %v", key, err)
		}
	}
	for e, err := range s.List(t.Context(), store.ListOptions{}) {
		t.Errorf("listed %+v, %v", e, err)
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != "not for you" {
		t.Errorf("the file outside is %q, %v", text, err)
	}
	if got := files(t, outside); !slices.Equal(got, []string{"secret"}) {
		t.Errorf("outside are %q", got)
	}
}

func TestOddFilesAreNoObjects(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, store.Config{Dir: dir})
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(t.Context(), "pipe", 0, -1); fault.KindOf(err) != fault.Missing {
		t.Errorf("get a named pipe: %v", err)
	}
	for e := range s.List(t.Context(), store.ListOptions{}) {
		t.Errorf("listed %+v", e)
	}
}

// TestFoldersComeAndGo has writers and deleters race for the folder of one key.
func TestFoldersComeAndGo(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, store.Config{Dir: dir})
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			key := fmt.Sprintf("a/b/%d", i)
			for range 100 {
				if _, err := s.Put(t.Context(), key, strings.NewReader("x"), store.PutOptions{IfAbsent: i%2 == 0}); err != nil {
					t.Errorf("put: %v", err)
				}
				if err := s.Delete(t.Context(), key); err != nil {
					t.Errorf("delete: %v", err)
				}
			}
		})
	}
	all.Wait()
	if got := files(t, dir); !slices.Equal(got, []string{uploads}) {
		t.Errorf("files %q are left", got)
	}
}

func TestFolderAndObjectOfOneName(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, store.Config{Dir: t.TempDir()})
	put(t, s, "a/b", "text")
	for _, key := range []string{"a", "a/b/c"} {
		for _, ifAbsent := range []bool{false, true} {
			_, err := s.Put(t.Context(), key, strings.NewReader("x"), store.PutOptions{IfAbsent: ifAbsent})
			if fault.KindOf(err) != fault.Conflict {
				t.Errorf("put %s beside a/b: %v", key, err)
			}
		}
	}
}

func TestCheckSeesThatTheFolderIsGone(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "store")
	s := mustOpen(t, store.Config{Dir: dir})
	if err := os.Rename(dir, dir+".away"); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); fault.KindOf(err) != fault.Missing {
		t.Errorf("check without the folder: %v", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("check with another folder: %v", err)
	}
}

func TestOpenNeedsAFolder(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if _, err := Open(t.Context(), store.Config{Dir: dir}); fault.KindOf(err) != fault.Conflict {
			t.Errorf("open %s: %v", dir, err)
		}
	}
}

func TestFaultKinds(t *testing.T) {
	t.Parallel()
	s := &Store{dir: "/backups"}
	for err, want := range map[error]fault.Kind{
		syscall.ENOSPC: fault.Exhausted, syscall.EDQUOT: fault.Exhausted, syscall.EFBIG: fault.Exhausted,
		syscall.EACCES: fault.Denied, syscall.EPERM: fault.Denied, syscall.EROFS: fault.Denied,
		syscall.ENOENT: fault.Missing, syscall.EEXIST: fault.Conflict, syscall.ENOTEMPTY: fault.Conflict, syscall.EISDIR: fault.Conflict,
		syscall.ENAMETOOLONG: fault.Invalid, syscall.EOPNOTSUPP: fault.Unsupported, syscall.ESTALE: fault.Unavailable,
		syscall.EIO: fault.Internal, context.Canceled: fault.Internal, context.DeadlineExceeded: fault.Unavailable,
		fault.New(fault.Lost, "gone"): fault.Lost,
	} {
		for _, wrapped := range []error{err, &fs.PathError{Op: "write", Path: "x", Err: err}, &os.LinkError{Op: "link", Old: "x", New: "y", Err: err}} {
			got := s.fault(wrapped, "store", "key")
			if fault.KindOf(got) != want || !errors.Is(got, err) || !strings.HasPrefix(got.Error(), "store /backups/key: ") {
				t.Errorf("%v: got %s, %v", wrapped, fault.KindOf(got), got)
			}
		}
	}
}
