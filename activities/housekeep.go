package activities

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	// abandonedAfter is how long ago a drill must have begun before it may count as
	// abandoned: what is just being started is not seen by Temporal's lists yet.
	abandonedAfter = time.Hour
	// lookedBack is how many of the newest drills are looked at.
	lookedBack = 500
)

// HousekeepInput has the moment of the housekeeping.
type HousekeepInput struct {
	Now time.Time `json:"now"`
}

// CloseLostDrills files the end of drills whose runs are gone, as those are that
// were terminated: one without a verdict was aborted, and one that waits for its
// sign-off will not get any. It returns the hosts that drills took place on.
func (a *Activities) CloseLostDrills(ctx context.Context, in HousekeepInput) ([]string, error) {
	p := startPulse(ctx, "close the drills whose runs are gone", 0)
	defer p.end()
	if a.Drills == nil || !a.Ledger.Writable() {
		return nil, nil
	}
	found, err := a.Drills.List(ctx, drills.Query{Limit: lookedBack})
	if err != nil {
		return nil, err
	}
	hosts := map[string]bool{}
	var failed []error
	for _, d := range found {
		if d.Declaration.Host != "" {
			hosts[d.Declaration.Host] = true
		}
		if d.Verdict == "" || d.State == drill.StateAwaiting {
			failed = append(failed, fault.While(a.closeLost(ctx, d, in.Now), "close drill %s", d.ID))
		}
	}
	return slices.Sorted(maps.Keys(hosts)), errors.Join(failed...)
}

// closeLost files the end of one drill if its run is gone. One that Temporal
// knows nothing of may be another installation's, which shares the ledger.
func (a *Activities) closeLost(ctx context.Context, d drills.Drill, now time.Time) error {
	gone, known, err := a.gone(ctx, d.ID, now)
	if err != nil || !gone || !known && d.Declaration.Host != a.Host {
		return err
	}
	const why = "its run ended without it, as one does that is terminated"
	if d.Verdict == "" {
		prior, err := a.Drills.Findings(ctx, d.Plan)
		if err != nil {
			return err
		}
		_, err = a.RecordDrill(ctx, drill.Judge(a.lost(d, now, "there was no verdict: "+why), prior, now))
		return err
	}
	_, entry, err := a.Drills.Record(ctx, d)
	if err != nil {
		return err
	}
	decision := drill.SignedOff{
		DrillID: d.ID, Revision: d.Revision, Decision: drill.DecisionExpired, Statement: "there was no decision: " + why, At: now,
	}
	for _, attached := range entry.Attachments {
		if strings.HasSuffix(attached.Key, ".json") {
			decision.Record = attached.SHA256
		}
	}
	_, err = a.RecordDecision(ctx, DecisionInput{DrillRef: DrillRef{DrillID: d.ID, Plan: d.Plan}, Verdict: d.Verdict, Decision: decision})
	return err
}

// lost is the record of a drill of which nothing is known but its declaration.
func (a *Activities) lost(d drills.Drill, now time.Time, why string) drill.Record {
	plan := a.Config.Drills[d.Plan]
	return drill.Record{
		SchemaVersion: drill.SchemaVersion, ID: d.ID, Revision: 1, Kind: d.Kind, PlanName: d.Plan, Verdict: drill.VerdictAborted,
		Plan:     drill.Plan{Kind: d.Kind, Surfaces: plan.Surfaces, Owner: plan.Owner},
		Identity: d.Declaration, Surfaces: []drill.Restored{}, Checks: []drill.CheckResult{}, Reconciled: []drill.Reconciliation{},
		ManualSteps: []drill.ManualStep{}, Findings: []drill.Finding{}, Isolation: drill.Isolation{Attempts: []drill.Attempt{}},
		Timeline: drill.Timeline{Failed: d.Declared, Declared: d.Declared, Judged: now, Phases: []drill.Phase{}},
		Failures: []drill.Failure{{Phase: drill.PhaseJudge, Kind: drill.FailureCancelled, Error: why}},
	}
}

// gone reports whether no run of a drill is open that began a while ago, and
// whether Temporal knows one that has ended.
func (a *Activities) gone(ctx context.Context, id string, now time.Time) (gone, known bool, err error) {
	begun, err := archive.ParseID(id)
	if err != nil || now.Sub(begun) < abandonedAfter {
		return false, false, nil
	}
	count := func(more string) (int64, error) {
		query := fmt.Sprintf("LifeboatPoint = '%s' AND LifeboatOperation = 'drill'%s", id, more)
		found, err := a.Client.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		return found.GetCount(), fault.Wrap(fault.Unavailable, err, "ask Temporal whether drill %s runs", id)
	}
	open, err := count(" AND ExecutionStatus = 'Running'")
	if err != nil || open > 0 {
		return false, true, err
	}
	all, err := count("")
	return err == nil, all > 0, err
}

