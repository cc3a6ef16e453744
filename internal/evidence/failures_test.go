package evidence

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
	"github.com/lifeboat-dr/lifeboat/internal/store/s3"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// before calls a function before each write to a store; an error of it is the write's.
type before struct {
	store.Store

	put func(key string, opts store.PutOptions) error
}

func (b *before) Put(ctx context.Context, key string, r io.Reader, opts store.PutOptions) (store.Object, error) {
	if err := b.put(key, opts); err != nil {
		return store.Object{}, err
	}
	return b.Store.Put(ctx, key, r, opts)
}

const (
	killedDir   = "LIFEBOAT_TEST_KILLED_DIR"
	killedWrite = "LIFEBOAT_TEST_KILLED_WRITE"
)

// TestKilledWriter is no test of its own: it is the process that TestKilled kills.
func TestKilledWriter(t *testing.T) {
	dir := os.Getenv(killedDir)
	if dir == "" {
		return
	}
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	var writes []string
	dying := &before{st, func(key string, _ store.PutOptions) error {
		writes = append(writes, key)
		if fmt.Sprint(len(writes)) == os.Getenv(killedWrite) {
			return syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}
		return nil
	}}
	_, err = Open(dying, Options{Signer: testSigner(t)}).Append(t.Context(), killedEntry())
	t.Log(writes, err)
}

func killedEntry() Entry {
	e := entry("killed")
	e.Attachments = []Attachment{{"killed.json", []byte("{}")}}
	return e
}

// A writer that is killed before any of its writes leaves a ledger that is valid
// and goes on; the same append, done again, is there once.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, existing := range []int{0, 3} {
		// README, the empty tree's checkpoint, attachment, entry, checkpoint.
		for write := range 5 {
			st, dir := folderStore(t)
			l := Open(st, Options{Signer: testSigner(t), Now: ticking()})
			fill(t, l, existing)
			if existing > 0 && write >= 3 {
				break
			}
			cmd := exec.Command(os.Args[0], "-test.run", "^TestKilledWriter$", "-test.v")
			cmd.Env = append(os.Environ(), killedDir+"="+dir, fmt.Sprintf("%s=%d", killedWrite, write+1))
			out, err := cmd.CombinedOutput()
			if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
				t.Fatalf("%d entries, write %d: it was not killed: %v\n%s", existing, write, err, out)
			}
			report, err := verify(t, st, VerifyOptions{})
			if err != nil || report.Size < int64(existing) || report.Size > int64(existing)+1 {
				t.Errorf("%d entries, killed before write %d: %+v, %v", existing, write, report, err)
			}
			// Somebody else first, in one of two cases.
			if write%2 == 1 {
				mustAppend(t, Open(st, Options{Signer: testSigner(t)}), entry("other"))
			}
			e := killedEntry()
			again := mustAppend(t, Open(st, Options{Signer: testSigner(t)}), e)
			report, err = verify(t, st, VerifyOptions{})
			if err != nil || report.Size != int64(existing+1+write%2) || report.Published != report.Size || again.Seq >= report.Size {
				t.Errorf("%d entries, killed before write %d, done again: %+v, %v", existing, write, report, err)
			}
		}
	}
}

// A write whose answer is lost has happened, and is found to have.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	st := localStore(t)
	fill(t, Open(st, Options{Signer: testSigner(t), Now: ticking()}), 3)
	lost := &losing{Store: st}
	l := Open(lost, Options{Signer: testSigner(t)})
	_, err := l.Append(t.Context(), entry("lost"))
	wantKind(t, err, fault.Unavailable)
	if r := mustAppend(t, l, entry("lost")); r.Seq != 3 {
		t.Errorf("%+v", r)
	}
	if report, err := verify(t, st, VerifyOptions{}); err != nil || report.Size != 4 {
		t.Errorf("%+v, %v", report, err)
	}
}

// losing loses the answer of the first write of an entry.
type losing struct {
	store.Store

	lost atomic.Bool
}

func (l *losing) Put(ctx context.Context, key string, r io.Reader, opts store.PutOptions) (store.Object, error) {
	o, err := l.Store.Put(ctx, key, r, opts)
	if err == nil && strings.HasPrefix(key, entriesFolder) && l.lost.CompareAndSwap(false, true) {
		err = fault.New(fault.Unavailable, "the connection was reset")
	}
	return o, err
}

// A store that says that a key is taken, and has nothing there, ends in an error, and not never.
func TestBlocked(t *testing.T) {
	t.Parallel()
	st := localStore(t)
	blocked := &before{st, func(key string, _ store.PutOptions) error {
		if strings.HasPrefix(key, entriesFolder) {
			return fault.New(fault.Conflict, "something is in the way")
		}
		return nil
	}}
	_, err := Open(blocked, Options{Signer: testSigner(t)}).Append(t.Context(), entry("blocked"))
	wantKind(t, err, fault.Conflict)
}

