package apiserver

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lifeboat-dr/lifeboat/internal/alert"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// statusMetric is one of the metrics that are made of a status.Report.
type statusMetric struct {
	name, help string
	labels     []string
	counter    bool
	// lowest is set where, of two things that can't be told apart, the one with
	// the lower value is worse off.
	lowest bool
	desc   *prometheus.Desc
}

// kind is the metric's type as Prometheus calls it.
func (m *statusMetric) kind() string {
	if m.counter {
		return "counter"
	}
	return "gauge"
}

var statusMetrics []*statusMetric

// gauge and counter describe a metric; labels are separated by blanks.
func gauge(name, labels, help string) *statusMetric { return described(name, labels, help, false) }

func counter(name, labels, help string) *statusMetric { return described(name, labels, help, true) }

func described(name, labels, help string, counts bool) *statusMetric {
	m := &statusMetric{name: "lifeboat_" + name, help: help, labels: strings.Fields(labels), counter: counts}
	m.desc = prometheus.NewDesc(m.name, help, m.labels, nil)
	statusMetrics = append(statusMetrics, m)
	return m
}

// worseLow says that the lower of two values is the worse.
func (m *statusMetric) worseLow() *statusMetric {
	m.lowest = true
	return m
}

// StatusCollector shows a status.Report as metrics. It implements prometheus.Collector.
type StatusCollector struct {
	read func() (status.Report, bool)
	now  func() time.Time
}

// NewStatusCollector makes a collector of the newest report, which read
// returns; false is for none. Without a report the metrics say that nobody
// watches, and nothing else: what is not known is absent, not well.
func NewStatusCollector(read func() (status.Report, bool)) *StatusCollector {
	return &StatusCollector{read: read, now: time.Now}
}

// Describe implements prometheus.Collector.
func (*StatusCollector) Describe(to chan<- *prometheus.Desc) {
	for _, m := range statusMetrics {
		to <- m.desc
	}
}

// Collect implements prometheus.Collector.
func (c *StatusCollector) Collect(to chan<- prometheus.Metric) {
	s := newSeries()
	if report, known := c.read(); known {
		s.report(Watched(report, c.now()))
	} else {
		s.set(metricStatusAt, 0)
		for _, a := range unwatched(c.now()).Alerts {
			s.set(metricAlerts, 1, a.Rule, a.Severity)
		}
	}
	for _, found := range s.order {
		kind := prometheus.GaugeValue
		if found.metric.counter {
			kind = prometheus.CounterValue
		}
		to <- prometheus.MustNewConstMetric(found.metric.desc, kind, found.value, found.labels...)
	}
}

// series are the values of one collection. Two that have the same labels, as
// two replicas of one name, become one: the worse.
type series struct {
	order []*sample
	known map[string]*sample
}

type sample struct {
	metric *statusMetric
	labels []string
	value  float64
}

func newSeries() *series { return &series{known: map[string]*sample{}} }

func (s *series) set(m *statusMetric, value float64, labels ...string) {
	key := m.name + "\x00" + strings.Join(labels, "\x00")
	before, twice := s.known[key]
	switch {
	case !twice:
		s.known[key] = &sample{m, labels, value}
		s.order = append(s.order, s.known[key])
	case m.lowest:
		before.value = min(before.value, value)
	default:
		before.value = max(before.value, value)
	}
}

// maybe sets what is known, and leaves out what is not.
func (s *series) maybe(m *statusMetric, value *float64, labels ...string) {
	if value != nil {
		s.set(m, *value, labels...)
	}
}

// above0 sets a value unless it is 0, which stands for none.
func (s *series) above0(m *statusMetric, value float64, labels ...string) {
	if value > 0 {
		s.set(m, value, labels...)
	}
}

func (s *series) report(r status.Report) {
	s.set(metricStatusAt, stamp(r.At))
	s.set(metricStatusSince, stamp(r.Since))
	for _, p := range r.Policies {
		s.policy(p)
	}
	for _, f := range r.Surfaces {
		s.surface(f)
	}
	for _, p := range r.Plans {
		s.plan(p)
	}
	for _, st := range r.Stores {
		s.set(metricStoreUp, oneIf(st.Usable), st.Name)
	}
	if r.Ledger.Kept {
		if r.Ledger.Verifies || r.Ledger.Problem != "" {
			s.set(metricLedgerVerifies, oneIf(r.Ledger.Verifies))
		}
		s.set(metricLedgerVerified, stamp(r.Ledger.VerifiedAt))
		s.set(metricLedgerSize, float64(r.Ledger.Size))
	}
	s.vitals(r.Vitals)
	s.alerts(r.Alerts)
	s.set(metricBlind, float64(len(r.Blind)))
	for _, line := range r.Blind {
		s.set(metricUnread, 1, alert.Source(line))
	}
}

