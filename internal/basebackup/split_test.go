package basebackup

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// archiveOf makes an archive as another program writes it.
func archiveOf(t testing.TB, members ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range members {
		h.Format = tar.FormatUSTAR
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Mode == 0 {
			h.Mode = 0o600
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bytes.Repeat([]byte("x"), int(h.Size))); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// keep is a Write that keeps the parts.
func keep(parts map[string][]byte) Write {
	var mu sync.Mutex
	return func(part surface.Part, produce func(io.Writer) error) error {
		var out bytes.Buffer
		err := produce(&out)
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			parts[part.Name] = out.Bytes()
		}
		return err
	}
}

func split(archive []byte, size int64, chunked func(io.Reader) io.Reader) (map[string][]byte, error) {
	parts := make(map[string][]byte)
	s, err := NewSplitter("base.tar", size, keep(parts))
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(struct{ io.Writer }{s}, chunked(bytes.NewReader(archive))); err != nil {
		return parts, s.Abort(err)
	}
	return parts, s.Close()
}

func same(r io.Reader) io.Reader { return r }

func TestSplitterCutsBetweenMembers(t *testing.T) {
	t.Parallel()
	archive := archiveOf(t, tar.Header{Name: "a", Size: 600}, tar.Header{Name: "empty"}, tar.Header{Name: "large", Size: 9000},
		tar.Header{Name: "d/", Typeflag: tar.TypeDir}, tar.Header{Name: "b", Size: 512}, tar.Header{Name: "c", Size: 513})
	for name, chunked := range map[string]func(io.Reader) io.Reader{"at once": same, "by bytes": iotest.OneByteReader, "by halves": iotest.HalfReader} {
		parts, err := split(archive, 3<<10, chunked)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string][]string{"base-0001": {"a", "empty"}, "base-0002": {"large"}, "base-0003": {"d/", "b", "c"}}
		if len(parts) != len(want) {
			t.Errorf("%s: %d parts, want %d", name, len(parts), len(want))
		}
		for part, members := range want {
			var got []string
			for _, h := range headers(t, bytes.NewReader(parts[part])) {
				got = append(got, strings.Fields(h)[0])
			}
			if !slices.Equal(got, members) {
				t.Errorf("%s: %s has %q, want %q", name, part, got, members)
			}
		}
	}
}

// Servers before PostgreSQL 15 leave out the zeros at the end.
func TestSplitterEndsWhatTheServerDidNot(t *testing.T) {
	t.Parallel()
	archive := archiveOf(t, tar.Header{Name: "a", Size: 600})
	parts, err := split(archive[:len(archive)-2*blockSize], PartSize, same)
	if err != nil || !bytes.Equal(parts["base-0001"], archive) {
		t.Errorf("%d bytes, %v; want %d", len(parts["base-0001"]), err, len(archive))
	}
}

