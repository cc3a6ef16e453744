package drills

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
)

// testKey is the key of the tests' ledgers; it is no secret.
const testKey secret.String = "PRIVATE+KEY+lifeboat-evidence+e49e8279+AdatGdCBeInwctk6UsbF3sofffe+vIAQREGVRoZ3r7xn"

var begin = time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)

// hour is a moment of the tests.
func hour(n int) time.Time { return begin.Add(time.Duration(n) * time.Hour) }

// rig is a ledger on a store, with its drills.
type rig struct {
	*Archive
	t      *testing.T
	store  store.Store
	ledger *evidence.Ledger
}

func setup(t *testing.T) *rig {
	t.Helper()
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, store: st}
	r.reopen()
	return r
}

// reopen looks at the ledger as another process does.
func (r *rig) reopen() {
	signer, err := seal.NewSigner(testKey)
	if err != nil {
		r.t.Fatal(err)
	}
	r.ledger = evidence.Open(r.store, evidence.Options{Signer: signer})
	r.Archive = Open(r.ledger)
}

func idOf(h int) string { return hour(h).Format(idTime) + "-abcdef" }

func refOf(id string) Ref { return Ref{Plan: "quarterly", ID: id, Actor: "ann", Since: begin} }

func (r *rig) declare(h int) string {
	r.t.Helper()
	id := idOf(h)
	err := r.Declare(r.t.Context(), refOf(id), map[string]any{
		"kind": drill.Quarterly, "declared": hour(h), "identity": drill.Identity{WorkflowID: "drill/" + id, StartedBy: "ann"},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return id
}

// judge files a revision of a drill that was declared at an hour.
func (r *rig) judge(declared, revision int, verdict string, findings ...drill.Finding) {
	r.t.Helper()
	rec := drill.Record{
		SchemaVersion: drill.SchemaVersion, ID: idOf(declared), PlanName: "quarterly", Kind: drill.Quarterly, Revision: revision, Verdict: verdict,
		Identity: drill.Identity{WorkflowID: "drill/" + idOf(declared), StartedBy: "ann"},
		Timeline: drill.Timeline{Declared: hour(declared)}, Findings: findings,
	}
	if _, err := r.Judge(r.t.Context(), refOf(rec.ID), rec, nil); err != nil {
		r.t.Fatal(err)
	}
}

// decide files a decision on the first revision of a drill that was declared at an hour.
func (r *rig) decide(declared int, decision string) {
	r.t.Helper()
	if _, err := r.Decide(r.t.Context(), refOf(idOf(declared)), drill.SignedOff{Decision: decision, Signer: "bea", Revision: 1}, nil); err != nil {
		r.t.Fatal(err)
	}
}

// seen is a finding that a drill had at an hour, and had not before.
func seen(name string, declared, at int) drill.Finding {
	return drill.Finding{
		ID: "quarterly/" + name, Severity: drill.SeverityMajor, Cause: name, Status: drill.FindingOpen,
		Found: idOf(declared), FoundAt: hour(at), Seen: idOf(declared), SeenAt: hour(at),
	}
}

// closedBy is a finding as the drill has it that closed it.
func closedBy(f drill.Finding, declared int) drill.Finding {
	f.Status, f.Retest = drill.FindingClosed, idOf(declared)
	return f
}

// open are the names of the findings that are not closed.
func (r *rig) open() string {
	r.t.Helper()
	found, err := r.Findings(r.t.Context(), "quarterly")
	if err != nil {
		r.t.Fatal(err)
	}
	var names []string
	for _, f := range found {
		name := strings.TrimPrefix(f.ID, "quarterly/")
		if f.Status == drill.FindingAccepted {
			name += " accepted"
		}
		names = append(names, name)
	}
	return strings.Join(names, ", ")
}

func (r *rig) wantOpen(want string) {
	r.t.Helper()
	if got := r.open(); got != want {
		r.t.Errorf("open: %q, want %q", got, want)
	}
	r.reopen()
	if got := r.open(); got != want {
		r.t.Errorf("open for another process: %q, want %q", got, want)
	}
}

func TestDrillsAreThoseOfTheLedger(t *testing.T) {
	t.Parallel()
	r := setup(t)
	id := r.declare(1)
	list := func() []Drill {
		t.Helper()
		all, err := r.List(t.Context(), Query{})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	if d := list()[0]; d.State != drill.StateRunning || d.Kind != drill.Quarterly || d.StartedBy != "ann" || d.WorkflowID != "drill/"+id || d.Sequence != nil {
		t.Errorf("running: %+v", d)
	}
	r.judge(1, 1, drill.VerdictFail, seen("a", 1, 2))
	r.declare(3)
	r.judge(3, 1, drill.VerdictPass)
	r.judge(3, 2, drill.VerdictFail, seen("b", 3, 5))
	if _, err := r.Decide(t.Context(), refOf(id), drill.SignedOff{Decision: drill.DecisionRefused}, nil); err != nil {
		t.Fatal(err)
	}
	// What stands on the store beside the ledger hides nothing and adds nothing.
	for _, key := range []string{"evidence/drills/quarterly/" + id + "/judged-2.entry", "evidence/drills/quarterly/2027/x", "evidence/drills/other/y/judged-1.entry"} {
		if _, err := r.store.Put(t.Context(), key, strings.NewReader("5"), store.PutOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		all := list()
		if len(all) != 2 || all[0].ID != idOf(3) || all[0].Revision != 2 || all[0].Verdict != drill.VerdictFail || *all[0].Sequence != 4 ||
			all[1].State != drill.StateRefused || all[1].WorkflowID != "drill/"+id || all[1].Kind != drill.Quarterly {
			t.Errorf("%+v", all)
		}
		r.reopen()
	}
	if all, err := r.List(t.Context(), Query{Plan: "quarterly", Limit: 1}); err != nil || len(all) != 1 || all[0].ID != idOf(3) {
		t.Error(all, err)
	}
	if all, err := r.List(t.Context(), Query{Plan: "none"}); err != nil || len(all) != 0 {
		t.Error(all, err)
	}
	found, err := r.Find(t.Context(), id)
	if err != nil || found.SignOff == nil {
		t.Fatal(found, err)
	}
	if rec, entry, err := r.Record(t.Context(), found); err != nil || rec.ID != id || entry.Seq != 1 {
		t.Error(rec.ID, entry.Seq, err)
	}
	if _, err := r.Find(t.Context(), "quarterly"); !fault.Is(err, fault.Missing) {
		t.Error(err)
	}
}

// Whoever removes the entry of a failed drill is found out: nothing is listed without it.
func TestAnEntryThatWasRemovedIsNotPassedOver(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.declare(1)
	r.judge(1, 1, drill.VerdictFail, seen("a", 1, 2))
	r.declare(3)
	r.judge(3, 1, drill.VerdictPass)
	key := ""
	for e, err := range r.store.List(t.Context(), store.ListOptions{Prefix: "evidence/entries/"}) {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(e.Key, "1") && key == "" {
			key = e.Key
		}
	}
	if err := r.store.Delete(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	r.reopen()
	if all, err := r.List(t.Context(), Query{}); !fault.Is(err, fault.Corrupt) {
		t.Errorf("without %s: %+v, %v", key, all, err)
	}
}

// counting counts what is read of a store.
type counting struct {
	store.Store
	mu    sync.Mutex
	lists int
}

func (c *counting) List(ctx context.Context, o store.ListOptions) iter.Seq2[store.Entry, error] {
	c.mu.Lock()
	c.lists++
	c.mu.Unlock()
	return c.Store.List(ctx, o)
}

// More entries than are read at once, and others between them.
func TestALongLedger(t *testing.T) {
	t.Parallel()
	r := setup(t)
	counted := &counting{Store: r.store}
	r.store = counted
	r.reopen()
	id := r.declare(1)
	for i := range atOnce {
		_, err := r.ledger.Append(t.Context(), evidence.Entry{ID: fmt.Sprint("audit/", i), Kind: "audit", Actor: "x", Subject: "x", Since: begin, Body: map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
	}
	r.judge(1, 1, drill.VerdictPass)
	r.reopen()
	if d, err := r.Find(t.Context(), id); err != nil || d.Verdict != drill.VerdictPass {
		t.Error(d, err)
	}
	if counted.lists > 0 {
		t.Errorf("%d listings: only the ledger says what there is", counted.lists)
	}
	if r.folded.next != atOnce+2 {
		t.Errorf("%d entries were read, of %d", r.folded.next, atOnce+2)
	}
}

func TestFindingsOfDrillsThatOverlap(t *testing.T) {
	t.Parallel()
	t.Run("a failed one beside a passed one", func(t *testing.T) {
		t.Parallel()
		r := setup(t)
		r.declare(1)
		r.declare(2)
		r.judge(1, 1, drill.VerdictFail, seen("a", 1, 3))
		r.judge(2, 1, drill.VerdictPass)
		r.wantOpen("a")
		r.declare(4)
		r.judge(4, 1, drill.VerdictPass, closedBy(seen("a", 1, 3), 4))
		r.wantOpen("")
		r.declare(6)
		r.judge(6, 1, drill.VerdictFail, seen("a", 6, 7))
		r.wantOpen("a")
	})
	t.Run("what is told or refused later", func(t *testing.T) {
		t.Parallel()
		r := setup(t)
		r.declare(1)
		r.judge(1, 1, drill.VerdictPass)
		r.declare(2)
		r.judge(2, 1, drill.VerdictPass)
		r.judge(1, 2, drill.VerdictFail, seen("sign-off-refused", 1, 5))
		r.wantOpen("sign-off-refused")
	})
	t.Run("refused, until one that passed is signed", func(t *testing.T) {
		t.Parallel()
		r := setup(t)
		r.declare(1)
		r.judge(1, 1, drill.VerdictFail, seen("sign-off-refused", 1, 2))
		for at, verdict := range map[int]string{3: drill.VerdictFail, 4: drill.VerdictPass} {
			r.declare(at)
			r.judge(at, 1, verdict)
		}
		r.decide(3, drill.DecisionSigned)
		r.wantOpen("sign-off-refused")
		r.decide(4, drill.DecisionSigned)
		r.wantOpen("")
		rec := drill.Record{PlanName: "quarterly", Findings: []drill.Finding{seen("sign-off-refused", 1, 2)}}
		if standing, err := r.Standing(t.Context(), rec, hour(9)); err != nil || standing[0].Retest != idOf(4) {
			t.Errorf("%+v, %v", standing, err)
		}
	})
	t.Run("closed by a drill beside the one that had it again", func(t *testing.T) {
		t.Parallel()
		r := setup(t)
		r.declare(1)
		r.judge(1, 1, drill.VerdictFail, seen("a", 1, 2))
		r.declare(3)
		r.declare(4)
		again := seen("a", 3, 5)
		again.Found, again.FoundAt = idOf(1), hour(2)
		r.judge(3, 1, drill.VerdictFail, again)
		r.judge(4, 1, drill.VerdictPass, closedBy(seen("a", 1, 2), 4))
		r.wantOpen("a")
	})
	t.Run("a later revision takes back what it found, and no other", func(t *testing.T) {
		t.Parallel()
		r := setup(t)
		r.declare(1)
		r.judge(1, 1, drill.VerdictFail, seen("a", 1, 2), seen("b", 1, 2))
		r.declare(3)
		r.judge(3, 1, drill.VerdictPass, closedBy(seen("a", 1, 2), 3), seen("c", 3, 4))
		r.judge(1, 2, drill.VerdictFail, seen("a", 1, 2))
		r.wantOpen("c")
	})
	t.Run("more than an entry has", func(t *testing.T) {
		t.Parallel()
		r := setup(t)
		r.declare(1)
		long := seen("long", 1, 2)
		long.Subject = strings.Repeat("by hand ", 500)
		r.judge(1, 1, drill.VerdictFail, long)
		r.wantOpen("long")
		found, err := r.Findings(t.Context(), "quarterly")
		if err != nil || found[0].Subject != long.Subject {
			t.Error(len(found[0].Subject), err)
		}
	})
}

func TestDecisionsOnFindings(t *testing.T) {
	t.Parallel()
	r := setup(t)
	first := r.declare(1)
	r.judge(1, 1, drill.VerdictFail, seen("a", 1, 2), seen("b", 1, 2))
	err := r.DecideFinding(t.Context(), refOf(first), FindingDecision{Finding: "quarterly/nosuch", Owner: "bob"})
	if !fault.Is(err, fault.Missing) {
		t.Errorf("a finding that nobody had: %v", err)
	}
	// A decision counts also where another drill was judged before it was made.
	r.declare(3)
	r.judge(3, 1, drill.VerdictPass)
	accepted := &drill.Acceptance{By: "bea", Until: hour(999), Reason: "known", At: hour(5)}
	// Whoever started the drill accepts no risk of it, nor does the account that it was started from.
	mine := FindingDecision{Finding: "quarterly/a", Accepted: accepted}
	if err := r.DecideFinding(t.Context(), refOf(first), mine); !fault.Is(err, fault.Denied) {
		t.Errorf("accepted by who started it: %v", err)
	}
	// Two people at once: each is filed.
	var both sync.WaitGroup
	for _, made := range []FindingDecision{{Finding: "quarterly/a", Accepted: accepted}, {Finding: "quarterly/b", Owner: "bob"}} {
		both.Go(func() {
			ref := refOf(first)
			ref.Actor = "bea"
			if err := r.DecideFinding(t.Context(), ref, made); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	r.wantOpen("a accepted, b")
	found, err := r.Findings(t.Context(), "quarterly")
	if err != nil || found[1].Owner != "bob" || found[0].Accepted == nil {
		t.Error(found, err)
	}
	// So it stands beside the record, which does not know of it.
	rec := drill.Record{PlanName: "quarterly", Findings: []drill.Finding{seen("b", 1, 2), seen("a", 1, 2), seen("c", 1, 2)}}
	for now, status := range map[time.Time]string{hour(6): drill.FindingAccepted, hour(1000): drill.FindingOpen} {
		standing, err := r.Standing(t.Context(), rec, now)
		if err != nil || standing[0].Owner != "bob" || standing[0].Status != drill.FindingOpen || standing[1].Status != status ||
			standing[1].Accepted == nil || standing[2].Status != drill.FindingClosed {
			t.Errorf("at %s: %+v, %v", now, standing, err)
		}
	}
	if rec.Findings[0].Owner != "" {
		t.Error("the record was changed")
	}
	// What was closed and comes again is not accepted by what was decided before.
	r.declare(6)
	r.judge(6, 1, drill.VerdictPass, closedBy(seen("a", 1, 2), 6))
	r.declare(8)
	r.judge(8, 1, drill.VerdictFail, seen("a", 8, 9))
	r.wantOpen("b, a")
	if err := r.DecideFinding(t.Context(), refOf(first), FindingDecision{Finding: "quarterly/b", Owner: "cleo"}); err != nil {
		t.Fatal(err)
	}
	if found, err = r.Findings(t.Context(), "quarterly"); err != nil || found[0].Owner != "cleo" {
		t.Error(found, err)
	}
}
