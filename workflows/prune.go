package workflows

import (
	"strconv"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Prune applies a policy's retention to each of its stores, and sweeps what
// abandoned runs left there. A store that can't be listed is skipped and named.
func Prune(ctx workflow.Context, in PruneInput) (out PruneResult, err error) {
	out = PruneResult{Policy: in.Policy, DryRun: in.DryRun, Keep: []PruneLine{}, Delete: []PruneLine{}}
	t, err := track(ctx, "retention of "+in.Policy)
	if err != nil {
		return out, err
	}
	defer func() {
		if bad := verdict(ctx, err); bad != nil && err == nil {
			err = bad
		}
		if out.Deleted > 0 && !in.DryRun {
			attest(ctx, activities.AuditInput{By: in.By, Operation: OperationPrune, Subject: in.Policy, Facts: deletions(out)}, err)
		}
		err = fail(err)
	}()
	stores, err := call(brief(ctx, "find the policy's stores"), acts.PolicyStores, in.Policy)
	if err != nil {
		return out, err
	}
	for _, name := range stores {
		t.phase(ctx, "pruning "+name)
		if err := pruneStore(ctx, in, name, &out); err != nil {
			if ctx.Err() != nil {
				return out, err
			}
			out.Skipped = append(out.Skipped, name+": "+Message(err))
		}
	}
	t.phase(ctx, "done")
	if len(out.Skipped) == len(stores) {
		return out, fault.New(fault.Unavailable, "no store could be pruned: %s", strings.Join(out.Skipped, "; "))
	}
	return out, nil
}

func pruneStore(ctx workflow.Context, in PruneInput, name string, out *PruneResult) error {
	done, err := call(patient(ctx, "prune "+name), acts.Prune, activities.PruneInput{
		Policy: in.Policy, Store: name, DryRun: in.DryRun, Now: workflow.Now(ctx),
	})
	if err != nil {
		return err
	}
	out.Kept += done.Kept
	out.Deleted += done.Deleted
	for _, d := range done.Lines {
		line := PruneLine{ID: d.ID, Store: name, Reason: d.Reason}
		if d.Keep {
			out.Keep = append(out.Keep, line)
		} else {
			out.Delete = append(out.Delete, line)
		}
	}
	if in.DryRun {
		return nil
	}
	swept, err := call(patient(ctx, "sweep "+name), acts.Sweep, activities.SweepInput{Store: name, Now: workflow.Now(ctx)})
	out.Swept += swept.Objects + swept.Uploads
	return err
}

// maxNamed is how many deleted points an entry of the ledger names.
const maxNamed = 200

// deletions says what was deleted.
func deletions(out PruneResult) map[string]string {
	facts := map[string]string{"deleted": strconv.Itoa(out.Deleted), "swept": strconv.Itoa(out.Swept)}
	var named []string
	for _, line := range out.Delete[:min(len(out.Delete), maxNamed)] {
		named = append(named, line.Store+":"+line.ID)
	}
	facts["points"] = strings.Join(named, " ")
	return facts
}