// A copy that can't be reached fails no append, and catches up afterwards.
func TestCopies(t *testing.T) {
	t.Parallel()
	st, good, bad := localStore(t), localStore(t), localStore(t)
	var down atomic.Bool
	flaky := &before{bad, func(string, store.PutOptions) error {
		if down.Load() {
			return fault.New(fault.Unavailable, "the copy is down")
		}
		return nil
	}}
	l := Open(st, Options{Signer: testSigner(t), Now: ticking(), Copies: []store.Store{good, flaky}})
	fill(t, l, 2)
	down.Store(true)
	for i := range 5 {
		e := entry(fmt.Sprintf("down-%d", i))
		e.Attachments = []Attachment{{e.ID, []byte(e.ID)}}
		r, err := l.Append(t.Context(), e)
		if err != nil || len(r.Warnings) != 1 || !strings.Contains(r.Warnings[0], "copy 2") || !strings.Contains(r.Warnings[0], "the copy is down") {
			t.Errorf("%v, %q", err, r.Warnings)
		}
	}
	report, err := l.Verify(t.Context(), VerifyOptions{})
	if err != nil || len(report.Warnings) != 1 || !strings.Contains(report.Warnings[0], "copy 2 lacks the entries from 2 on") {
		t.Errorf("%+v, %v", report.Warnings, err)
	}
	down.Store(false)
	mustAppend(t, l, entry("up"))
	if report, err := l.Verify(t.Context(), VerifyOptions{}); err != nil || len(report.Warnings) > 0 {
		t.Errorf("%+v, %v", report, err)
	}
	// One that was emptied gets everything again.
	for key := range contents(t, good) {
		if err := good.Delete(t.Context(), key); err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, l, entry("emptied"))
	// A store that joins later gets everything.
	joined := localStore(t)
	if copied, err := l.Mirror(t.Context(), joined); err != nil || copied != 9 {
		t.Errorf("%d, %v", copied, err)
	}
	if copied, err := l.Mirror(t.Context(), joined); err != nil || copied != 0 {
		t.Errorf("%d, %v", copied, err)
	}
	want := contents(t, st)
	for name, st := range map[string]store.Store{"copy 1": good, "copy 2": bad, "the joined one": joined} {
		if got := contents(t, st); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s is another one", name)
		}
		if _, err := verify(t, st, VerifyOptions{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What is wrong with a copy is told, and not put right in silence.
func TestWrongCopies(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(t *testing.T, st, copied store.Store){
		"a changed entry": func(t *testing.T, st, _ store.Store) {
			put(t, st, entryKey(3), []byte(strings.Replace(string(contents(t, st)[entryKey(3)]), "ops@", "OPS@", 1)))
		},
		"a removed entry": func(t *testing.T, st, _ store.Store) {
			if err := st.Delete(t.Context(), entryKey(2)); err != nil {
				t.Fatal(err)
			}
		},
		"more entries than the ledger has": func(t *testing.T, _, of store.Store) {
			all := contents(t, of)
			o, err := parseObject(all[entryKey(3)], 3)
			if err != nil {
				t.Fatal(err)
			}
			put(t, of, checkpointKey, o.head.note)
			if err := of.Delete(t.Context(), entryKey(4)); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st, copied := localStore(t), localStore(t)
			fill(t, Open(st, Options{Signer: testSigner(t), Now: ticking(), Copies: []store.Store{copied}}), 5)
			spoil(t, copied, st)
			report, err := Open(st, Options{Trusted: []string{testSigner(t).Public()}, Copies: []store.Store{copied}}).Verify(t.Context(), VerifyOptions{})
			if !fault.Is(err, fault.Corrupt) || !strings.Contains(report.Problems[0].What, "copy 1") {
				t.Errorf("%v, %+v", err, report.Problems)
			}
		})
	}
}

// Of a clock that is behind, both times are told, and time never goes back.
func TestClocks(t *testing.T) {
	t.Parallel()
	st := localStore(t)
	at := testBegin
	l := Open(st, Options{Signer: testSigner(t), Now: func() time.Time { return at }})
	mustAppend(t, l, entry("first"))
	at = testBegin.Add(-20*time.Minute + 1234*time.Microsecond)
	e := entry("behind")
	e.Since = at
	r := mustAppend(t, l, e)
	if !r.Time.Equal(testBegin) || !r.Clock.Equal(at.Truncate(time.Millisecond)) {
		t.Errorf("%+v", r)
	}
	at = testBegin.Add(time.Hour)
	if r := mustAppend(t, l, entry("right")); !r.Time.Equal(at) || !r.Clock.IsZero() {
		t.Errorf("%+v", r)
	}
	report, err := verify(t, st, VerifyOptions{})
	if err != nil || report.ClockBehind != 20*time.Minute-time.Millisecond || !report.First.Equal(testBegin) || !report.Last.Equal(at) {
		t.Errorf("%+v, %v", report, err)
	}
}

// After a change of keys the old ones must be trusted; the ledger goes on.
func TestNewKey(t *testing.T) {
	t.Parallel()
	st, old := localStore(t), testSigner(t)
	fill(t, Open(st, Options{Signer: old, Now: ticking()}), 3)
	text, public, err := seal.GenerateSigner(DefaultOrigin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := seal.NewSigner(text)
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(st, Options{Signer: signer}).Append(t.Context(), entry("new"))
	wantKind(t, err, fault.Corrupt)
	mustAppend(t, Open(st, Options{Signer: signer, Trusted: []string{old.Public(), old.Public()}}), entry("new"))
	_, err = verify(t, st, VerifyOptions{})
	wantKind(t, err, fault.Corrupt)
	report, err := Open(st, Options{}).Verify(t.Context(), VerifyOptions{Publics: []string{old.Public(), public}})
	if err != nil || report.SignedBy != public || report.Size != 4 {
		t.Errorf("%+v, %v", report, err)
	}
	_, err = Open(st, Options{}).Verify(t.Context(), VerifyOptions{})
	wantKind(t, err, fault.Invalid)
	_, err = Open(st, Options{Origin: "another", Trusted: []string{public}}).Verify(t.Context(), VerifyOptions{})
	wantKind(t, err, fault.Corrupt)
	_, err = Open(st, Options{Origin: "another", Signer: signer}).Append(t.Context(), entry("other"))
	wantKind(t, err, fault.Invalid)
}

func TestLimits(t *testing.T) {
	t.Parallel()
	st := localStore(t)
	l := Open(st, Options{Signer: testSigner(t), Now: ticking()})
	for name, spoil := range map[string]func(e *Entry){
		"no id":               func(e *Entry) { e.ID = "" },
		"no kind":             func(e *Entry) { e.Kind = "" },
		"no since":            func(e *Entry) { e.Since = time.Time{} },
		"a long id":           func(e *Entry) { e.ID = strings.Repeat("x", maxText+1) },
		"a newline":           func(e *Entry) { e.Actor = "a\nb" },
		"no UTF-8":            func(e *Entry) { e.Subject = "a\xffb" },
		"a large body":        func(e *Entry) { e.Body = strings.Repeat("x", MaxBody) },
		"a body of functions": func(e *Entry) { e.Body = func() {} },
		"its own key":         func(e *Entry) { e.Attachments = []Attachment{{"entries/000000000000", nil}} },
		"the checkpoint":      func(e *Entry) { e.Attachments = []Attachment{{"checkpoint", nil}} },
		"the README":          func(e *Entry) { e.Attachments = []Attachment{{"README.md", nil}} },
		"a bad key":           func(e *Entry) { e.Attachments = []Attachment{{"../x", nil}} },
		"a key twice":         func(e *Entry) { e.Attachments = []Attachment{{"x", nil}, {"x", nil}} },
		"many attachments":    func(e *Entry) { e.Attachments = slices.Repeat([]Attachment{{"x", nil}}, maxAttachments) },
	} {
		e := entry("limits")
		spoil(&e)
		if _, err := l.Append(t.Context(), e); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if all := contents(t, st); len(all) > 0 {
		t.Errorf("what is refused left something: %v", all)
	}
	e := entry(strings.Repeat("ü", maxText/2))
	e.Body = strings.Repeat("x", MaxBody-2)
	mustAppend(t, l, e)
	if _, err := verify(t, st, VerifyOptions{}); err != nil {
		t.Error(err)
	}
}

func openS3(t *testing.T, c store.Config) store.Store {
	t.Helper()
	st, err := s3.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestS3Writers(t *testing.T) {
	t.Parallel()
	writers(t, openS3(t, servers.S3(t).Bucket(t)), 32)
}

// Entries and attachments are locked where that was asked for, and the
// checkpoint, which is replaced, is not.
func TestRetention(t *testing.T) {
	t.Parallel()
	locked := openS3(t, servers.S3(t).LockedBucket(t))
	var mu sync.Mutex
	retained := make(map[string]time.Time)
	st := &before{locked, func(key string, opts store.PutOptions) error {
		mu.Lock()
		defer mu.Unlock()
		retained[key] = opts.RetainUntil
		return nil
	}}
	l := Open(st, Options{Signer: testSigner(t), RetainFor: time.Hour})
	began := time.Now()
	e := entry("locked")
	e.Since = began
	e.Attachments = []Attachment{{"locked.json", []byte("{}")}}
	mustAppend(t, l, e)
	e.ID, e.Attachments = "locked too", nil
	mustAppend(t, l, e)
	for _, key := range []string{entryKey(0), entryKey(1), folder + "locked.json", folder + readmeName} {
		if until := retained[key]; until.Before(began.Add(time.Hour)) || until.After(time.Now().Add(time.Hour)) {
			t.Errorf("%s is kept until %s", key, until)
		}
	}
	if until, written := retained[checkpointKey]; !written || !until.IsZero() {
		t.Errorf("the checkpoint is kept until %s", until)
	}
	if report, err := verify(t, locked, VerifyOptions{}); err != nil || report.Size != 2 || report.Published != 2 {
		t.Errorf("%+v, %v", report, err)
	}
}
