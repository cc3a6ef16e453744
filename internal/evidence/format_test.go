package evidence

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
)

// The vectors are a ledger as format 1 has it, with what lies under evidence/.
// They are never made anew for a released format.
var update = flag.Bool("update", false, "write the test vectors anew")

const vectorDir = "testdata/format1"

// vectorStore is a store with the vectors.
func vectorStore(t testing.TB) store.Store {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, folder), os.DirFS(filepath.Join(vectorDir, folder))); err != nil {
		t.Fatal(err)
	}
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// vectorLedger appends what the vectors have.
func vectorLedger(t testing.TB, st store.Store, about []byte) {
	t.Helper()
	at := testBegin
	l := Open(st, Options{Signer: testSigner(t), Now: func() time.Time { return at }})
	l.readme = about
	for i := range 9 {
		e := entry(fmt.Sprintf("vector-%d", i))
		e.Subject, e.Body = "übung & <plan>", map[string]any{"number": i, "text": "a \"quote\", a \\ and a \u2028", "list": []any{nil, true, 1.50}}
		switch i {
		case 2:
			e.Attachments = []Attachment{{"reports/a b.html", []byte("<p>report</p>\n")}, {"empty", nil}}
		case 5:
			// A clock that is behind.
			at = at.Add(-time.Minute)
		case 6:
			at, e.Body = at.Add(time.Hour), nil
		}
		mustAppend(t, l, e)
	}
}

func TestVectors(t *testing.T) {
	t.Parallel()
	if *update {
		st, dir := folderStore(t)
		vectorLedger(t, st, []byte("# The README of the vectors\n"))
		if err := os.RemoveAll(filepath.Join(vectorDir, folder)); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(filepath.Join(vectorDir, folder), os.DirFS(filepath.Join(dir, folder))); err != nil {
			t.Fatal(err)
		}
	}
	st := vectorStore(t)
	report, err := verify(t, st, VerifyOptions{})
	if err != nil || report.Size != 9 || report.Attachments != 3 || report.ClockBehind != time.Minute ||
		report.Root != "Vh2jfs0d9GJP6YEo6vZYcmBAMgmspUvMiFP4O958T0o=" {
		t.Errorf("%+v, %v", report, err)
	}
	// What is written today is the same, byte for byte.
	made, kept := localStore(t), contents(t, st)
	vectorLedger(t, made, kept[folder+readmeName])
	if got := contents(t, made); !maps.EqualFunc(got, kept, slices.Equal) {
		t.Error("what is written is not what the vectors have")
	}
	// An old ledger goes on.
	if r := mustAppend(t, Open(st, Options{Signer: testSigner(t)}), entry("more")); r.Seq != 9 {
		t.Errorf("%+v", r)
	}
	if _, err := verify(t, st, VerifyOptions{}); err != nil {
		t.Error(err)
	}
}

// The key of the vectors lies beside them, for whoever reads them otherwise.
func TestVectorKey(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(vectorDir, "key.txt"))
	if err != nil || strings.TrimSpace(string(text)) != testKey.Reveal() {
		t.Errorf("%q, %v", text, err)
	}
}

// The tree is that of RFC 6962 as tlog computes it.
func TestTree(t *testing.T) {
	t.Parallel()
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var out []tlog.Hash
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	var frontier []tlog.Hash
	for n := range int64(300) {
		leaf := fmt.Appendf(nil, "leaf %d", n)
		want, err := tlog.StoredHashes(n, leaf, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, want...)
		var got []tlog.Hash
		frontier, got = grown(n, frontier, tlog.RecordHash(leaf))
		root, err := tlog.TreeHash(n+1, reader)
		if err != nil || !slices.Equal(got, want) || rootOf(frontier) != root {
			t.Fatalf("leaf %d: %v, %v", n, got, err)
		}
		parts, err := reader.ReadHashes(subtrees(n + 1))
		if err != nil || !slices.Equal(parts, frontier) {
			t.Fatalf("leaf %d: %v, %v", n, parts, err)
		}
		for level, h := range want {
			if seq := completedBy(level, n>>level); seq != n || h != stored[tlog.StoredHashIndex(level, n>>level)] {
				t.Fatalf("hash %d of leaf %d is in %d", level, n, seq)
			}
		}
	}
}