func (s *series) policy(p status.Policy) {
	labels := []string{p.Name, p.Surface, p.Kind}
	s.set(metricRuns, float64(p.Successes), append(slices.Clone(labels), "success")...)
	s.set(metricRuns, float64(p.Failures), append(slices.Clone(labels), "failure")...)
	s.set(metricLastFailed, oneIf(p.FailedLast), labels...)
	s.set(metricLastSuccess, stamp(p.LastSuccess), labels...)
	s.set(metricCountsFrom, stamp(p.CountsFrom()), labels...)
	s.set(metricLastDuration, p.LastSeconds, labels...)
	s.set(metricLastBytes, float64(p.LastBytes), labels...)
	s.set(metricInterval, p.IntervalSeconds, labels...)
	s.set(metricPaused, oneIf(p.Paused), labels...)
	s.set(metricNextDue, stamp(p.NextDue), labels...)
	s.set(metricUnverified, stamp(p.UnverifiedSince), labels...)
}

func (s *series) surface(f status.Surface) {
	for _, p := range []struct {
		state string
		point *status.Point
	}{{"sealed", f.LastPoint}, {"verified", f.LastVerified}, {"proven", f.LastProven}} {
		var at time.Time
		if p.point != nil {
			at = p.point.At
		}
		s.set(metricLastPoint, stamp(at), f.Name, p.state)
	}
	s.set(metricPoints, float64(f.Points), f.Name)
	s.set(metricPointsBytes, float64(f.Bytes), f.Name)
	for _, d := range f.Damaged {
		s.set(metricDamaged, 1, f.Name, d.Point)
	}
	s.maybe(metricRPO, f.RPOSeconds, f.Name)
	s.above0(metricFirstDue, stamp(f.FirstDue), f.Name)
	s.above0(metricRPOTarget, f.RPOTarget, f.Name)
	if w := f.WAL; w != nil {
		s.maybe(metricWALLagBytes, float(w.LagBytes), f.Name)
		s.maybe(metricWALLagSeconds, w.LagSeconds, f.Name)
		s.set(metricWALStart, stamp(w.Earliest), f.Name)
		s.set(metricWALEnd, stamp(w.Latest), f.Name)
		s.set(metricWALGaps, float64(len(w.Gaps)), f.Name)
		s.maybe(metricSlotHeld, float(w.HeldBack), f.Name)
		s.above0(metricSlotLimit, float64(w.HoldBackLimit), f.Name)
		s.set(metricStreaming, oneIf(w.Active), f.Name)
	}
}

// verdicts are those that a judged drill can have.
var verdicts = []string{drill.VerdictPass, drill.VerdictPartial, drill.VerdictFail, drill.VerdictAborted}

func (s *series) plan(p status.Plan) {
	s.maybe(metricDrillRTO, p.MeasuredRTO, p.Plan)
	s.maybe(metricDrillRPO, p.MeasuredRPO, p.Plan)
	s.above0(metricDrillRTOTarget, p.RTOTarget, p.Plan)
	s.above0(metricDrillRPOTarget, p.RPOTarget, p.Plan)
	s.set(metricDrillOverdue, oneIf(p.Overdue), p.Plan)
	s.set(metricDrillNext, stamp(p.NextDue), p.Plan)
	for _, verdict := range verdicts {
		s.set(metricDrillVerdict, oneIf(p.LastVerdict == verdict), p.Plan, verdict)
	}
	s.set(metricDrillFailing, oneIf(p.FailedDrill != ""), p.Plan)
	s.set(metricDrillWaits, stamp(p.AwaitsSince), p.Plan)
	s.set(metricDrillFindings, float64(len(p.OpenFindings)), p.Plan)
	s.set(metricProven, oneIf(p.State == drill.Proven), p.Plan)
	s.set(metricProvenAt, stamp(p.ProvenAt), p.Plan)
}

func (s *series) vitals(v status.Vitals) {
	for _, p := range v.Pods {
		labels := []string{p.Surface, p.Namespace, p.Workload}
		s.set(metricPodsWanted, float64(p.Wanted), labels...)
		s.set(metricPodsAvailable, float64(p.Available), labels...)
		s.set(metricRestarts, float64(p.RestartsCounted), labels...)
		s.set(metricRestartsHour, float64(p.RestartsLastHour), labels...)
	}
	for _, r := range v.Replicas {
		s.maybe(metricReplicaSeconds, r.LagSeconds, r.Surface, r.Name)
		s.set(metricReplicaBytes, float64(r.LagBytes), r.Surface, r.Name)
	}
	for _, c := range v.Certificates {
		s.set(metricCertificate, stamp(c.NotAfter), c.Surface, c.Where)
	}
	for _, d := range v.Disks {
		s.set(metricDiskUsed, float64(d.Used), d.Surface, d.Where, d.What)
		s.set(metricDiskSize, float64(d.Size), d.Surface, d.Where, d.What)
	}
}

// alerts counts those that fire, with 0 for every rule that is quiet.
func (s *series) alerts(all []status.Alert) {
	counts := map[[2]string]float64{}
	for _, a := range all {
		if a.State == status.Firing {
			counts[[2]string{a.Rule, a.Severity}]++
		}
	}
	for _, rule := range alert.Rules() {
		s.set(metricAlerts, 0, rule.Name, rule.Severity)
	}
	for which, count := range counts {
		s.set(metricAlerts, count, which[0], which[1])
	}
}

// stamp is a moment in seconds since 1970, 0 for none.
func stamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func float(n *int64) *float64 {
	if n == nil {
		return nil
	}
	return new(float64(*n))
}
