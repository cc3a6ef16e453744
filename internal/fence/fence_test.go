package fence

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
	"github.com/lifeboat-dr/lifeboat/internal/store/storetest"
)

// processVariable makes this test binary, run again, a worker that uses things.
const processVariable = "LIFEBOAT_TEST_FENCE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(processVariable); dir != "" {
		os.Exit(useThings(dir))
	}
	os.Exit(m.Run())
}

func useThings(dir string) int {
	f := New(dir)
	ctx := With(context.Background(), "d1")
	for n := range 100 {
		if err := f.Touch(ctx, Store, os.Args[1]+"-"+strconv.Itoa(n)); err != nil {
			os.Stderr.WriteString(err.Error())
			return 1
		}
	}
	if err := f.Touch(ctx, Surface, "main"); !fault.Is(err, fault.Denied) {
		return 2
	}
	return 0
}

func raise(t *testing.T, f *Fence, drillID string, bars Bars) {
	t.Helper()
	if err := f.Raise(t.Context(), drillID, bars); err != nil {
		t.Fatal(err)
	}
}

func mustRead(t *testing.T, f *Fence, drillID string) (used, refused []string) {
	t.Helper()
	used, refused, err := f.Read(drillID)
	if err != nil {
		t.Fatal(err)
	}
	return used, refused
}

func TestADrillIsKeptFromWhatIsLive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := New(dir)
	ctx := With(t.Context(), "d1")
	if err := f.Touch(ctx, Store, "primary"); err != nil {
		t.Errorf("a drill without a fence was refused: %v", err)
	}
	if _, _, err := f.Read("d1"); !fault.Is(err, fault.Missing) {
		t.Errorf("read a fence that was not raised: %v", err)
	}
	bars := Bars{Stores: []string{"primary", "archive"}, Surfaces: []string{"main"}}
	raise(t, f, "d1", bars)
	raise(t, f, "d1", Bars{Stores: []string{"archive", "primary", "archive"}, Surfaces: bars.Surfaces})
	if err := f.Raise(t.Context(), "d1", Bars{Stores: []string{"primary"}}); !fault.Is(err, fault.Conflict) {
		t.Errorf("another fence for the same drill: %v", err)
	}
	for _, c := range []struct {
		ctx        context.Context
		kind, name string
		want       fault.Kind
	}{
		{ctx, Store, "offsite", ""},
		{ctx, Store, "offsite", ""},
		{ctx, Store, "primary", fault.Denied},
		{ctx, Store, "primary", fault.Denied},
		{ctx, Surface, "main", fault.Denied},
		{ctx, Surface, "primary", ""},
		{ctx, Store, "main", ""},
		{t.Context(), Store, "primary", ""},
		{With(t.Context(), "d2"), Store, "primary", ""},
		{With(t.Context(), "../d1"), Store, "primary", fault.Invalid},
	} {
		err := f.Touch(c.ctx, c.kind, c.name)
		if (err == nil) != (c.want == "") || err != nil && !fault.Is(err, c.want) {
			t.Errorf("%s %s in drill %q: %v", c.kind, c.name, DrillOf(c.ctx), err)
		}
	}
	// Another worker goes on where this one was.
	other := New(dir)
	if err := other.Touch(ctx, Store, "archive"); !fault.Is(err, fault.Denied) {
		t.Errorf("after a restart: %v", err)
	}
	used, refused := mustRead(t, other, "d1")
	if want := []string{"store:main", "store:offsite", "surface:primary"}; !slices.Equal(used, want) {
		t.Errorf("used are %v, not %v", used, want)
	}
	if want := []string{"store:archive", "store:primary", "surface:main"}; !slices.Equal(refused, want) {
		t.Errorf("refused are %v, not %v", refused, want)
	}
	for range 2 {
		if err := f.Lower("d1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Touch(ctx, Store, "primary"); err != nil {
		t.Errorf("after the fence was lowered: %v", err)
	}
	if left, err := os.ReadDir(filepath.Join(dir, "fences")); err != nil || len(left) != 0 {
		t.Errorf("left are %v: %v", left, err)
	}
	// Of a fence that was raised anew, nothing was noted yet.
	raise(t, f, "d1", bars)
	if used, refused := mustRead(t, f, "d1"); len(used)+len(refused) != 0 {
		t.Errorf("a new fence knows %v and %v", used, refused)
	}
	if err := f.Touch(ctx, Store, "offsite"); err != nil {
		t.Fatal(err)
	}
	if used, _ := mustRead(t, f, "d1"); len(used) != 1 {
		t.Errorf("used after the fence was raised anew: %v", used)
	}
}

