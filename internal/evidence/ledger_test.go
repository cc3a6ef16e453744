package evidence

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
)

// testKey is the key of the vectors; it is no secret.
const testKey secret.String = "PRIVATE+KEY+lifeboat-evidence+e49e8279+AdatGdCBeInwctk6UsbF3sofffe+vIAQREGVRoZ3r7xn"

var testBegin = time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC)

func testSigner(t testing.TB) *seal.Signer {
	t.Helper()
	s, err := seal.NewSigner(testKey)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func localStore(t testing.TB) store.Store {
	t.Helper()
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// ticking is a clock that goes on by a second each time it is looked at.
func ticking() func() time.Time {
	var ticks atomic.Int64
	return func() time.Time { return testBegin.Add(time.Duration(ticks.Add(1)) * time.Second) }
}

// entry is a plain entry that can't be older than the test's clock.
func entry(id string) Entry {
	return Entry{ID: id, Kind: "audit", Actor: "ops@example.com", Subject: "main", Since: testBegin, Body: map[string]any{"note": id}}
}

func mustAppend(t testing.TB, l *Ledger, e Entry) Record {
	t.Helper()
	r, err := l.Append(t.Context(), e)
	if err != nil {
		t.Fatalf("append %s: %v", e.ID, err)
	}
	if len(r.Warnings) > 0 {
		t.Fatalf("append %s: %q", e.ID, r.Warnings)
	}
	return r
}

// fill appends entries with and without attachments.
func fill(t testing.TB, l *Ledger, count int) {
	t.Helper()
	for i := range count {
		e := entry(fmt.Sprintf("entry-%d", i))
		if i%3 == 1 {
			e.Kind = "drill.judged"
			e.Attachments = []Attachment{{fmt.Sprintf("reports/%d.html", i), []byte("<p>passed</p>")}, {fmt.Sprintf("reports/%d.json", i), nil}}
		}
		mustAppend(t, l, e)
	}
}

// contents are all objects of a store.
func contents(t testing.TB, st store.Store) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	for e, err := range st.List(t.Context(), store.ListOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		data, err := store.ReadSmall(t.Context(), st, e.Key, 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		all[e.Key] = data
	}
	return all
}

func put(t testing.TB, st store.Store, key string, data []byte) {
	t.Helper()
	if _, err := st.Put(t.Context(), key, bytes.NewReader(data), store.PutOptions{}); err != nil {
		t.Fatal(err)
	}
}

func wantKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("%v (%s), want %s", err, fault.KindOf(err), kind)
	}
}

// verify checks a ledger as a stranger does: with the public key alone.
func verify(t testing.TB, st store.Store, o VerifyOptions) (Report, error) {
	t.Helper()
	o.Publics = []string{testSigner(t).Public()}
	return Open(st, Options{}).Verify(t.Context(), o)
}

