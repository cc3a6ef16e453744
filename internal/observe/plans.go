package observe

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// readPlans asks what may be promised of each plan, and for its newest drill.
func (r *Reader) readPlans(ctx context.Context) ([]status.Plan, error) {
	commitments, err := r.s.Commitments(ctx, time.Now())
	if err != nil {
		return nil, err
	}
	done, err := r.s.Drills.List(ctx, drills.Query{})
	if err != nil {
		return nil, fault.While(err, "list the drills")
	}
	out := make([]status.Plan, 0, len(commitments))
	for _, c := range commitments {
		out = append(out, planOf(c, done))
	}
	return out, nil
}

// planOf completes a commitment by the drills of its plan, which come the newest first.
func planOf(c drill.Commitment, done []drills.Drill) status.Plan {
	p := status.Plan{Commitment: c}
	judged := false
	for _, d := range done {
		if d.Plan != c.Plan {
			continue
		}
		if !judged && d.Verdict != "" && d.Verdict != drill.VerdictAborted {
			judged = true
			if d.Verdict != drill.VerdictPass {
				p.FailedDrill = d.ID
			}
		}
		if p.LastDrill == "" {
			p.LastDrill, p.LastVerdict, p.LastAt = d.ID, d.Verdict, d.CreatedAt
		}
		// The last one is the one that waits the longest.
		if d.State == drill.StateAwaiting {
			p.AwaitsSignature, p.AwaitsSince = d.ID, d.Judged
		}
	}
	return p
}

func (r *Reader) plansNow(now time.Time, before []status.Plan, b *blind) []status.Plan {
	if len(r.s.Config.Drills) == 0 || r.s.Ledger == nil {
		return []status.Plan{}
	}
	found, _, line := fresh(r.plans, "the plans of drills", now)
	b.add(line)
	if found == nil && unread(r.plans, now) {
		found = before
	}
	if found == nil {
		return []status.Plan{}
	}
	return found
}

const (
	// verifyEvery is after how long the whole ledger is read again, verifyAgain
	// that after it was found to be wrong, or could not be read.
	verifyEvery = 24 * time.Hour
	verifyAgain = time.Hour
)

func (r *Reader) ledgerReadings() (head *reading[evidence.Checkpoint], whole *reading[evidence.Report]) {
	head = &reading[evidence.Checkpoint]{every: time.Minute, within: 5 * time.Minute, read: func(ctx context.Context) (evidence.Checkpoint, error) {
		return r.s.Ledger.Head(ctx)
	}}
	whole = &reading[evidence.Report]{every: verifyEvery, again: verifyAgain, within: 12 * time.Hour, read: func(ctx context.Context) (evidence.Report, error) {
		return r.s.Ledger.Verify(ctx, evidence.VerifyOptions{})
	}}
	return head, whole
}

// ledger says how the ledger stands. Its head is verified at every look: that it
// is signed, and goes on from what was seen before. The whole of it is read once
// a day, whichever worker does so.
func (r *Reader) ledger(ctx context.Context, now time.Time, before status.Ledger, b *blind) status.Ledger {
	if r.s.Ledger == nil {
		return status.Ledger{Problem: r.s.NoLedger}
	}
	head, known, line := fresh(r.head, "the ledger of evidence", now)
	last, _ := r.head.result()
	out := status.Ledger{Kept: true, Size: uint64(max(0, head.Size)), VerifiedAt: before.VerifiedAt, Verifies: true}
	switch {
	case !known || last.err != nil && !fault.Is(last.err, fault.Corrupt):
		// Nothing is known to be wrong with it but that it can't be read.
		b.add(line)
		out.Size, out.Verifies, out.Problem = before.Size, before.Verifies, before.Problem
		return out
	case last.err != nil:
		out.Verifies, out.Problem, out.Size = false, fault.Line(last.err), before.Size
	}
	return r.verified(ctx, now, out, before, b)
}

// verified adds what the last verification of the whole ledger found, and begins
// the next one where it is due.
func (r *Reader) verified(ctx context.Context, now time.Time, out, before status.Ledger, b *blind) status.Ledger {
	last, _ := r.whole.result()
	switch {
	case last.at.IsZero() && !before.Verifies && before.Problem != "" && out.Verifies:
		// Another worker found it wrong: this one has yet to look.
		out.Verifies, out.Problem = false, before.Problem
	case last.at.IsZero():
	case last.err == nil:
		if last.at.After(out.VerifiedAt) {
			out.VerifiedAt = last.at
		}
	case fault.Is(last.err, fault.Corrupt):
		out.Verifies, out.Problem = false, fault.Line(last.err)
	default:
		b.fault("the verification of the whole ledger", last.err)
	}
	if now.Sub(out.VerifiedAt) >= verifyEvery || !out.Verifies {
		r.whole.start(ctx, now)
	}
	return out
}
