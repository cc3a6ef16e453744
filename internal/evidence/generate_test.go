package evidence

import (
	"encoding/json"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
)

// generate makes a ledger of many entries in a folder, as so many appends would,
// but without waiting for the disk.
func generate(t testing.TB, count int64) (st store.Store, dir string, last *tree) {
	t.Helper()
	dir = t.TempDir()
	write := func(key string, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(key)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(dir, entriesFolder), 0o700); err != nil {
		t.Fatal(err)
	}
	write(folder+readmeName, readme)
	signer, at := testSigner(t), &tree{}
	for i := range count {
		body, err := json.Marshal(map[string]any{"verdict": "pass", "rtoSeconds": 12.5, "rpoSeconds": 0.4, "workflow": fmt.Sprintf("drill-%d", i)})
		if err != nil {
			t.Fatal(err)
		}
		r := Record{ID: fmt.Sprintf("generated-%d", i), Kind: "drill.judged", Actor: "ops@example.com", Subject: "quarterly", Body: body}
		if i == 0 {
			r.Attachments = []Attached{attached(Attachment{readmeName, readme})}
		}
		_, data, after, err := at.next(r, DefaultOrigin, signer, testBegin.Add(time.Duration(i)*time.Second))
		if err != nil {
			t.Fatal(err)
		}
		write(entryKey(i), data)
		at = after
	}
	write(checkpointKey, at.head.note)
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return st, dir, at
}

// A proof reads a number of objects that grows with the logarithm of the ledger,
// also where nothing is known before; so does an append.
func TestReads(t *testing.T) {
	t.Parallel()
	for _, count := range []int64{1, 2, 3, 64, 1000, 4095, 4096} {
		st, _, last := generate(t, count)
		counted := &counting{Store: st}
		log := int64(bits.Len64(uint64(count)))
		for _, seq := range []int64{0, count / 3, count / 2, count - 1} {
			counted.reads.Store(0)
			l := Open(counted, Options{Trusted: []string{testSigner(t).Public()}})
			p, err := l.Prove(t.Context(), seq)
			if err != nil || p.Record.Seq != seq || int64(len(p.Hashes)) > log {
				t.Fatalf("entry %d of %d: %+v, %v", seq, count, p, err)
			}
			// Checkpoint, head, whether there are more; the tree's own hashes; entry and proof.
			if cold := counted.reads.Swap(0); cold > 6+4*log {
				t.Errorf("entry %d of %d: %d reads", seq, count, cold)
			}
			if _, err := l.Prove(t.Context(), count/2); err != nil {
				t.Fatal(err)
			}
			if warm := counted.reads.Load(); warm > 4+2*log {
				t.Errorf("entry %d of %d, with the head known: %d reads", seq, count, warm)
			}
		}
		// The ledger goes on, and finding the head after a long time costs no more.
		known := Open(counted, Options{Signer: testSigner(t), Now: func() time.Time { return last.time.Add(time.Hour) }})
		counted.reads.Store(0)
		e := entry("more")
		e.Since = last.time.Add(time.Hour)
		if r, err := known.Append(t.Context(), e); err != nil || r.Seq != count || len(r.Warnings) > 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		if reads := counted.reads.Load(); reads > 12+4*log {
			t.Errorf("an append to %d: %d reads", count, reads)
		}
		if _, err := verify(t, st, VerifyOptions{}); err != nil {
			t.Error(err)
		}
	}
}

// A ledger that has gone on by thousands of entries since it was last looked at.
func TestLongAbsence(t *testing.T) {
	t.Parallel()
	st, dir, last := generate(t, 3000)
	later := filepath.Join(t.TempDir(), "later")
	move := func(from, to string) {
		if err := os.MkdirAll(to, 0o700); err != nil {
			t.Fatal(err)
		}
		for seq := int64(20); seq < 3000; seq++ {
			name := filepath.Base(entryKey(seq))
			if err := os.Rename(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries := filepath.Join(dir, filepath.FromSlash(entriesFolder))
	move(entries, later)
	o, err := readObject(t.Context(), st, 19)
	if err != nil {
		t.Fatal(err)
	}
	put(t, st, checkpointKey, o.head.note)
	counted := &counting{Store: st}
	l := Open(counted, Options{Signer: testSigner(t), Now: func() time.Time { return last.time }})
	if head, err := l.Head(t.Context()); err != nil || head.Size != 20 {
		t.Fatalf("%+v, %v", head, err)
	}
	move(later, entries)
	put(t, st, checkpointKey, last.head.note)
	counted.reads.Store(0)
	if head, err := l.Head(t.Context()); err != nil || head.Size != 3000 || head.Root != last.head.root.String() {
		t.Fatalf("%+v, %v", head, err)
	}
	if reads := counted.reads.Load(); reads > 100 {
		t.Errorf("%d reads", reads)
	}
	e := entry("generated-2990")
	e.Kind, e.Subject, e.Since = "drill.judged", "quarterly", last.time
	if r := mustAppend(t, l, e); r.Seq != 2990 {
		t.Errorf("%+v", r)
	}
}

func BenchmarkVerify(b *testing.B) {
	const count = 100_000
	st, _, _ := generate(b, count)
	l := Open(st, Options{Trusted: []string{testSigner(b).Public()}})
	before := processorTime(b)
	for b.Loop() {
		if report, err := l.Verify(b.Context(), VerifyOptions{}); err != nil || report.Size != count {
			b.Fatalf("%+v, %v", report, err)
		}
	}
	b.ReportMetric(count*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric((processorTime(b)-before).Seconds()/float64(b.N), "cpu-s/op")
}

func BenchmarkProve(b *testing.B) {
	st, _, _ := generate(b, 10_000)
	l := Open(st, Options{Trusted: []string{testSigner(b).Public()}})
	for seq := int64(0); b.Loop(); seq = (seq + 7919) % 10_000 {
		if _, err := l.Prove(b.Context(), seq); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	l := Open(localStore(b), Options{Signer: testSigner(b)})
	i := 0
	for b.Loop() {
		e := entry(fmt.Sprint(i))
		e.Since = time.Now()
		if _, err := l.Append(b.Context(), e); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// processorTime is what this process has used of all processors: on a busy
// machine it says more than the time that passed.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
