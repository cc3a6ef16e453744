package apiserver

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// How long what is read for the metrics of drills counts, and how long reading may take.
const (
	drillsCount  = time.Minute
	drillsWithin = 20 * time.Second
)

var (
	drillOverdue = prometheus.NewDesc("lifeboat_drill_overdue",
		"1 when a drill of the plan was due and was not done for a day, else 0.", []string{"plan"}, nil)
	drillProven = prometheus.NewDesc("lifeboat_commitment_proven",
		"1 when the plan's targets may be promised today, else 0.", []string{"plan"}, nil)
	drillFindings = prometheus.NewDesc("lifeboat_drill_open_findings",
		"Findings of the plan that are open.", []string{"plan"}, nil)
	drillRTO = prometheus.NewDesc("lifeboat_drill_rto_seconds",
		"RTO that the newest drill of the plan which proves something measured.", []string{"plan"}, nil)
	drillRPO = prometheus.NewDesc("lifeboat_drill_rpo_seconds",
		"RPO that the newest drill of the plan which proves something measured.", []string{"plan"}, nil)
)

// drillCollector shows commitments as metrics. A ledger that can't be read
// shows none: an absent metric is an alarm of its own.
type drillCollector struct {
	read func(context.Context, time.Time) ([]drill.Commitment, error)
	log  *slog.Logger

	mu    sync.Mutex
	until time.Time
	last  []drill.Commitment
}

// Describe implements prometheus.Collector.
func (*drillCollector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{drillOverdue, drillProven, drillFindings, drillRTO, drillRPO} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *drillCollector) Collect(to chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, value float64, plan string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, plan)
	}
	for _, commitment := range c.commitments() {
		gauge(drillOverdue, oneIf(commitment.Overdue), commitment.Plan)
		gauge(drillProven, oneIf(commitment.State == drill.Proven), commitment.Plan)
		gauge(drillFindings, float64(len(commitment.OpenFindings)), commitment.Plan)
		if commitment.MeasuredRTO != nil {
			gauge(drillRTO, *commitment.MeasuredRTO, commitment.Plan)
		}
		if commitment.MeasuredRPO != nil {
			gauge(drillRPO, *commitment.MeasuredRPO, commitment.Plan)
		}
	}
}

func oneIf(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}

func (c *drillCollector) commitments() []drill.Commitment {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if now.Before(c.until) {
		return c.last
	}
	// The interface of a collector hands over no context.
	ctx, cancel := context.WithTimeout(context.Background(), drillsWithin)
	defer cancel()
	found, err := c.read(ctx, now)
	if err != nil {
		c.log.WarnContext(ctx, "the metrics of drills can't be read", "error", err)
		found = nil
	}
	c.last, c.until = found, now.Add(drillsCount)
	return found
}
