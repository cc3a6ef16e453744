package worker

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/report"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// openLedger opens the ledger of a configuration, on stores that no fence
// guards: what a drill may not touch is what it restores from.
func (p *Parts) openLedger() error {
	c := p.Config
	name := c.EvidenceStore()
	if name == "" {
		p.NoLedger = "no store is configured"
		return nil
	}
	signer, trusted, err := p.signer()
	if err != nil {
		return err
	}
	if signer == nil && len(trusted) == 0 {
		p.NoLedger = "there is no key to sign evidence with: set LIFEBOAT_EVIDENCE_KEY, or encryption.identity or a passphrase, or start a worker, which makes one"
		return nil
	}
	o := evidence.Options{
		Origin: c.Evidence.Origin, Signer: signer, Trusted: trusted, RetainFor: c.Evidence.Retain.Of(),
		Remember: filepath.Join(c.DataDir, "evidence-checkpoint"),
	}
	for _, copied := range c.Evidence.Copies {
		o.Copies = append(o.Copies, p.opened[copied])
	}
	p.NoLedger = ""
	p.Ledger = evidence.Open(p.opened[name], o)
	p.Drills = drills.Open(p.Ledger)
	return nil
}

// signer is the key that signs evidence, nil where there is none, and the
// public keys whose signatures are accepted beside it.
func (p *Parts) signer() (*seal.Signer, []string, error) {
	e := p.Config.Evidence
	derived, err := p.Keys.EvidenceKeys(e.Origin)
	if err != nil {
		return nil, nil, fault.While(err, "the keys of the evidence")
	}
	trusted := append(append([]string{}, e.Trusted...), derived...)
	if e.Key != "" {
		signer, err := seal.NewSigner(e.Key)
		return signer, trusted, fault.While(err, "evidence.key")
	}
	signer, err := p.Keys.EvidenceSigner(e.Origin)
	if !fault.Is(err, fault.Missing) {
		return signer, trusted, err
	}
	text, err := os.ReadFile(p.signerPath())
	if os.IsNotExist(err) {
		return nil, trusted, nil
	}
	if err != nil {
		return nil, nil, fault.Wrap(fault.Denied, err, "read the key that signs evidence")
	}
	signer, err = seal.NewSigner(secret.String(strings.TrimSpace(string(text))))
	return signer, trusted, fault.While(err, "%s", p.signerPath())
}

// signerPath is the file of the signing key of a host that was given none.
func (p *Parts) signerPath() string { return filepath.Join(p.Config.DataDir, "evidence.key") }

// EnsureSigner makes a key to sign evidence with where none is configured and
// none can be derived. It stays in the data folder of this host: workers on
// several hosts need LIFEBOAT_EVIDENCE_KEY.
func (p *Parts) EnsureSigner() error {
	signer, _, err := p.signer()
	if err != nil {
		return err
	}
	if signer != nil || p.Config.EvidenceStore() == "" {
		return p.openLedger()
	}
	text, _, err := seal.GenerateSigner(p.Config.Evidence.Origin)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(p.Config.DataDir, 0o711); err != nil {
		return fault.Wrap(fault.Denied, err, "make the data folder")
	}
	if err := keep(p.signerPath(), text); err != nil {
		return fault.Wrap(fault.Denied, err, "keep the key that signs evidence")
	}
	return p.openLedger()
}

// keep writes a file whole or not at all, and leaves one alone that is there.
func keep(path string, text secret.String) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(text.Reveal() + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !os.IsExist(err) {
		return err
	}
	return nil
}

// Evidence opens the ledger, which takes a while where its key comes of a
// passphrase; the error says why there is none.
func (p *Parts) Evidence() (*evidence.Ledger, *drills.Archive, error) {
	if p.Ledger == nil && p.NoLedger == "" {
		if err := p.openLedger(); err != nil {
			return nil, nil, err
		}
	}
	if p.Ledger == nil {
		return nil, nil, fault.New(fault.Unsupported, "there is no ledger of evidence: %s", p.NoLedger)
	}
	return p.Ledger, p.Drills, nil
}

// Commitments say which recovery targets may be promised today, and why not the others.
func (p *Parts) Commitments(ctx context.Context, now time.Time) ([]drill.Commitment, error) {
	states, err := p.planStates(ctx, now)
	return drill.Commit(states, now), err
}