func TestSplitterNamesPartsOfATablespace(t *testing.T) {
	t.Parallel()
	var got surface.Part
	s, err := NewSplitter("16384.tar", PartSize, func(part surface.Part, produce func(io.Writer) error) error {
		got = part
		return produce(io.Discard)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(archiveOf(t, tar.Header{Name: "a", Size: 1})); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if spec, err := PartSpec(got); err != nil || spec.Tablespace != 16384 || got.Name != "ts-16384-0001" || got.Role != surface.RoleData {
		t.Errorf("part %+v, spec %+v, %v", got, spec, err)
	}
	for _, name := range []string{"", "base", "x.tar", "0.tar", "4294967296.tar", "../1.tar"} {
		if _, err := NewSplitter(name, 1, nil); !fault.Is(err, fault.Unsupported) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestLargeMember(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := tar.NewWriter(&out).WriteHeader(&tar.Header{Name: "a", Size: 9 << 30, Mode: 0o600, Format: tar.FormatGNU}); err != nil {
		t.Fatal(err)
	}
	m, err := parseMember(out.Bytes()[:blockSize])
	if err != nil || m.size != 9<<30 {
		t.Errorf("%d bytes, %v", m.size, err)
	}
}

func TestSplitterRefuses(t *testing.T) {
	t.Parallel()
	good := archiveOf(t, tar.Header{Name: "a", Size: 600})
	change := func(at int, b byte) []byte {
		out := bytes.Clone(good)
		out[at] = b
		return out
	}
	for name, archive := range map[string][]byte{
		"cut in a header": good[:100], "cut in data": good[:700], "cut in padding": good[:1200],
		"header altered": change(5, 'x'), "data after the end": append(bytes.Clone(good), good...), "noise": bytes.Repeat([]byte("noise"), 200),
		"character device": archiveOf(t, tar.Header{Name: "dev", Typeflag: tar.TypeChar}),
		"hard link":        archiveOf(t, tar.Header{Name: "l", Typeflag: tar.TypeLink, Linkname: "a"}),
		"outside":          archiveOf(t, tar.Header{Name: "../a"}),
	} {
		parts, err := split(archive, PartSize, same)
		if !fault.Is(err, fault.Corrupt) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v (%s), want corrupt", name, err, fault.KindOf(err))
		}
		if len(parts) > 0 && name != "data after the end" {
			t.Errorf("%s: a part was stored", name)
		}
	}
}

// Whatever fails, its own error is told and nothing stays running.
func TestSplitterFailures(t *testing.T) {
	t.Parallel()
	archive := archiveOf(t, tar.Header{Name: "a", Size: 4000}, tar.Header{Name: "b", Size: 4000}, tar.Header{Name: "c", Size: 4000})
	full := fault.New(fault.Exhausted, "no room")
	for name, write := range map[string]Write{
		"at once": func(surface.Part, func(io.Writer) error) error { return full },
		"in the middle": func(_ surface.Part, produce func(io.Writer) error) error {
			return produce(&limited{left: 2000, err: full})
		},
		"at the end": func(_ surface.Part, produce func(io.Writer) error) error {
			return errors.Join(produce(io.Discard), full)
		},
		"the second": func(part surface.Part, produce func(io.Writer) error) error {
			if err := produce(io.Discard); err != nil || part.Name == "base-0001" {
				return err
			}
			return full
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			s, err := NewSplitter("base.tar", 1000, write)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = s.Write(archive); err != nil {
				err = s.Abort(err)
			} else {
				err = s.Close()
			}
			if !fault.Is(err, fault.Exhausted) {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		parts := make(map[string][]byte)
		s, err := NewSplitter("base.tar", 1000, keep(parts))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(archive[:6000]); err != nil {
			t.Fatal(err)
		}
		if err := s.Abort(nil); !fault.Is(err, fault.Lost) || len(parts) != 1 || s.Parts() != 2 {
			t.Errorf("given up: %v, %d parts of %d", err, len(parts), s.Parts())
		}
		if err := s.Close(); err == nil {
			t.Error("closed as if it were whole")
		}
	})
}

// limited takes some bytes and then fails.
type limited struct {
	left int
	err  error
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, l.err
	}
	return len(b), nil
}

// FuzzSplitter: whatever is taken comes out again in archives that another
// reader understands, and how it was cut into writes makes no difference.
func FuzzSplitter(f *testing.F) {
	f.Add(archiveOf(f, tar.Header{Name: "a", Size: 600}, tar.Header{Name: "d/", Typeflag: tar.TypeDir}, tar.Header{Name: "b", Size: 5}), int64(1000))
	f.Add([]byte{}, int64(1))
	f.Fuzz(func(t *testing.T, archive []byte, size int64) {
		parts, err := split(archive, size, same)
		again, errAgain := split(archive, size, iotest.HalfReader)
		if (err == nil) != (errAgain == nil) {
			t.Fatalf("at once %v, in pieces %v", err, errAgain)
		}
		if err != nil {
			if !fault.Is(err, fault.Corrupt) {
				t.Errorf("%v (%s)", err, fault.KindOf(err))
			}
			return
		}
		for name, part := range parts {
			if !bytes.Equal(part, again[name]) {
				t.Errorf("%s depends on the pieces", name)
			}
			s := &scanner{to: ignore{}}
			if _, err := s.Write(part); err != nil || s.end() != nil || !s.ended {
				t.Errorf("%s is no archive: %v", name, err)
			}
		}
	})
}

type ignore struct{}

func (ignore) member(member, []byte) error { return nil }
func (ignore) data([]byte) error           { return nil }
func (ignore) pad([]byte) error            { return nil }
func (ignore) memberEnd() error            { return nil }
