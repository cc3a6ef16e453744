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

// Housekeep makes up for drills that could not end by themselves, as one can't
// that was terminated: it files their end, and removes what they left. A host
// that does not answer is tidied another time.
func Housekeep(ctx workflow.Context, in HousekeepInput) error {
	t, err := track(ctx, "housekeeping of drills")
	if err != nil {
		return err
	}
	t.phase(ctx, "close the drills whose runs are gone")
	now := activities.HousekeepInput{Now: workflow.Now(ctx)}
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
	return fail(failed)
}
