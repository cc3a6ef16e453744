package walarchive

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

const damageEnd = 2*testSize + 60_000

// written has two whole segments and three chunks of the third, of two timelines.
func written(t *testing.T, keys string) (store.Store, *log) {
	t.Helper()
	st := newLocal(t)
	var first *log
	for timeline := uint32(1); timeline <= 2; timeline++ {
		l := newLog(timeline, testStart, 21)
		l.upTo(damageEnd)
		a := Open(st, "main", newKeys(t, keyConfigs[keys]), 1)
		w := newWriter(t.Context(), t, a, l, l.start)
		if err := w.WAL(l.start, l.data[:2*testSize]); err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			at := 2*testSize + i*20_000
			if err := errors.Join(w.WAL(w.next, l.data[at:at+20_000]), w.Flush(t.Context())); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = l
		}
	}
	return st, first
}

// chunkOf is the key of the i-th chunk that written makes.
func chunkOf(a *Archive, l *log, i int64, ending string) string {
	return a.chunkKey(l.name(2), span{i * 20_000, (i + 1) * 20_000}, ending)
}

// Whatever happens to an object, what is given back is as it was written, or it is Corrupt.
func TestDamage(t *testing.T) {
	t.Parallel()
	for _, keys := range []string{"x25519", "clear"} {
		ending := map[string]string{"x25519": encrypted, "clear": compressed}[keys]
		st, l := written(t, keys)
		open := func() *Archive { return Open(st, "main", newKeys(t, keyConfigs[keys]), 1) }
		a := open()
		other := strings.Replace(l.name(0), "00000001", "00000002", 1)
		flip := func(at int) func([]byte) []byte {
			return func(b []byte) []byte {
				b[(at+len(b))%len(b)] ^= 0x10
				return b
			}
		}
		segment, next := a.fileKey(l.name(0), ending), a.fileKey(l.name(1), ending)
		chunks := []string{chunkOf(a, l, 0, ending), chunkOf(a, l, 1, ending), chunkOf(a, l, 2, ending)}
		with := func(key string) func([]byte) []byte {
			return func([]byte) []byte { return bytesOf(t, st, key) }
		}
		twice := func(b []byte) []byte { return append(b, b...) }
		for name, c := range map[string]struct {
			key    string
			fetch  int
			change func([]byte) []byte
		}{
			"first byte":           {segment, 0, flip(0)},
			"label":                {segment, 0, flip(12)},
			"in the middle":        {segment, 0, flip(5000)},
			"the checksum":         {segment, 0, flip(-1)},
			"cut at the end":       {segment, 0, func(b []byte) []byte { return b[:len(b)-1] }},
			"cut by the checksum":  {segment, 0, func(b []byte) []byte { return b[:len(b)-4] }},
			"cut in the middle":    {segment, 0, func(b []byte) []byte { return b[:len(b)/2] }},
			"empty":                {segment, 0, func(b []byte) []byte { return b[:0] }},
			"one byte more":        {segment, 0, func(b []byte) []byte { return append(b, 0) }},
			"written twice":        {segment, 0, twice},
			"another segment":      {segment, 0, with(next)},
			"of another timeline":  {segment, 0, with(a.fileKey(other, ending))},
			"a chunk":              {segment, 0, with(chunks[0])},
			"chunk: altered":       {chunks[1], 2, flip(200)},
			"chunk: cut":           {chunks[1], 2, func(b []byte) []byte { return b[:len(b)-3] }},
			"chunk: twice":         {chunks[1], 2, twice},
			"chunk: another":       {chunks[1], 2, with(chunks[2])},
			"chunk: swapped first": {chunks[0], 2, with(chunks[1])},
			"chunk: a segment":     {chunks[0], 2, with(segment)},
		} {
			before := bytesOf(t, st, c.key)
			replace(t, st, c.key, c.change(bytes.Clone(before)))
			if _, err := fetch(t, open(), l.name(c.fetch)); !fault.Is(err, fault.Corrupt) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %s: %v (%s)", keys, name, err, fault.KindOf(err))
			}
			replace(t, st, c.key, before)
		}
		wantLog(t, open(), l, damageEnd)
	}
}

// What is missing in between is never bridged.
func TestGaps(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		gone  func(a *Archive, l *log) string
		fetch int
		kind  fault.Kind
		about string
	}{
		"first chunk":     {func(a *Archive, l *log) string { return chunkOf(a, l, 0, compressed) }, 2, fault.Corrupt, "has a gap"},
		"second chunk":    {func(a *Archive, l *log) string { return chunkOf(a, l, 1, compressed) }, 2, fault.Corrupt, "has chunks beyond 16/FFE04E20"},
		"a whole segment": {func(a *Archive, l *log) string { return a.fileKey(l.name(1), compressed) }, 1, fault.Missing, "no WAL segment"},
		"its sidecar":     {func(a *Archive, l *log) string { return a.fileKey(l.name(1), sidecar) }, 1, "", ""},
	} {
		st, l := written(t, "clear")
		a := newArchive(t, st)
		if err := st.Delete(t.Context(), c.gone(a, l)); err != nil {
			t.Fatal(err)
		}
		_, err := fetch(t, a, l.name(c.fetch))
		if c.kind == "" {
			index, errIndex := a.Index(t.Context(), wal.SegmentAt(1, l.start+testSize, testSize))
			if err := errors.Join(err, errIndex); err != nil || index.Commits == 0 {
				t.Errorf("%s: %v, %+v", name, err, index)
			}
			continue
		}
		wantKind(t, err, c.kind, c.about)
	}
	// A segment whose end is missing, though there is WAL after it.
	st, l := written(t, "clear")
	a := newArchive(t, st)
	w := newWriter(t.Context(), t, a, l, l.start+3*testSize)
	l.upTo(4 * testSize)
	if err := errors.Join(w.WAL(w.next, l.data[3*testSize:3*testSize+100]), w.Close()); err != nil {
		t.Fatal(err)
	}
	_, err := fetch(t, a, l.name(2))
	wantKind(t, err, fault.Corrupt, "the end of segment "+l.name(2)+" is missing though the store has "+l.name(3))
}

// Chunks that say different things of the same bytes are not chosen from.
func TestContradictingChunks(t *testing.T) {
	t.Parallel()
	st, l := written(t, "clear")
	a := newArchive(t, st)
	data := bytes.Clone(l.data[2*testSize+10_000 : 2*testSize+70_000])
	data[9_000] ^= 1
	s := span{10_000, 70_000}
	l2 := label{system: testCluster.SystemID, name: l.name(2), span: s}
	if _, err := a.keep(t.Context(), a.chunkKey(l.name(2), s, compressed), l2, data, writeKey{}, nil); err != nil {
		t.Fatal(err)
	}
	_, err := fetch(t, a, l.name(2))
	wantKind(t, err, fault.Corrupt, "contradicts the chunk before it")
}

// A damaged sidecar is as good as none.
func TestDamagedSidecar(t *testing.T) {
	t.Parallel()
	st, l := written(t, "clear")
	s := wal.SegmentAt(1, l.start, testSize)
	key := newArchive(t, st).fileKey(l.name(0), sidecar)
	want, err := newArchive(t, st).Index(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", `{"format":7}`, `{"format":1,"bytes":-1}`, string(bytesOf(t, st, newArchive(t, st).fileKey(l.name(1), sidecar)))} {
		replace(t, st, key, []byte(text))
		if got, err := newArchive(t, st).Index(t.Context(), s); err != nil || got.Commits != want.Commits || got.End != want.End {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}
