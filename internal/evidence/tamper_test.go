package evidence

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
)

// folderStore is a local store, and its folder.
func folderStore(t testing.TB) (st store.Store, dir string) {
	t.Helper()
	dir = t.TempDir()
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return st, dir
}

// wantTampered: a stranger finds it, and says so at an object that fits.
func wantTampered(t *testing.T, st store.Store, what, key string, o VerifyOptions) {
	t.Helper()
	report, err := verify(t, st, o)
	if !fault.Is(err, fault.Corrupt) || len(report.Problems) == 0 || strings.Contains(err.Error(), "\n") {
		t.Errorf("%s: %v, %+v", what, err, report.Problems)
		return
	}
	if seq, ok := seqOf(key); ok {
		// An entry's object is found to be wrong by itself, or by the one after it.
		near := slices.ContainsFunc(report.Problems, func(p Problem) bool { return p.Seq == seq || p.Seq == seq+1 || p.Key == key })
		if !near {
			t.Errorf("%s: the problem is said to be elsewhere: %+v", what, report.Problems)
		}
	} else if !slices.ContainsFunc(report.Problems, func(p Problem) bool { return p.Key == key }) {
		t.Errorf("%s: the problem is said to be elsewhere: %+v", what, report.Problems)
	}
}

// Every byte of every object, changed in one bit, is found.
func TestEveryByte(t *testing.T) {
	t.Parallel()
	st, dir := folderStore(t)
	l := Open(st, Options{Signer: testSigner(t), Now: ticking()})
	// A short one: every byte costs a verification of all.
	l.readme = []byte("# Evidence\n")
	fill(t, l, 6)
	for key, data := range contents(t, st) {
		file := filepath.Join(dir, key)
		for at := range data {
			changed := bytes.Clone(data)
			changed[at] ^= 1 << (at % 8)
			if err := os.WriteFile(file, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			wantTampered(t, st, fmt.Sprintf("byte %d of %s", at, key), key, VerifyOptions{})
		}
		// Longer or shorter by a byte, too.
		for _, changed := range [][]byte{append(bytes.Clone(data), '\n'), append([]byte(" "), data...), data[:max(0, len(data)-1)]} {
			if err := os.WriteFile(file, changed, 0o600); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(changed, data) {
				wantTampered(t, st, fmt.Sprintf("%s with %d bytes", key, len(changed)), key, VerifyOptions{})
			}
		}
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := verify(t, st, VerifyOptions{}); err != nil {
		t.Errorf("put back as it was: %v", err)
	}
}

func TestRemovedAndSwapped(t *testing.T) {
	t.Parallel()
	st := localStore(t)
	fill(t, Open(st, Options{Signer: testSigner(t), Now: ticking()}), 7)
	all := contents(t, st)
	keys := slices.Sorted(maps.Keys(all))
	if len(keys) != 7+2+2+2 {
		t.Fatalf("%v", keys)
	}
	for _, key := range keys {
		if err := st.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		wantTampered(t, st, key+" removed", key, VerifyOptions{})
		put(t, st, key, all[key])
	}
	for i, a := range keys {
		for _, b := range keys[:i] {
			if bytes.Equal(all[a], all[b]) {
				continue
			}
			put(t, st, a, all[b])
			put(t, st, b, all[a])
			key := a
			if _, ok := seqOf(b); ok {
				key = b
			}
			wantTampered(t, st, a+" and "+b+" swapped", key, VerifyOptions{})
			put(t, st, a, all[a])
			put(t, st, b, all[b])
		}
	}
	for _, stray := range []string{"evidence/entries/000000000007.html", "evidence/entries/7", "evidence/entries/+00000000007", "evidence/entries/more/000000000007"} {
		put(t, st, stray, []byte("stray"))
		wantTampered(t, st, stray, stray, VerifyOptions{})
		if err := st.Delete(t.Context(), stray); err != nil {
			t.Fatal(err)
		}
	}
	for _, extra := range []string{entryKey(7), entryKey(9)} {
		put(t, st, extra, all[entryKey(6)])
		wantTampered(t, st, extra, extra, VerifyOptions{})
		if err := st.Delete(t.Context(), extra); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := verify(t, st, VerifyOptions{}); err != nil {
		t.Errorf("put back as it was: %v", err)
	}
}

// A tail that is cut off is found by evidence/checkpoint; when that was put back
// to a genuine older one, by a checkpoint that was kept elsewhere.
func TestCut(t *testing.T) {
	t.Parallel()
	st := localStore(t)
	remember := filepath.Join(t.TempDir(), "folder", "remembered")
	l := Open(st, Options{Signer: testSigner(t), Now: ticking(), Remember: remember})
	older := make(map[int][]byte)
	const count = 9
	for i := range count {
		mustAppend(t, l, entry(fmt.Sprint(i)))
		older[i+1] = contents(t, st)[checkpointKey]
	}
	for left := count - 1; left >= 1; left-- {
		if err := st.Delete(t.Context(), entryKey(int64(left))); err != nil {
			t.Fatal(err)
		}
		put(t, st, checkpointKey, older[count])
		wantTampered(t, st, fmt.Sprintf("cut to %d", left), checkpointKey, VerifyOptions{})
		_, err := Open(st, Options{Signer: testSigner(t)}).Append(t.Context(), entry("more"))
		wantKind(t, err, fault.Corrupt)

		put(t, st, checkpointKey, older[left])
		if _, err := verify(t, st, VerifyOptions{Checkpoints: [][]byte{older[left], older[1]}}); err != nil {
			t.Errorf("cut to %d, nothing known of more: %v", left, err)
		}
		report, err := verify(t, st, VerifyOptions{Checkpoints: [][]byte{older[left+1]}})
		if !fault.Is(err, fault.Corrupt) {
			t.Errorf("cut to %d: %v, %+v", left, err, report)
		}
		// One that remembers neither reads nor appends, whether it was running or is started anew.
		for name, known := range map[string]*Ledger{"running": l, "anew": Open(st, Options{Signer: testSigner(t), Remember: remember})} {
			if _, err := known.Append(t.Context(), entry("more")); !fault.Is(err, fault.Corrupt) {
				t.Errorf("%s, cut to %d: %v", name, left, err)
			}
			if _, err := known.Head(t.Context()); !fault.Is(err, fault.Corrupt) {
				t.Errorf("%s, cut to %d: %v", name, left, err)
			}
			if _, err := known.Verify(t.Context(), VerifyOptions{}); !fault.Is(err, fault.Corrupt) {
				t.Errorf("%s, cut to %d: %v", name, left, err)
			}
		}
	}
	if err := st.Delete(t.Context(), entryKey(0), checkpointKey); err != nil {
		t.Fatal(err)
	}
	_, err := Open(st, Options{Signer: testSigner(t), Remember: remember}).Append(t.Context(), entry("more"))
	wantKind(t, err, fault.Corrupt)
	report, err := verify(t, st, VerifyOptions{})
	if err != nil || report.Size != 0 {
		t.Errorf("nothing left, and nothing known: %+v, %v", report, err)
	}
}

// A fork is what the key itself signed twice: found by whoever remembers, or by a copy.
func TestFork(t *testing.T) {
	t.Parallel()
	st, copied := localStore(t), localStore(t)
	remember := filepath.Join(t.TempDir(), "remembered")
	options := Options{Signer: testSigner(t), Now: ticking(), Remember: remember, Copies: []store.Store{copied}}
	l := Open(st, options)
	fill(t, l, 5)
	common := contents(t, st)
	mustAppend(t, l, entry("this way"))
	mustAppend(t, l, entry("on"))
	kept := contents(t, st)[checkpointKey]

	// Back to the common beginning, and another way from there.
	if err := st.Delete(t.Context(), entryKey(5), entryKey(6)); err != nil {
		t.Fatal(err)
	}
	put(t, st, checkpointKey, common[checkpointKey])
	other := Open(st, Options{Signer: testSigner(t), Now: ticking()})
	for i := range 2 {
		mustAppend(t, other, entry(fmt.Sprintf("that way %d", i)))
	}
	// As long as the one it knows, it is another one.
	_, err := l.Append(t.Context(), entry("more"))
	wantKind(t, err, fault.Corrupt)
	for i := range 2 {
		mustAppend(t, other, entry(fmt.Sprintf("on that way %d", i)))
	}
	if _, err := verify(t, st, VerifyOptions{Checkpoints: [][]byte{common[checkpointKey]}}); err != nil {
		t.Errorf("by itself it is whole: %v", err)
	}
	for name, find := range map[string]func() error{
		"a checkpoint": func() error {
			_, err := verify(t, st, VerifyOptions{Checkpoints: [][]byte{kept}})
			return err
		},
		"a copy": func() error {
			_, err := Open(st, Options{Trusted: []string{testSigner(t).Public()}, Copies: []store.Store{copied}}).Verify(t.Context(), VerifyOptions{})
			return err
		},
		"what is remembered": func() error {
			_, err := Open(st, Options{Trusted: []string{testSigner(t).Public()}, Remember: remember}).Verify(t.Context(), VerifyOptions{})
			return err
		},
		"a new append": func() error {
			_, err := Open(st, Options{Signer: testSigner(t), Remember: remember}).Append(t.Context(), entry("more"))
			return err
		},
		"an append of one that runs": func() error {
			_, err := l.Append(t.Context(), entry("more"))
			return err
		},
		"mirroring": func() error {
			_, err := Open(st, Options{Signer: testSigner(t)}).Mirror(t.Context(), copied)
			return err
		},
	} {
		if err := find(); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is read is proven: reading finds what was altered, each by itself.
func TestReadingFinds(t *testing.T) {
	t.Parallel()
	st := localStore(t)
	signer := testSigner(t)
	fill(t, Open(st, Options{Signer: signer, Now: ticking()}), 12)
	all := contents(t, st)
	// A record that was made anew, with all that stands in its own object.
	o, err := parseObject(all[entryKey(4)], 4)
	if err != nil {
		t.Fatal(err)
	}
	r := o.record
	r.Actor = "somebody else"
	line, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	_, completed := grown(4, nil, tlog.RecordHash(line))
	put(t, st, entryKey(4), encodeObject(line, 4, completed, o.head.note))
	if _, err := readObject(t.Context(), st, 4); err != nil {
		t.Fatalf("by itself it is whole: %v", err)
	}
	reader := Open(st, Options{Trusted: []string{signer.Public()}})
	_, err = reader.Get(t.Context(), 4)
	wantKind(t, err, fault.Corrupt)
	_, err = reader.Get(t.Context(), 5)
	wantKind(t, err, fault.Corrupt)
	if _, err := reader.Get(t.Context(), 1); err != nil {
		t.Errorf("an entry that has nothing to do with it: %v", err)
	}
	for _, options := range []ListOptions{{}, {Newest: true}, {From: 4, To: 5}, {From: 2, Limit: 3}} {
		_, err = reader.List(t.Context(), options)
		wantKind(t, err, fault.Corrupt)
	}
	put(t, st, folder+"reports/1.html", []byte("<p>failed</p>"))
	r, err = reader.Get(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	_, err = reader.Attachment(t.Context(), r, "reports/1.html")
	wantKind(t, err, fault.Corrupt)
}