func TestProcessesShareAFence(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := New(dir)
	raise(t, f, "d1", Bars{Surfaces: []string{"main"}})
	var workers []*exec.Cmd
	for n := range 4 {
		worker := exec.Command(os.Args[0], "w"+strconv.Itoa(n))
		worker.Env, worker.Stderr = append(os.Environ(), processVariable+"="+dir), os.Stderr
		if err := worker.Start(); err != nil {
			t.Fatal(err)
		}
		workers = append(workers, worker)
	}
	for _, worker := range workers {
		if err := worker.Wait(); err != nil {
			t.Error(err)
		}
	}
	used, refused := mustRead(t, f, "d1")
	if len(used) != 400 || !slices.Equal(refused, []string{"surface:main"}) {
		t.Errorf("%d are used, and %v refused", len(used), refused)
	}
}

func TestWhatCantBeKnownIsNotAllowed(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(f *Fence) error{
		"fence": func(f *Fence) error { return os.WriteFile(f.path("d1"), []byte("{"), 0o600) },
		"line":  func(f *Fence) error { return os.WriteFile(f.usedPath("d1"), []byte("{\"kind\":\"sto"), 0o600) },
		"unended": func(f *Fence) error {
			return os.WriteFile(f.usedPath("d1"), []byte(`{"kind":"store","name":"x"}`), 0o600)
		},
		"noted": func(f *Fence) error { return os.Remove(f.usedPath("d1")) },
	} {
		f := New(t.TempDir())
		raise(t, f, "d1", Bars{})
		if err := spoil(f); err != nil {
			t.Fatal(err)
		}
		if _, _, err := f.Read("d1"); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: read %v", name, err)
		}
		if err := f.Touch(With(t.Context(), "d1"), Store, "x"); err == nil && (name == "fence" || name == "noted") {
			t.Errorf("%s: a use that can't be noted was allowed", name)
		}
	}
}

func openLocal(t *testing.T) store.Store {
	t.Helper()
	s, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A store behind a fence is the store, for everybody but the drill.
func TestStore(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T) store.Store { return WrapStore("s", openLocal(t), New(t.TempDir())) })
}

// versions is a store with a version of every object.
type versions struct{ store.Store }

func (v versions) StatVersion(ctx context.Context, key, _ string) (store.Object, error) {
	return v.Stat(ctx, key)
}

func TestEveryOperationAsksTheFence(t *testing.T) {
	t.Parallel()
	f := New(t.TempDir())
	raise(t, f, "d1", Bars{Stores: []string{"live"}})
	inner := openLocal(t)
	if _, err := inner.Put(t.Context(), "k", strings.NewReader("v"), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
	_, hasVersions := inner.(store.Versioner)
	if _, ok := WrapStore("live", inner, f).(store.Versioner); ok != hasVersions {
		t.Error("a store's versions appear or vanish behind the fence")
	}
	operations := map[string]func(context.Context, store.Store) error{
		"check": func(ctx context.Context, s store.Store) error { return s.Check(ctx) },
		"put": func(ctx context.Context, s store.Store) error {
			_, err := s.Put(ctx, "new", strings.NewReader("v"), store.PutOptions{})
			return err
		},
		"get": func(ctx context.Context, s store.Store) error {
			r, err := s.Get(ctx, "k", 0, -1)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, r)
			return errors.Join(err, r.Close())
		},
		"stat": func(ctx context.Context, s store.Store) error {
			_, err := s.Stat(ctx, "k")
			return err
		},
		"list": func(ctx context.Context, s store.Store) (err error) {
			for _, err = range s.List(ctx, store.ListOptions{}) {
				if err != nil {
					return err
				}
			}
			return nil
		},
		"delete": func(ctx context.Context, s store.Store) error { return s.Delete(ctx, "absent") },
		"sweep": func(ctx context.Context, s store.Store) error {
			_, err := s.SweepUploads(ctx, "", time.Now().Add(-time.Hour))
			return err
		},
		"features": func(ctx context.Context, s store.Store) error {
			_, err := s.Features(ctx)
			return err
		},
		"version": func(ctx context.Context, s store.Store) error {
			_, err := s.(store.Versioner).StatVersion(ctx, "k", "1")
			return err
		},
	}
	live := WrapStore("live", versions{inner}, f)
	for name, do := range operations {
		if err := do(With(t.Context(), "d1"), live); !fault.Is(err, fault.Denied) {
			t.Errorf("%s of a barred store: %v", name, err)
		}
		if err := do(t.Context(), live); err != nil {
			t.Errorf("%s outside a drill: %v", name, err)
		}
		spare := WrapStore("spare-"+name, versions{inner}, f)
		if err := do(With(t.Context(), "d1"), spare); err != nil {
			t.Errorf("%s of a store that is not barred: %v", name, err)
		}
	}
	used, refused := mustRead(t, f, "d1")
	if len(used) != len(operations) || !slices.Equal(refused, []string{"store:live"}) {
		t.Errorf("used are %v, refused %v", used, refused)
	}
}