// TidyHost removes from this host what drills left whose runs have ended or are
// gone: restored servers, programs and fences. It files what it removed, and
// what it could not.
func (a *Activities) TidyHost(ctx context.Context, in HousekeepInput) ([]TornDown, error) {
	p := startPulse(ctx, "remove what drills left", 0)
	defer p.end()
	found, err := a.standing(ctx)
	if err != nil {
		return nil, err
	}
	tidied := []TornDown{}
	var failed []error
	for _, id := range slices.Sorted(maps.Keys(found)) {
		done, err := a.tidy(ctx, id, found[id], in.Now)
		if failed = append(failed, fault.While(err, "remove what drill %s left", id)); done != nil {
			tidied = append(tidied, *done)
		}
	}
	return tidied, errors.Join(failed...)
}

// tidy removes what one drill left; nil when it is none, or under way.
func (a *Activities) tidy(ctx context.Context, id string, left remains, now time.Time) (*TornDown, error) {
	gone, known, err := a.gone(ctx, id, now)
	if err != nil || !gone {
		return nil, err
	}
	ref := DrillRef{DrillID: id}
	if a.Drills != nil {
		d, err := a.Drills.Find(ctx, id)
		if err != nil && !fault.Is(err, fault.Missing) {
			return nil, err
		}
		// Places are not a host's own: those of another installation, which shares
		// the ledger, the cluster or the bucket, are its own affair.
		ref.Plan, known = d.Plan, known || err == nil && d.Declaration.Host == a.Host
	}
	if !known {
		activity.GetLogger(ctx).Warn("neither Temporal nor the ledger knows the drill of what stands here: lifeboat environment stop removes it", "drill", id)
		return nil, nil
	}
	step := DrillStep{DrillRef: ref}
	step.Servers = left.servers
	out := &TornDown{DrillRef: ref, At: now, Reason: "the drill's run has ended; host " + a.Host + " found this left of it"}
	if out.Left, err = a.tearDown(ctx, step); err != nil {
		return nil, err
	}
	if err := a.Fence.Lower(id); err != nil {
		return nil, err
	}
	if ref.Plan == "" || !a.Ledger.Writable() || len(left.servers) == 0 && !left.programs {
		return out, nil
	}
	begun, err := archive.ParseID(id)
	if err != nil {
		return out, err
	}
	kind, name := drills.KindTornDown, "torn-down-later"
	if len(out.Left) > 0 {
		kind, name = drills.KindLeftBehind, "left-behind-later"
	}
	return out, a.Drills.Note(ctx, ref.entry("lifeboat", begun), kind, name, out)
}

// remains is what stands on this host of one drill.
type remains struct {
	servers  []ServerRef
	programs bool
}

// standing finds what stands on this host of drills, by their IDs.
func (a *Activities) standing(ctx context.Context) (map[string]remains, error) {
	servers, errServers := a.Environment.IDs()
	groups, errGroups := a.Environment.Groups()
	fences, errFences := a.Fence.Raised()
	if err := errors.Join(errServers, errGroups, errFences); err != nil {
		return nil, err
	}
	out := map[string]remains{}
	for _, id := range fences {
		out[id] = remains{}
	}
	for _, id := range groups {
		out[id] = remains{programs: true}
	}
	note := func(server, surface string) {
		if id, ok := DrillOfServer(server); ok {
			of := out[id]
			of.servers = append(of.servers, ServerRef{RestoreID: server, Surface: surface})
			out[id] = of
		}
	}
	for _, server := range servers {
		// The surface does not matter: a server of this host is found by its ID.
		note(server, "")
	}
	for _, surface := range slices.Sorted(maps.Keys(a.Places)) {
		ids, err := a.Places[surface].IDs(ctx)
		if err != nil {
			// What stands on this host is tidied all the same; the next round asks again.
			activity.GetLogger(ctx).Warn("the places of a surface can't be listed", "surface", surface, "error", err)
		}
		for _, id := range ids {
			note(id, surface)
		}
	}
	return out, nil
}

// DrillOfServer is the drill that a server was restored for; false for one of
// no drill. It is no method: every exported one of Activities is a step.
func DrillOfServer(server string) (id string, ok bool) {
	at := strings.LastIndexByte(server, '-')
	if at < 0 || at == len(server)-1 || strings.Trim(server[at+1:], "0123456789") != "" {
		return "", false
	}
	_, err := archive.ParseID(server[:at])
	return server[:at], err == nil
}
