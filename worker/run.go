package worker

import (
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

const (
	// stopTimeout is how long a step may go on once the worker is to stop.
	// Then its worker lets it go, and another one does it again.
	stopTimeout = 3 * time.Second
	// heartbeats go out as often as steps make them: a cancelled step learns of
	// it by a heartbeat's answer, and what waits for it waits that long.
	heartbeatThrottle = time.Second
	// stickyWait is how long a workflow waits for the worker that knows it before any may take it.
	stickyWait = 5 * time.Second
)

// Running is a worker at work.
type Running struct {
	workers []worker.Worker
}

// Start takes work from the common task queue and from this host's own.
func Start(c client.Client, acts *activities.Activities) (*Running, error) {
	r := &Running{}
	for _, queue := range []string{workflows.TaskQueue, workflows.HostTaskQueue(acts.Host)} {
		w := worker.New(c, queue, worker.Options{
			WorkerStopTimeout:                stopTimeout,
			MaxHeartbeatThrottleInterval:     heartbeatThrottle,
			DefaultHeartbeatThrottleInterval: heartbeatThrottle,
			StickyScheduleToStartTimeout:     stickyWait,
			Interceptors:                     []interceptor.WorkerInterceptor{&activities.FaultInterceptor{}},
			DisableRegistrationAliasing:      true,
		})
		w.RegisterActivity(acts)
		if queue == workflows.TaskQueue {
			workflows.Register(w)
		}
		if err := w.Start(); err != nil {
			r.Stop()
			return nil, fault.Wrap(fault.Unavailable, err, "start the worker on task queue %s", queue)
		}
		r.workers = append(r.workers, w)
	}
	return r, nil
}

// Stop ends the worker; steps under way get a few seconds.
func (r *Running) Stop() {
	for _, w := range r.workers {
		w.Stop()
	}
}
