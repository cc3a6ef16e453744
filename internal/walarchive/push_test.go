package walarchive

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

const (
	testHistory = "1\t16/FFD12340\tno recovery target specified\n"
	testBackup  = "START WAL LOCATION: 16/FFC00028 (file 00000001000000160000FFC0)\n"
)

// What archive_command has is stored once, and again without harm.
func TestPush(t *testing.T) {
	t.Parallel()
	const n = 2*testSize + 300_000
	l := newLog(1, testStart, 31)
	l.upTo(n)
	// The last segment's file was used before: old pages are behind its end.
	old := newLog(1, testStart-64*testSize, 31)
	old.upTo(testSize)
	last := l.segment(2, n)
	end := (300_000/wal.PageSize + 1) * wal.PageSize
	copy(last[end:], old.data[end:testSize])
	backup := l.name(0) + ".00000028.backup"
	for name, config := range keyConfigs {
		st := newLocal(t)
		for range 2 {
			a := Open(st, "main", newKeys(t, config), 1)
			for _, file := range []struct {
				name string
				data []byte
			}{
				{l.name(0), l.segment(0, n)}, {backup, []byte(testBackup)}, {l.name(1), l.segment(1, n)},
				{l.name(2) + partial, last}, {"00000002.history", []byte(testHistory)},
			} {
				if err := a.Push(t.Context(), file.name, bytes.NewReader(file.data)); err != nil {
					t.Fatalf("%s, %s: %v", name, file.name, err)
				}
			}
		}
		a := Open(st, "main", newKeys(t, config), 1)
		for i := range 2 {
			if got, err := fetch(t, a, l.name(i)); err != nil || !bytes.Equal(got, l.segment(i, n)) {
				t.Errorf("%s: %d bytes, %v", l.name(i), len(got), err)
			}
		}
		got, err := fetch(t, a, l.name(2))
		index, errIndex := a.OpenIndex(t.Context(), wal.SegmentAt(1, l.start+2*testSize, testSize))
		if err := errors.Join(err, errIndex); err != nil || !bytes.Equal(got, l.segment(2, n)) || index.End < l.start+n-4000 {
			t.Errorf("the last segment: %v, up to %v", err, index.End)
		}
		for file, want := range map[string]string{"00000002.history": testHistory, backup: testBackup} {
			if got, err := fetch(t, a, file); err != nil || string(got) != want {
				t.Errorf("%s: %q, %v", file, got, err)
			}
		}
		h, err := a.Holdings(t.Context())
		if err != nil || len(h.Timelines) != 2 || len(h.Timelines[0].Segments) != 2 || len(h.Timelines[0].Open) != 1 || len(h.Timelines[1].History) != 1 {
			t.Errorf("%+v, %v", h, err)
		}
		if err := a.DeleteHistories(t.Context(), 2); err != nil {
			t.Fatal(err)
		}
		_, err = fetch(t, a, "00000002.history")
		wantKind(t, err, fault.Missing, "no 00000002.history")
	}
}

func TestPushRefuses(t *testing.T) {
	t.Parallel()
	l, other, foreign := newLog(1, testStart, 1), newLog(1, testStart, 2), newLog(1, testStart, 1)
	foreign.cluster.SystemID = 5
	for _, l := range []*log{l, other, foreign} {
		l.upTo(2 * testSize)
	}
	a := newArchive(t, newLocal(t))
	for _, c := range []struct {
		name  string
		data  []byte
		kind  fault.Kind
		about string
	}{
		{l.name(0), l.data[testSize : 2*testSize], fault.Corrupt, "check the WAL segment"},
		{l.name(0), l.data[:testSize], "", ""},
		{l.name(0), other.data[:testSize], fault.Conflict, "other contents from offset"},
		{l.name(1), foreign.data[testSize : 2*testSize], fault.Conflict, "another cluster"},
		{l.name(1), l.data[testSize : testSize+1000], fault.Invalid, "1000 bytes is no size"},
		{l.name(1) + partial, make([]byte, testSize), fault.Corrupt, "the first page"},
		{"passwd", l.data[testSize : 2*testSize], fault.Invalid, "no name of a WAL segment"},
		{"../../../" + l.name(1)[:15], l.data[testSize : 2*testSize], fault.Invalid, "no name of a WAL segment"},
		{"00000002.history", []byte("1\n"), fault.Corrupt, "no ancestor"},
		{"00000002.history", []byte(testHistory), "", ""},
		{"00000002.history", []byte("1\t16/FFD12348\tanother\n"), fault.Conflict, "other contents"},
		{l.name(0) + ".00000028.backup", make([]byte, maxSmall+1), fault.Invalid, "more than"},
	} {
		err := a.Push(t.Context(), c.name, bytes.NewReader(c.data))
		if c.kind == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		wantKind(t, err, c.kind, c.about)
	}
	for _, name := range []string{"passwd", "", "../keys"} {
		_, err := fetch(t, a, name)
		wantKind(t, err, fault.Invalid, "no name of a WAL segment")
	}
}

