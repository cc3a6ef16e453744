package workflows

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// provide has a provider restore to a new instance, waits for it, and checks
// it. An instance that does not come to that is deleted.
func (r *recoverer) provide(ctx workflow.Context, plan activities.ManagedPlan) (err error) {
	ref := activities.ManagedRef{RestoreID: r.in.RestoreID, Surface: r.in.Surface}
	r.out.Provider = plan.Provider
	defer func() {
		if err != nil {
			err = r.discard(ctx, ref, err)
		}
	}()
	err = r.step(ctx, "asking "+plan.Provider, func() (err error) {
		r.out.Instance, err = call(beginning(ctx, "begin a restore at "+plan.Provider), acts.RestoreManaged,
			activities.RestoreManagedInput{ManagedRef: ref, At: plan.At})
		return err
	})
	if err != nil {
		return err
	}
	err = r.step(ctx, "waiting for "+r.out.Instance, func() (err error) {
		r.out.Address, err = call(watching(ctx, "wait for "+r.out.Instance), acts.AwaitManaged, ref)
		return err
	})
	if err != nil {
		return err
	}
	return r.step(ctx, "checking", func() error {
		done, err := call(patient(ctx, "check what was restored"), acts.CheckManaged,
			activities.CheckManagedInput{ManagedRef: ref, ManagedPlan: plan})
		r.out.Reached = done.Reached
		r.out.Checks = append(r.out.Checks, done.Checks...)
		return err
	})
}

// discard deletes the new instance, also after the run was cancelled, and
// returns why: with a word on the instance where that can't be deleted.
func (r *recoverer) discard(ctx workflow.Context, ref activities.ManagedRef, why error) error {
	begun := r.out.Instance != ""
	if !begun && !KindOf(why).Retryable() {
		// The provider was not asked, or has refused.
		return why
	}
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	r.phase(ctx, "deleting the new instance")
	err := do(watching(ctx, "delete the new instance"), acts.DeleteManaged, ref)
	if err == nil && !begun && (temporal.IsCanceledError(why) || temporal.IsTimeoutError(why)) {
		// Nobody saw the end of an attempt: what it asked for may come late.
		if err = workflow.Sleep(ctx, latecomer); err == nil {
			err = do(watching(ctx, "delete the new instance if it came late"), acts.DeleteManaged, ref)
		}
	}
	if err == nil {
		return why
	}
	return fault.New(KindOf(why), "%s; and the new instance could not be deleted, and costs money until it is: %s; try lifeboat pitr delete %s %s",
		Message(why), Message(err), r.in.Surface, r.in.RestoreID)
}

// RemoveInput names an instance that a provider restored, by the ID of the recovery.
type RemoveInput struct {
	Surface string `json:"surface"`
	ID      string `json:"id"`
	// By is who asked for it; empty for a schedule.
	By string `json:"by,omitempty"`
}

// RemoveResult describes what was deleted.
type RemoveResult struct {
	ID       string `json:"id"`
	Surface  string `json:"surface"`
	Instance string `json:"instance"`
	State    string `json:"state"`
}

// Remove deletes an instance that a provider restored, and waits until it is gone.
func Remove(ctx workflow.Context, in RemoveInput) (out RemoveResult, err error) {
	out = RemoveResult{ID: in.ID, Surface: in.Surface}
	t, err := track(ctx, "deletion of what was recovered by "+in.ID)
	if err != nil {
		return out, err
	}
	defer func() {
		if bad := verdict(ctx, err); bad != nil && err == nil {
			err = bad
		}
		attest(ctx, activities.AuditInput{By: in.By, Operation: OperationRemove, Subject: in.Surface, ID: in.ID, Facts: map[string]string{"instance": out.Instance}}, err)
		err = fail(err)
	}()
	ref := activities.ManagedRef{RestoreID: in.ID, Surface: in.Surface}
	t.phase(ctx, "looking for the instance")
	if out.Instance, err = call(brief(ctx, "look for the instance"), acts.FindManaged, ref); err != nil {
		return out, err
	}
	t.phase(ctx, "deleting "+out.Instance)
	if err := do(watching(ctx, "delete "+out.Instance), acts.DeleteManaged, ref); err != nil {
		return out, err
	}
	out.State = "deleted"
	t.phase(ctx, "done")
	return out, nil
}