// Coverage says how much of the yearly plan was done.
func (p *Parts) Coverage(ctx context.Context, now time.Time) (drill.Coverage, error) {
	states, err := p.planStates(ctx, now)
	runs := make(map[string]drill.PlanRuns, len(states))
	for name, state := range states {
		runs[name] = drill.PlanRuns{Plan: state.Plan, Drills: state.Last}
		if state.Plan.Cron != "" {
			due := func(from, to time.Time) int { return runsDue(state.Plan, from, to) }
			runs[name] = drill.PlanRuns{Plan: state.Plan, Drills: state.Last, Due: due}
		}
	}
	return drill.Cover(runs, slices.Sorted(maps.Keys(p.Config.Surfaces)), now), err
}

func (p *Parts) planStates(ctx context.Context, now time.Time) (map[string]drill.PlanState, error) {
	states := map[string]drill.PlanState{}
	if len(p.Config.Drills) == 0 {
		return states, nil
	}
	_, archive, err := p.Evidence()
	if err != nil {
		return states, err
	}
	for name, plan := range p.Config.Drills {
		found, err := archive.List(ctx, drills.Query{Plan: name})
		if err != nil {
			return states, fault.While(err, "the drills of plan %s", name)
		}
		state := drill.PlanState{Plan: plan, Parts: activities.ProofParts(p.Config, name, p.Version)}
		last, servers := time.Time{}, false
		for _, d := range found {
			if d.Verdict == "" {
				continue
			}
			state.Last = append(state.Last, d.Summary)
			if d.State == drill.StateSigned && d.Verdict == drill.VerdictPass && !servers {
				servers = true
				maps.Copy(state.Parts, p.serversNow(ctx, d))
			}
			if d.Verdict != drill.VerdictAborted && last.IsZero() {
				last = d.Declared
			}
		}
		if last.IsZero() {
			if last, err = archive.Since(ctx, name); err != nil {
				return states, fault.While(err, "since when plan %s is in force", name)
			}
		}
		state.NextDue, state.Overdue = due(plan, last, now)
		if state.Open, err = archive.Findings(ctx, name); err != nil {
			return states, fault.While(err, "the findings of plan %s", name)
		}
		states[name] = state
	}
	return states, nil
}

// overdueAfter is how late a scheduled drill may be before that is an alarm.
const overdueAfter = 24 * time.Hour

// due is when a plan's next drill is due after its last one, and whether that
// was too long ago. A plan that was never drilled counts from when it came into
// force, which is now where the ledger does not know it yet. One that follows
// policies has no time of its own: it is overdue when no drill can be valid any more.
func due(plan drill.Plan, from, now time.Time) (next time.Time, overdue bool) {
	if from.IsZero() {
		from = now
	}
	schedule, zone := scheduleOf(plan)
	if schedule == nil {
		return time.Time{}, len(plan.After) > 0 && now.Sub(from) > plan.ValidFor()
	}
	next = schedule.Next(from.In(zone)).UTC()
	return next, now.Sub(next) > overdueAfter
}

// runsDue is how often a plan's schedule comes round in (from, to].
func runsDue(plan drill.Plan, from, to time.Time) int {
	schedule, zone := scheduleOf(plan)
	if schedule == nil {
		return 0
	}
	n := 0
	for at := schedule.Next(from.In(zone)); !at.IsZero() && !at.After(to) && n < maxRunsDue; at = schedule.Next(at) {
		n++
	}
	return n
}

// maxRunsDue bounds the count for a schedule of every minute.
const maxRunsDue = 100_000

func scheduleOf(plan drill.Plan) (cron.Schedule, *time.Location) {
	schedule, err := cron.ParseStandard(plan.Cron)
	if plan.Cron == "" || err != nil {
		return nil, nil
	}
	zone, err := time.LoadLocation(plan.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return schedule, zone
}

// Report is everything that the report of a drill shows.
func (p *Parts) Report(ctx context.Context, id string, now time.Time) (report.Drill, error) {
	ledger, archive, err := p.Evidence()
	if err != nil {
		return report.Drill{}, err
	}
	found, err := archive.Find(ctx, id)
	if err != nil {
		return report.Drill{}, err
	}
	rec, entry, err := archive.Record(ctx, found)
	if err != nil {
		return report.Drill{}, err
	}
	proof, err := ledger.Prove(ctx, entry.Seq)
	if err != nil {
		return report.Drill{}, err
	}
	standing, err := archive.Standing(ctx, rec, now)
	if err != nil {
		return report.Drill{}, err
	}
	coverage, err := p.Coverage(ctx, now)
	return report.Drill{Record: rec, Standing: standing, Decision: found.SignOff, Proof: &proof, Coverage: &coverage, Trusted: ledger.Trusted()}, err
}