func TestLedger(t *testing.T) {
	t.Parallel()
	st := localStore(t)
	l := Open(st, Options{Signer: testSigner(t), Now: ticking()})
	if head, err := l.Head(t.Context()); err != nil || head.Size != 0 {
		t.Fatalf("%+v, %v", head, err)
	}
	const count = 21
	fill(t, l, count)
	head, err := l.Head(t.Context())
	if err != nil || head.Size != count || head.Origin != DefaultOrigin || head.SignedBy != testSigner(t).Public() {
		t.Fatalf("%+v, %v", head, err)
	}
	report, err := verify(t, st, VerifyOptions{Checkpoints: [][]byte{[]byte(head.Note)}})
	if err != nil {
		t.Fatal(err)
	}
	if report.Size != count || report.Root != head.Root || report.SignedBy != head.SignedBy || report.Published != count ||
		!maps.Equal(report.Entries, map[string]int64{"audit": 14, "drill.judged": 7}) || report.Attachments != 15 || len(report.Warnings) > 0 {
		t.Errorf("%+v", report)
	}
	// A reader that knows the public key alone, from the start.
	reader := Open(st, Options{Trusted: []string{head.SignedBy}})
	for seq := range int64(count) {
		r, err := reader.Get(t.Context(), seq)
		if err != nil || r.Seq != seq || r.ID != fmt.Sprintf("entry-%d", seq) {
			t.Errorf("entry %d: %+v, %v", seq, r, err)
		}
	}
	_, err = reader.Get(t.Context(), count)
	wantKind(t, err, fault.Missing)
	_, err = reader.Append(t.Context(), entry("no key"))
	wantKind(t, err, fault.Denied)
	r, err := reader.Get(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := reader.Attachment(t.Context(), r, "reports/1.html"); err != nil || string(data) != "<p>passed</p>" {
		t.Errorf("%q, %v", data, err)
	}
	_, err = reader.Attachment(t.Context(), r, "reports/2.html")
	wantKind(t, err, fault.Missing)
}

func TestList(t *testing.T) {
	t.Parallel()
	l := Open(localStore(t), Options{Signer: testSigner(t), Now: ticking()})
	fill(t, l, 10)
	for _, c := range []struct {
		options ListOptions
		want    []int64
	}{
		{ListOptions{}, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{ListOptions{From: 3, To: 6}, []int64{3, 4, 5}},
		{ListOptions{From: 8, To: 60}, []int64{8, 9}},
		{ListOptions{From: 10}, nil},
		{ListOptions{Newest: true, Limit: 3}, []int64{9, 8, 7}},
		{ListOptions{Newest: true, To: 5, From: 2}, []int64{4, 3, 2}},
		{ListOptions{Kind: "drill.judged"}, []int64{1, 4, 7}},
		{ListOptions{Kind: "drill.judged", Newest: true, Limit: 1}, []int64{7}},
		{ListOptions{Subject: "other"}, nil},
	} {
		records, err := l.List(t.Context(), c.options)
		var got []int64
		for _, r := range records {
			got = append(got, r.Seq)
		}
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%+v: %v, %v", c.options, got, err)
		}
	}
	_, err := l.List(t.Context(), ListOptions{From: 5, To: 2})
	wantKind(t, err, fault.Invalid)
}

// A retry returns what is there, from another process too, and whatever its attachments are now.
func TestAppendAgain(t *testing.T) {
	t.Parallel()
	st := localStore(t)
	l := Open(st, Options{Signer: testSigner(t), Now: ticking()})
	fill(t, l, 5)
	e := entry("once")
	e.Attachments = []Attachment{{"once.json", []byte("{}")}}
	first := mustAppend(t, l, e)
	fill2 := Open(st, Options{Signer: testSigner(t), Now: ticking()})
	e.Attachments[0].Content = []byte("another one")
	again := mustAppend(t, fill2, e)
	if first.Seq != 5 || again.Seq != 5 || again.Previous != first.Previous || !again.Time.Equal(first.Time) {
		t.Errorf("%+v, then %+v", first, again)
	}
	e.Subject = "another"
	_, err := fill2.Append(t.Context(), e)
	wantKind(t, err, fault.Conflict)
	// An attachment is never replaced.
	other := entry("other")
	other.Attachments = e.Attachments
	_, err = fill2.Append(t.Context(), other)
	wantKind(t, err, fault.Conflict)
	if head, err := l.Head(t.Context()); err != nil || head.Size != 6 {
		t.Errorf("%+v, %v", head, err)
	}
}

// writers append at once, each with its own ledger: nothing is lost, and each
// entry is there once, though every second one is asked for twice.
func writers(t *testing.T, st store.Store, count int) {
	t.Helper()
	var running sync.WaitGroup
	for i := range count {
		running.Go(func() {
			l := Open(st, Options{Signer: testSigner(t)})
			e := entry(fmt.Sprintf("writer-%d", i/2*2+i%4/3))
			e.Since = time.Now()
			if _, err := l.Append(t.Context(), e); err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
		})
	}
	running.Wait()
	ids := make(map[string]bool)
	for i := range count {
		ids[fmt.Sprintf("writer-%d", i/2*2+i%4/3)] = true
	}
	report, err := verify(t, st, VerifyOptions{})
	if err != nil || report.Size != int64(len(ids)) || report.Published != report.Size {
		t.Errorf("%+v, %v; want %d entries", report, err, len(ids))
	}
	records, err := Open(st, Options{Signer: testSigner(t)}).List(t.Context(), ListOptions{})
	if err != nil {
		t.Error(err)
	}
	for _, r := range records {
		if !ids[r.ID] {
			t.Errorf("entry %d has the id %s, which nobody wrote or is there twice", r.Seq, r.ID)
		}
		delete(ids, r.ID)
	}
	if len(ids) > 0 {
		t.Errorf("lost: %v", slices.Sorted(maps.Keys(ids)))
	}
}

func TestWriters(t *testing.T) {
	t.Parallel()
	writers(t, localStore(t), 100)
}

// counting counts what is asked of a store.
type counting struct {
	store.Store

	reads atomic.Int64
}

func (c *counting) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	c.reads.Add(1)
	return c.Store.Get(ctx, key, offset, length)
}

func (c *counting) Stat(ctx context.Context, key string) (store.Object, error) {
	c.reads.Add(1)
	return c.Store.Stat(ctx, key)
}

// The signer's own key may be among those that are trusted.
func TestAKeyIsTrustedOnce(t *testing.T) {
	t.Parallel()
	own := testSigner(t).Public()
	l := Open(localStore(t), Options{Signer: testSigner(t), Trusted: []string{"older", own, own}})
	if got := l.Trusted(); !slices.Equal(got, []string{own, "older"}) {
		t.Errorf("%q", got)
	}
}
