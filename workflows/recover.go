package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
)

// RecoverInput asks for a database as it was at a moment.
type RecoverInput struct {
	Surface string `json:"surface"`
	// RestoreID names this recovery, and the server that comes of it.
	RestoreID string `json:"restoreId"`
	// At is RFC 3339, latest, an LSN, a transaction ID, or the name of a restore point.
	At string `json:"at"`
	// Store names where the base backups and the WAL are read from; empty means the surface's policy.
	Store string `json:"store,omitempty"`
	// Dir is the data directory to make, on the host that does it; empty means one of Lifeboat's own.
	Dir string `json:"dir,omitempty"`
	// Port is where the server listens on 127.0.0.1; 0 for a free one.
	Port int `json:"port,omitempty"`
	// Host names the one worker that may do it; empty for any.
	Host string `json:"host,omitempty"`
	// By is who asked for it; empty for a schedule.
	By string `json:"by,omitempty"`
}

// RecoverResult describes what was recovered.
type RecoverResult struct {
	ID      string `json:"id"`
	Surface string `json:"surface"`
	State   string `json:"state"`
	// Point is the base backup that it began with.
	Point string `json:"point"`
	// Asked is the target in the words of the request; Reached what came of it.
	Asked   string             `json:"asked"`
	Reached activities.Reached `json:"reached"`
	// Provider is the kind of the service that ran the recovery, where one did,
	// and Instance the name of the new instance there.
	Provider  string    `json:"provider,omitempty"`
	Instance  string    `json:"instance,omitempty"`
	Host      string    `json:"host,omitempty"`
	Address   string    `json:"address,omitempty"`
	Dir       string    `json:"dir,omitempty"`
	CreatedAt time.Time `json:"createdAt"`
	// SealedURL is the URL with its password, encrypted for the configured key.
	SealedURL string `json:"sealedUrl,omitempty"`
	// Checks are what was looked at after the recovery, and what was found.
	Checks []activities.RecoveryCheck `json:"checks"`
	Steps  []Step                     `json:"steps"`
}

// Recover brings a database back to a moment: it fetches the newest base
// backup that serves, replays WAL up to the target in an isolated server,
// checks what came of it, and hands it over.
func Recover(ctx workflow.Context, in RecoverInput) (out RecoverResult, err error) {
	t, err := track(ctx, "recovery of "+in.Surface+" to "+in.At)
	if err != nil {
		return out, err
	}
	defer func() {
		if bad := verdict(ctx, err); bad != nil && err == nil {
			err = bad
		}
		attest(ctx, activities.AuditInput{By: in.By, Operation: OperationRecover, Subject: in.Surface, ID: in.RestoreID, Facts: map[string]string{
			"at": in.At, "point": out.Point, "host": out.Host,
		}}, err)
		err = fail(err)
	}()
	r := &recoverer{tracker: t, in: in, out: RecoverResult{
		ID: in.RestoreID, Surface: in.Surface, Asked: in.At, CreatedAt: workflow.Now(ctx),
		Steps: []Step{}, Checks: []activities.RecoveryCheck{},
	}}
	if err := r.run(ctx); err != nil {
		return r.out, err
	}
	r.out.State = "restored"
	t.phase(ctx, "done")
	return r.out, nil
}

// recoverer is one recovery under way.
type recoverer struct {
	*tracker
	in  RecoverInput
	ref activities.RecoveryRef
	out RecoverResult
}

func (r *recoverer) step(ctx workflow.Context, name string, do func() error) error {
	return r.timed(ctx, &r.out.Steps, name, do)
}

func (r *recoverer) run(ctx workflow.Context) (err error) {
	var managed *activities.ManagedPlan
	err = r.step(ctx, "choosing a base backup", func() error {
		// A drill's fence is on its host.
		plan, err := call(brief(onHost(ctx, r.in.Host), "what serves the target"), acts.PlanRecovery,
			activities.PlanInput{Surface: r.in.Surface, Store: r.in.Store, At: r.in.At})
		r.out.Point, managed = plan.Plan.Base.ID, plan.Managed
		r.ref = activities.RecoveryRef{RestoreID: r.in.RestoreID, Surface: r.in.Surface, Store: plan.Store, Plan: plan.Plan}
		return err
	})
	if err != nil {
		return err
	}
	if managed != nil {
		return r.provide(ctx, *managed)
	}
	if err := workflow.UpsertTypedSearchAttributes(ctx, AttrPoint.ValueSet(r.out.Point)); err != nil {
		return err
	}
	var prepared activities.PreparedRecovery
	err = r.step(ctx, "preparing", func() (err error) {
		prepared, err = call(patient(onHost(ctx, r.in.Host), "make the data directory"), acts.PrepareRecovery,
			activities.PrepareRecoveryInput{RecoveryRef: r.ref, Dir: r.in.Dir, Port: r.in.Port})
		r.out.Host, r.out.Dir = prepared.Host, prepared.Dir
		return err
	})
	if err != nil {
		return err
	}
	ctx = onHost(ctx, prepared.Host)
	defer func() {
		if err != nil {
			r.cleanUp(ctx)
		}
	}()
	if err := r.fetch(ctx, prepared); err != nil {
		return err
	}
	if err := r.replay(ctx); err != nil {
		return err
	}
	return r.handOver(ctx)
}

func (r *recoverer) fetch(ctx workflow.Context, prepared activities.PreparedRecovery) error {
	r.expect(ctx, "fetching the base backup", prepared.Parts, prepared.Bytes)
	return r.step(ctx, "fetching the base backup", func() error {
		err := inParallel(ctx, parallelFetches, prepared.Parts, func(ctx workflow.Context, i int) error {
			summary := fmt.Sprintf("fetch part %d of %d", i+1, prepared.Parts)
			done, err := call(patient(ctx, summary), acts.FetchPart, activities.FetchInput{RecoveryRef: r.ref, Index: i})
			if err == nil {
				r.done(ctx, done.PlainBytes)
			}
			return err
		})
		if err != nil {
			return err
		}
		return do(patient(ctx, "check every file against the manifest"), acts.CheckBase, r.ref)
	})
}

func (r *recoverer) replay(ctx workflow.Context) error {
	r.expect(ctx, "replaying WAL", 0, 0)
	return r.step(ctx, "replaying WAL", func() (err error) {
		r.out.Reached, err = call(patient(ctx, "replay WAL to the target"), acts.Replay, r.ref)
		return err
	})
}

func (r *recoverer) handOver(ctx workflow.Context) error {
	err := r.step(ctx, "checking", func() error {
		done, err := call(patient(ctx, "check what was recovered"), acts.CheckRecovery,
			activities.CheckRecoveryInput{RecoveryRef: r.ref, Reached: r.out.Reached})
		r.out.Checks, r.out.Reached = done.Checks, done.Reached
		return err
	})
	if err != nil {
		return err
	}
	return r.step(ctx, "handing over", func() error {
		done, err := call(patient(ctx, "make durable"), acts.Handover,
			activities.ServerRef{RestoreID: r.in.RestoreID, Surface: r.in.Surface})
		r.out.Address, r.out.SealedURL = done.Address, done.SealedURL
		return err
	})
}

// cleanUp stops the server and removes what was fetched, also after the run was cancelled.
func (r *recoverer) cleanUp(ctx workflow.Context) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	in := activities.ServerRef{RestoreID: r.in.RestoreID, Surface: r.in.Surface}
	if err := do(patient(ctx, "remove what was recovered"), acts.StopServer, in); err != nil {
		workflow.GetLogger(ctx).Error("a failed recovery was not cleaned up", "error", err)
	}
}
