package launch

import (
	"context"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/evidence/drills"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// keptWithin is how long a drill that was judged is asked for what is kept of it.
const keptWithin = 5 * time.Second

// ShowDrill looks a drill up: in the ledger, which has every one that was
// judged, and says so with its record; else it asks, as DrillState does, for one
// that is under way. The findings are as they stand now; those of the record as
// they stood when the drill was judged. A drill that nobody knows is Missing.
func ShowDrill(
	ctx context.Context, ledger *drills.Archive, id string, ask func(context.Context, string) (workflows.DrillResult, error),
) (workflows.DrillResult, *drill.Record, error) {
	found, err := ledger.Find(ctx, id)
	if err != nil && !fault.Is(err, fault.Missing) {
		return workflows.DrillResult{}, nil, err
	}
	if err != nil || found.Sequence == nil {
		running, err := ask(ctx, id)
		if err != nil || running.Sequence == nil {
			return running, nil, err
		}
		// It was judged between the two looks.
		if found, err = ledger.Find(ctx, id); err != nil {
			return workflows.DrillResult{}, nil, err
		}
	}
	rec, entry, err := ledger.Record(ctx, found)
	if err != nil {
		return workflows.DrillResult{}, nil, err
	}
	standing, err := ledger.Standing(ctx, rec, time.Now())
	if err != nil {
		return workflows.DrillResult{}, nil, err
	}
	out := workflows.DrillResult{
		ID: found.ID, Plan: found.Plan, Kind: rec.Kind, State: found.State, CreatedAt: rec.Timeline.Declared, StartedBy: rec.Identity.StartedBy,
		WorkflowID: rec.Identity.WorkflowID, Verdict: rec.Verdict, Summary: rec.Summary, RTOSeconds: found.RTOSeconds, RPOSeconds: found.RPOSeconds,
		RTOMeasured: rec.Objectives.RTOMeasured, RPOMeasured: rec.Objectives.RPOMeasured,
		Findings: standing, Revision: rec.Revision, Sequence: found.Sequence, SignOff: found.SignOff, Host: rec.Identity.Host,
	}.WithSteps(rec.Plan, rec.ManualSteps)
	for _, attached := range entry.Attachments {
		if strings.HasSuffix(attached.Key, ".json") {
			out.Record = attached.SHA256
		}
	}
	if until := rec.KeptUntil(); time.Now().Before(until) {
		// What is kept is told where the drill can be asked.
		ctx, cancel := context.WithTimeout(ctx, keptWithin)
		defer cancel()
		if running, err := ask(ctx, id); err == nil {
			out = out.Standing(rec, running)
		}
	}
	return out, &rec, nil
}
