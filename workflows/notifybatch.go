package workflows

import (
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// batch is what is to be told at once.
type batch struct{ firing, still, resolved []status.Alert }

func (b batch) empty() bool { return len(b.firing)+len(b.still)+len(b.resolved) == 0 }

// text tells batches apart.
func (b batch) text() string {
	var text strings.Builder
	for i, alerts := range [][]status.Alert{b.firing, b.still, b.resolved} {
		for _, a := range alerts {
			text.WriteString("+=-"[i:i+1] + alertKey(a) + "\n")
		}
	}
	return text.String()
}

// batch compares what fires with what was told.
func (n *notifier) batch(now time.Time) batch {
	var b batch
	fires := map[string]bool{}
	for _, a := range n.Notice.Firing {
		key := alertKey(a)
		fires[key] = true
		switch told, known := n.Told[key]; {
		case !known || told.At.IsZero():
			b.firing = append(b.firing, a)
		case n.fresh(now) && n.repeats(told) && !now.Before(told.At.Add(n.Notice.Repeat)):
			b.still = append(b.still, a)
		}
	}
	for _, key := range workflow.DeterministicKeys(n.Told) {
		if !fires[key] {
			b.resolved = append(b.resolved, n.Told[key].Alert)
		}
	}
	return b
}

// fresh reports whether the notice still says what fires. When nobody watches any
// more, nobody knows, and nothing is told again: what has changed is told all the same.
func (n *notifier) fresh(now time.Time) bool { return now.Sub(n.Heard) < noticeFresh }

// repeats reports whether an alert that goes on is told again.
func (n *notifier) repeats(told Told) bool {
	return n.Notice.Repeat > 0 && told.Alert.Severity == status.Critical
}

// alertKey tells alerts apart.
func alertKey(a status.Alert) string {
	var key strings.Builder
	key.WriteString(a.Rule)
	for _, name := range workflow.DeterministicKeys(a.Labels) {
		key.WriteString("/" + name + "=" + a.Labels[name])
	}
	return key.String()
}
