package apiserver

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lifeboat-dr/lifeboat/internal/alert"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

const (
	// statusAge is for how long a report that was read is taken for the newest one.
	statusAge = 5 * time.Second
	// statusWithin is how long reading it may take.
	statusWithin = 10 * time.Second
)

// statusReader reads the newest report. Those who ask at the same time, and
// shortly after, share one.
type statusReader struct {
	read func(context.Context) (status.Report, error)

	mu    sync.Mutex
	until time.Time
	last  status.Report
	err   error
}

// newest returns the report of how everything stands. It is fault.Missing when
// there is none.
func (r *statusReader) newest(ctx context.Context) (status.Report, error) {
	if r.read == nil {
		return status.Report{}, fault.New(fault.Missing, "nobody watches here: no report of how everything stands is kept")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Before(r.until) {
		return r.last, r.err
	}
	// Others get what was read, too, whether or not this caller stays.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), statusWithin)
	defer cancel()
	r.last, r.err = r.read(ctx)
	r.until = time.Now().Add(statusAge)
	return r.last, r.err
}

// Watched is a report with what only its reader can know: whether it is so old
// that nobody can be watching.
func Watched(r status.Report, now time.Time) status.Report {
	others := slices.DeleteFunc(slices.Clone(r.Alerts), func(a status.Alert) bool { return a.Rule == status.RuleNotWatching })
	var late []status.Alert
	for _, a := range alert.Evaluate(status.Report{At: r.At}, nil, now) {
		if a.Rule == status.RuleNotWatching && a.State == status.Firing {
			late = append(late, a)
		}
	}
	r.Alerts = slices.Concat(late, others)
	return r
}

// unwatched is the report where there is none: all that is known is that nobody watches.
func unwatched(now time.Time) status.Report {
	return Watched(status.Report{
		Surfaces: []status.Surface{}, Policies: []status.Policy{}, Plans: []status.Plan{}, Stores: []status.Store{},
		Vitals: status.Vitals{Pods: []status.Pods{}, Replicas: []status.Replica{}, Certificates: []status.Certificate{}, Disks: []status.Disk{}},
	}, now)
}

// standing is how everything stands, as people and metrics are told of it. That
// nobody watches is itself told, as the worst alarm.
func (s *Server) standing(ctx context.Context) status.Report {
	now := time.Now()
	report, err := s.status.newest(ctx)
	if err == nil {
		return Watched(report, now)
	}
	report = unwatched(now)
	report.Blind = []string{s.problem(ctx, err).Error()}
	return report
}

// describeStanding lists the operations that say how everything stands.
func (s *Server) describeStanding(api huma.API) {
	add(s, api, route{
		id: "get-status", method: http.MethodGet, path: "/v1/status", tag: "status", role: Viewer,
		summary:     "Show how everything that is protected stands",
		description: "A worker reports twice a minute. Without a report the answer is an empty one whose alert says that nobody watches.",
	}, s.getStatus)
	add(s, api, route{
		id: "list-alerts", method: http.MethodGet, path: "/v1/alerts", tag: "status", role: Viewer,
		summary: "List the alerts that fire or are about to, the worst first",
	}, s.listAlerts)
}

type statusOutput struct{ Body status.Report }

func (s *Server) getStatus(ctx context.Context, _ *struct{}) (*statusOutput, error) {
	return &statusOutput{Body: s.standing(ctx)}, nil
}

type alertsInput struct {
	State    string `query:"state" enum:"firing,pending" doc:"Only alerts in this state."`
	Severity string `query:"severity" enum:"critical,warning" doc:"Only alerts of this severity."`
}

type alertsOutput struct {
	Body struct {
		At     time.Time      `json:"at,omitzero" doc:"When the report was made that they are of; absent without one."`
		Alerts []status.Alert `json:"alerts" nullable:"false"`
	}
}

func (s *Server) listAlerts(ctx context.Context, in *alertsInput) (*alertsOutput, error) {
	report := s.standing(ctx)
	out := &alertsOutput{}
	out.Body.At, out.Body.Alerts = report.At, []status.Alert{}
	for _, a := range report.Alerts {
		if (in.State == "" || in.State == a.State) && (in.Severity == "" || in.Severity == a.Severity) {
			out.Body.Alerts = append(out.Body.Alerts, a)
		}
	}
	return out, nil
}