// A changed key is for what is new; what is old is read with the old one.
func TestKeysChange(t *testing.T) {
	t.Parallel()
	const n = 4*testSize + 1000
	l := newLog(1, testStart, 41)
	l.upTo(n)
	st := newLocal(t)
	configs := []seal.Config{
		{Identity: testIdentity},
		{Passphrase: "one", Identities: []secret.String{testIdentity}},
		{Passphrase: "two", OldPassphrases: []secret.String{"one"}, Identities: []secret.String{testIdentity}},
		{Unencrypted: true, OldPassphrases: []secret.String{"two", "one"}, Identities: []secret.String{testIdentity}},
		{Unencrypted: true, OldPassphrases: []secret.String{"two", "one"}, Identities: []secret.String{testIdentity}},
	}
	for i, config := range configs {
		a := Open(st, "main", newKeys(t, config), 1)
		w := newWriter(t.Context(), t, a, l, l.start+wal.LSN(i*testSize))
		if err := errors.Join(w.WAL(w.next, l.data[i*testSize:min(n, (i+1)*testSize)]), w.Close()); err != nil {
			t.Fatal(err)
		}
	}
	wantLog(t, Open(st, "main", newKeys(t, configs[4]), 1), l, n)
	if keys := keysOf(t, st, "wal/main/keys/"); len(keys) != 3 {
		t.Errorf("keys: %q", keys)
	}
	a := Open(st, "main", newKeys(t, configs[0]), 1)
	for i, kind := range []fault.Kind{"", fault.Denied, fault.Denied, ""} {
		if _, err := fetch(t, a, l.name(i)); kind == "" && err != nil || kind != "" && !fault.Is(err, kind) {
			t.Errorf("segment %d with the first key alone: %v", i, err)
		}
	}
	// What others put there as a key is not written for.
	replace(t, st, "wal/main/keys/99990101T000000.000Z-aaaaaa.json", []byte(`{"format":1,"recipients":["age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm"]}`))
	if k, err := Open(st, "main", newKeys(t, configs[0]), 1).writingKey(t.Context()); err != nil || k.id == "99990101T000000.000Z-aaaaaa" {
		t.Errorf("%v, %v", k, err)
	}
}

// A server that has no secret key may push again what it pushed before it
// crashed, or it would keep all its WAL from then on; other WAL is refused.
func TestPushAgainWithoutKey(t *testing.T) {
	t.Parallel()
	reader := newKeys(t, seal.Config{Identity: testIdentity})
	point, err := reader.NewPointKey()
	if err != nil {
		t.Fatal(err)
	}
	keys := newKeys(t, seal.Config{Recipients: point.Recipients})
	st := newLocal(t)
	l, other := newLog(1, testStart, 7), newLog(1, testStart, 8)
	l.upTo(testSize)
	other.upTo(testSize)
	for range 2 {
		a := Open(st, "main", keys, 1)
		for name, data := range map[string][]byte{l.name(0): l.data[:testSize], "00000002.history": []byte(testHistory)} {
			if err := a.Push(t.Context(), name, bytes.NewReader(data)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if history, err := a.ancestors(t.Context(), 2); err != nil || len(history) != 1 {
			t.Errorf("%v, %v", history, err)
		}
	}
	err = Open(st, "main", keys, 1).Push(t.Context(), l.name(0), bytes.NewReader(other.data[:testSize]))
	wantKind(t, err, fault.Unavailable, "no secret key")
	err = Open(st, "main", keys, 1).Push(t.Context(), "00000002.history", bytes.NewReader([]byte("1\t16/FFD12340\tbefore transaction 7\n")))
	wantKind(t, err, fault.Conflict, "another size")
}

// A crash between a segment and its sidecar, and a changed level, are nothing
// that keeps a server without the key from pushing again.
func TestPushAgainAfterACrash(t *testing.T) {
	t.Parallel()
	reader := newKeys(t, seal.Config{Identity: testIdentity})
	point, err := reader.NewPointKey()
	if err != nil {
		t.Fatal(err)
	}
	keys := newKeys(t, seal.Config{Recipients: point.Recipients})
	st := newLocal(t)
	l, other := newLog(1, testStart, 7), newLog(1, testStart, 8)
	l.upTo(testSize)
	other.upTo(testSize)
	text := []byte(testBackup + strings.Repeat("LABEL: nightly, of the first of the three servers\nSTART TIME: 2026-03-01 01:00:01 UTC\n", 40) + l.name(0))
	backup := l.name(0) + ".00000028.backup"
	push := func(level int, name string, data []byte) error {
		return Open(st, "main", keys, level).Push(t.Context(), name, bytes.NewReader(data))
	}
	// The backup's history comes before the cluster is known.
	for _, step := range []error{push(1, backup, text), push(1, l.name(0), l.data[:testSize])} {
		if step != nil {
			t.Fatal(step)
		}
	}
	a := Open(st, "main", reader, 1)
	beside := a.fileKey(l.name(0), sidecar)
	before, err := store.ReadSmall(t.Context(), st, beside, maxJSON)
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Delete(t.Context(), beside); err != nil {
		t.Fatal(err)
	}
	wantKind(t, push(1, l.name(0), other.data[:testSize]), fault.Unavailable, "no secret key")
	l.upTo(testSize + 300_000)
	last := l.name(1) + partial
	if err := push(1, last, l.segment(1, testSize+300_000)); err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{l.name(0): l.data[:testSize], backup: text, last: l.segment(1, testSize+300_000)} {
		if err := push(12, name, data); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	var was, is sidecarFile
	after, err := store.ReadSmall(t.Context(), st, beside, maxJSON)
	if err := errors.Join(err, decodeJSON(before, &was), decodeJSON(after, &is)); err != nil || was.Digest != is.Digest || was.Bytes != is.Bytes {
		t.Errorf("the sidecar was %s, and is %s, %v", before, after, err)
	}
	wantKind(t, push(12, backup, text[1:]), fault.Conflict, "another size")
	if got, err := fetch(t, a, l.name(1)); err != nil || !bytes.Equal(got, l.segment(1, testSize+300_000)) {
		t.Errorf("the last segment: %d bytes, %v", len(got), err)
	}
	wantLog(t, a, l, testSize+300_000)
}
