package workflows

import (
	"fmt"

	"go.temporal.io/sdk/workflow"
)

// tracker shows a run's progress: to the Web UI as the workflow's current
// details, to Lifeboat's own clients by query.
type tracker struct {
	Progress
	title string
}

func track(ctx workflow.Context, title string) (*tracker, error) {
	t := &tracker{title: title}
	err := workflow.SetQueryHandler(ctx, ProgressQuery, func() (Progress, error) { return t.Progress, nil })
	return t, err
}

// phase begins a phase.
func (t *tracker) phase(ctx workflow.Context, name string) {
	t.Phase = name
	t.show(ctx)
}

// timed shows a step of a run as its phase, and notes how long it took.
func (t *tracker) timed(ctx workflow.Context, steps *[]Step, name string, do func() error) error {
	t.phase(ctx, name)
	start := workflow.Now(ctx)
	err := do()
	*steps = append(*steps, Step{Name: name, Seconds: workflow.Now(ctx).Sub(start).Seconds()})
	return err
}

// expect begins a phase of so many parts.
func (t *tracker) expect(ctx workflow.Context, name string, parts int, bytes int64) {
	t.PartsDone, t.PartsTotal, t.BytesDone, t.BytesTotal = 0, parts, 0, bytes
	t.phase(ctx, name)
}

// done counts one part.
func (t *tracker) done(ctx workflow.Context, bytes int64) {
	t.PartsDone++
	t.BytesDone += bytes
	t.show(ctx)
}

func (t *tracker) show(ctx workflow.Context) {
	text := fmt.Sprintf("**%s**: %s", t.title, t.Phase)
	if t.PartsTotal > 0 {
		text += fmt.Sprintf(", %d of %d parts, %.1f MB", t.PartsDone, t.PartsTotal, float64(t.BytesDone)/1e6)
	}
	workflow.SetCurrentDetails(ctx, text)
}

// verdict sets the search attribute that lists show.
func verdict(ctx workflow.Context, err error) error {
	value := VerdictDone
	if err != nil {
		value = VerdictFailed
	}
	// A cancelled run still says how it ended.
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	return workflow.UpsertTypedSearchAttributes(ctx, AttrVerdict.ValueSet(value))
}
