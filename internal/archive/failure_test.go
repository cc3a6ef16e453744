package archive

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

type keepFunc = func([]byte) (store.Object, error)

// Every case runs in a bubble that ends only when no goroutine is left.
func TestWriteFailures(t *testing.T) {
	t.Parallel()
	full := fault.New(fault.Exhausted, "no room")
	lost := fault.New(fault.Lost, "the view is gone")
	endlessly := func(w io.Writer) error { _, err := io.Copy(w, endless{}); return err }
	short := func(w io.Writer) error { _, err := w.Write(pipeData); return err }
	cases := map[string]struct {
		produce func(io.Writer) error
		put     func(context.Context, string, io.Reader, keepFunc) (store.Object, error)
		kind    fault.Kind
		want    string
	}{
		"produce at once":     {func(io.Writer) error { return lost }, nil, fault.Lost, `part "t": the view is gone`},
		"produce later":       {func(w io.Writer) error { return errors.Join(short(w), lost) }, nil, fault.Lost, "the view is gone"},
		"store at once":       {endlessly, func(context.Context, string, io.Reader, keepFunc) (store.Object, error) { return store.Object{}, full }, fault.Exhausted, `part "t": no room`},
		"store, all buffered": {func(w io.Writer) error { _, err := w.Write([]byte("little")); return err }, func(context.Context, string, io.Reader, keepFunc) (store.Object, error) { return store.Object{}, full }, fault.Exhausted, "no room"},
		"store later": {endlessly, func(_ context.Context, _ string, r io.Reader, _ keepFunc) (store.Object, error) {
			_, err := io.CopyN(io.Discard, r, 100)
			return store.Object{}, errors.Join(err, full)
		}, fault.Exhausted, "no room"},
		"store takes a part and calls it done": {endlessly, func(_ context.Context, _ string, r io.Reader, keep keepFunc) (store.Object, error) {
			data := make([]byte, 100)
			_, err := io.ReadFull(r, data)
			return store.Object{Size: 100}, err
		}, fault.Corrupt, "the store says it kept 100 bytes"},
		"store lies about the size": {short, func(ctx context.Context, _ string, r io.Reader, keep keepFunc) (store.Object, error) {
			o, err := readAndKeep(ctx, r, keep)
			o.Size--
			return o, err
		}, fault.Corrupt, "the store says it kept"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				st := newMemory()
				st.put = c.put
				_, recipients := benchKeys(t)
				w := PartWriter{Store: st, Dir: "points/main/" + testID, Recipients: recipients}
				_, err := w.Write(t.Context(), surface.Part{Name: "t", Format: "rows"}, nil, c.produce)
				if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "stopped") {
					t.Errorf("got %v (%s), want %s: …%s…", err, fault.KindOf(err), c.kind, c.want)
				}
				if len(st.objects) > 0 && c.kind != fault.Corrupt {
					t.Error("an object appeared")
				}
			})
		})
	}
}

func TestWriteCancelled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newMemory()
		ctx, cancel := context.WithCancel(t.Context())
		w := PartWriter{Store: st, Dir: "points/main/" + testID}
		n := 0
		_, err := w.Write(ctx, surface.Part{Name: "t", Format: "rows"}, nil, func(w io.Writer) error {
			for {
				if n++; n == 50 {
					cancel()
				}
				if _, err := w.Write(pipeData); err != nil {
					return err
				}
			}
		})
		if !errors.Is(err, context.Canceled) || len(st.objects) > 0 {
			t.Errorf("got %v and %d objects, want cancelled and none", err, len(st.objects))
		}
	})
}

func TestWritePanickingProduceLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := newMemory()
		w := PartWriter{Store: st, Dir: "points/main/" + testID}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("the panic was swallowed")
				}
			}()
			_, _ = w.Write(t.Context(), surface.Part{Name: "t", Format: "rows"}, nil, func(io.Writer) error { panic("a defect") })
		}()
		synctest.Wait()
		if len(st.objects) > 0 {
			t.Error("an object appeared")
		}
	})
}

func TestReaderClosedEarlyLeavesNothingRunning(t *testing.T) {
	t.Parallel()
	for name, config := range schemes {
		b := sealed(t, newKeys(t, config))
		for _, read := range []int64{0, 1, 300_000} {
			synctest.Test(t, func(t *testing.T) {
				p, err := OpenPoint(t.Context(), b.store, b.dir, b.keys)
				if err != nil {
					t.Fatal(err)
				}
				r, err := p.Open(t.Context(), "t-0001")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := io.CopyN(io.Discard, r, read); err != nil {
					t.Error(err)
				}
				if err := r.Close(); err != nil {
					t.Errorf("%s: close after %d bytes: %v", name, read, err)
				}
			})
		}
	}
}

// When a part is damaged at its beginning, or nobody reads on, the download of
// the rest, more than the buffers hold, ends too.
func TestReaderEndsTheDownloadOfTheRest(t *testing.T) {
	t.Parallel()
	random := make([]byte, 20*bufferSize)
	rand.NewChaCha8([32]byte{}).Read(random)
	b := newBundle(t, newKeys(t, schemes["identity"]), "")
	b.write(t, surface.Part{Name: "t-0001", Role: surface.RoleData, Format: "sql"}, random)
	b.writePiece(t, "", nil)
	if _, err := SealPoint(t.Context(), b.store, b.dir, b.manifest); err != nil {
		t.Fatal(err)
	}
	p, err := OpenPoint(t.Context(), b.store, b.dir, b.keys)
	if err != nil {
		t.Fatal(err)
	}
	key, data := b.store.object(t, "/t-0001.sql.zst.age")
	for name, change := range map[string]func([]byte){"whole": func([]byte) {}, "bad header": func(d []byte) { d[0] ^= 1 }, "bad start": func(d []byte) { d[300] ^= 1 }} {
		damaged := bytes.Clone(data)
		change(damaged)
		b.store.set(key, damaged)
		synctest.Test(t, func(t *testing.T) {
			r, err := p.Open(t.Context(), "t-0001")
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.CopyN(io.Discard, r, 100)
			if wantError := name != "whole"; fault.Is(err, fault.Corrupt) != wantError {
				t.Errorf("%s: %v", name, err)
			}
			synctest.Wait()
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// A body that stalls for ever ends with the context of its Get, as real stores' do.
func TestReaderClosedWhileTheStoreStalls(t *testing.T) {
	t.Parallel()
	b := sealed(t, newKeys(t, schemes["identity"]))
	b.store.get = func(ctx context.Context, key string, body io.ReadCloser) io.ReadCloser {
		if !strings.Contains(key, "/t-0001") {
			return body
		}
		stall := readerFunc(func([]byte) (int, error) { <-ctx.Done(); return 0, ctx.Err() })
		return io.NopCloser(io.MultiReader(io.LimitReader(body, 1000), stall))
	}
	synctest.Test(t, func(t *testing.T) {
		p, err := OpenPoint(t.Context(), b.store, b.dir, b.keys)
		if err != nil {
			t.Fatal(err)
		}
		r, err := p.Open(t.Context(), "t-0001")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		r, err = p.Open(ctx, "t-0001")
		if err != nil {
			t.Fatal(err)
		}
		go func() { synctest.Wait(); cancel() }()
		if _, err := io.ReadAll(r); !errors.Is(err, context.Canceled) || fault.Is(err, fault.Corrupt) {
			t.Errorf("got %v, want cancelled", err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}