// A proof outlives its ledger: as JSON, indented too, it is checked with the key alone.
func TestProof(t *testing.T) {
	t.Parallel()
	l := Open(vectorStore(t), Options{Trusted: []string{testSigner(t).Public()}})
	publics := []string{testSigner(t).Public()}
	for seq := range int64(9) {
		p, err := l.Prove(t.Context(), seq)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(p, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		var again Proof
		if err := json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		if signedBy, err := again.Verify(publics); err != nil || signedBy != publics[0] {
			t.Errorf("entry %d: %q, %v", seq, signedBy, err)
		}
		for name, spoil := range map[string]func(p *Proof){
			"actor":      func(p *Proof) { p.Record.Actor = "somebody" },
			"seq":        func(p *Proof) { p.Record.Seq = (seq + 1) % 9 },
			"time":       func(p *Proof) { p.Record.Time = p.Record.Time.Add(time.Millisecond) },
			"body":       func(p *Proof) { p.Record.Body = json.RawMessage(`{"x":1}`) },
			"hashes":     func(p *Proof) { p.Hashes = p.Hashes[1:] },
			"checkpoint": func(p *Proof) { p.Checkpoint = strings.Replace(p.Checkpoint, "\n9\n", "\n8\n", 1) },
			"no record":  func(p *Proof) { p.Record = Record{} },
		} {
			spoiled := again
			spoil(&spoiled)
			if _, err := spoiled.Verify(publics); !fault.Is(err, fault.Corrupt) {
				t.Errorf("entry %d, another %s: %v", seq, name, err)
			}
		}
	}
	_, other, err := seal.GenerateSigner(DefaultOrigin)
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Prove(t.Context(), 3)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Verify([]string{other})
	wantKind(t, err, fault.Corrupt)
	_, err = p.Verify(nil)
	wantKind(t, err, fault.Invalid)
}

// vectorObjects are the vectors' entries.
func vectorObjects(f *testing.F) [][]byte {
	f.Helper()
	names, err := filepath.Glob(filepath.Join(vectorDir, entriesFolder, "*"))
	if err != nil || len(names) == 0 {
		f.Fatal(names, err)
	}
	var all [][]byte
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		all = append(all, data)
	}
	return all
}

// wantRefused: what isn't accepted gives one line of a known kind.
func wantRefused(t *testing.T, err error) {
	t.Helper()
	if k := fault.KindOf(err); k != fault.Corrupt && k != fault.Unsupported || strings.ContainsAny(err.Error(), "\n\r") || len(err.Error()) > 2000 {
		t.Errorf("%q (%s)", err, k)
	}
}

// FuzzObject: what is accepted as an object is what would be written, byte for byte.
func FuzzObject(f *testing.F) {
	for seq, data := range vectorObjects(f) {
		f.Add(data, int64(seq))
	}
	f.Fuzz(func(t *testing.T, data []byte, seq int64) {
		if seq < 0 || seq > maxSeq {
			return
		}
		o, err := parseObject(data, seq)
		if err != nil {
			wantRefused(t, err)
			return
		}
		if again := encodeObject(o.line, seq, o.hashes, o.head.note); !bytes.Equal(again, data) {
			t.Errorf("%q was accepted, and is written %q", data, again)
		}
	})
}

// FuzzRecord: of a record there is one text, and it survives being indented.
func FuzzRecord(f *testing.F) {
	for _, data := range vectorObjects(f) {
		line, _, _ := strings.Cut(string(data), "\n")
		f.Add([]byte(line))
	}
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{"format":1,"seq":0,"seq":1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := parseRecord(line)
		if err != nil {
			wantRefused(t, err)
			return
		}
		indented, err := json.MarshalIndent(r, "", "\t")
		if err != nil {
			t.Fatal(err)
		}
		var again Record
		if err := json.Unmarshal(indented, &again); err != nil {
			t.Fatal(err)
		}
		if text, err := again.encode(); err != nil || !bytes.Equal(text, line) {
			t.Errorf("%q was accepted, and is written %q, %v", line, text, err)
		}
	})
}

// FuzzCheckpoint: of a checkpoint there is one text.
func FuzzCheckpoint(f *testing.F) {
	for _, data := range vectorObjects(f) {
		_, note, _ := strings.Cut(string(data), "\n\n")
		f.Add([]byte(note))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := parseCheckpoint(data)
		if err != nil {
			wantRefused(t, err)
			return
		}
		if text := checkpointText(c.origin, c.size, c.root); !strings.HasPrefix(string(data), string(text)+"\n— "+c.origin+" ") || !bytes.Equal(c.note, data) {
			t.Errorf("%q was accepted", data)
		}
	})
}
