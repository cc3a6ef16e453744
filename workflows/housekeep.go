package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/activities"
)

// HousekeepInput asks for the housekeeping of drills.
type HousekeepInput struct {
	// Host is the one to be tidied; empty for every one that drills took place on.
	Host string `json:"host,omitempty"`
}

// Housekeep keeps what other programs need for the backup of surfaces as the
// configuration says. Then it makes up for drills that could not end by themselves, as one can't
// that was terminated: it files their end, and removes what they left. A host
// that does not answer is tidied another time.
func Housekeep(ctx workflow.Context, in HousekeepInput) error {
	t, err := track(ctx, "housekeeping of drills")
	if err != nil {
		return err
	}
	now := activities.HousekeepInput{Now: workflow.Now(ctx)}
	kept := keepSurfaces(ctx, t, now)
	t.phase(ctx, "close the drills whose runs are gone")
	hosts, failed := call(brief(ctx, "close the drills whose runs are gone"), acts.CloseLostDrills, now)
	if in.Host != "" {
		hosts = []string{in.Host}
	}
	for _, host := range hosts {
		t.phase(ctx, "remove what drills left on "+host)
		tidied, err := call(tidying(onHost(ctx, host), "remove what drills left on "+host), acts.TidyHost, now)
		if err != nil {
			workflow.GetLogger(ctx).Warn("a host was not tidied of what drills left", "host", host, "error", err)
			continue
		}
		for _, done := range tidied {
			workflow.GetLogger(ctx).Warn("a drill had not removed its environment", "drill", done.DrillID, "host", host, "left", done.Left)
		}
	}
	if failed == nil {
		failed = kept
	}
	return fail(failed)
}

// keepSurfaces has what others do for the backup of surfaces kept as the configuration says.
func keepSurfaces(ctx workflow.Context, t *tracker, now activities.HousekeepInput) error {
	// Housekeeping that began before there was anything to keep goes on without.
	if workflow.GetVersion(ctx, "keep surfaces", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	t.phase(ctx, "keep the surfaces")
	changed, err := call(brief(ctx, "keep the surfaces"), acts.KeepSurfaces, now)
	for _, line := range changed {
		workflow.GetLogger(ctx).Info("something was put right", "changed", line)
	}
	if err != nil {
		workflow.GetLogger(ctx).Error("a surface is not as it is to be", "error", err)
	}
	return err
}
