package launch

import (
	"context"

	"github.com/lifeboat-dr/lifeboat/internal/schedules"
)

// Schedules returns how schedules stand, by ID; those that no worker has made yet are left out.
func (l *Launcher) Schedules(ctx context.Context, ids []string) (map[string]schedules.State, error) {
	return schedules.States(ctx, l.client, ids)
}

// PauseSchedule lets a schedule rest until ResumeSchedule, and says who wants it and why.
func (l *Launcher) PauseSchedule(ctx context.Context, req Request, id, reason string) (schedules.State, error) {
	return schedules.Pause(ctx, l.client, id, "paused by "+req.Requester+": "+reason)
}

// ResumeSchedule lets a schedule go on.
func (l *Launcher) ResumeSchedule(ctx context.Context, req Request, id string) (schedules.State, error) {
	return schedules.Resume(ctx, l.client, id, "resumed by "+req.Requester)
}
