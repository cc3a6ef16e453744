package reconcile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
)

// mostItems is how many comparisons a result lists.
const mostItems = 50

// tally is what has been found so far.
type tally struct {
	failed, warned, passed kept
	// details are what the result says beside its items, the gravest first.
	details []string
	// broken is set when something was wrong that is no item.
	broken bool
	// doubtful is set when something is worth a warning that is no item.
	doubtful bool
}

// kept are the first items of one result by their order, and how many there were.
type kept struct {
	count int
	items []ordered
}

type ordered struct {
	at int64
	drill.Item
}

// add keeps an item if it is among the first by its order. Items may come in any order.
func (k *kept) add(at int64, item drill.Item) {
	k.count++
	if len(k.items) == mostItems && at > k.items[mostItems-1].at {
		return
	}
	i, _ := slices.BinarySearchFunc(k.items, at, func(o ordered, at int64) int { return cmp.Compare(o.at, at) })
	k.items = slices.Insert(k.items, i, ordered{at, item})
	if len(k.items) > mostItems {
		k.items = k.items[:mostItems]
	}
}

// add counts an item by its result; at is its place in the order of the items.
func (t *tally) add(at int64, item drill.Item) {
	switch item.Result {
	case drill.Fail:
		t.failed.add(at, item)
	case drill.Warn:
		t.warned.add(at, item)
	default:
		t.passed.add(at, item)
	}
}

// wrong makes the whole fail, for a reason that is no item.
func (t *tally) wrong(format string, args ...any) {
	t.broken = true
	t.details = append([]string{fmt.Sprintf(format, args...)}, t.details...)
}

// doubt makes the whole a warning, unless it fails.
func (t *tally) doubt(why string) {
	t.doubtful = true
	t.details = append(t.details, why)
}

// say adds to what is to be known of the result.
func (t *tally) say(format string, args ...any) {
	t.details = append(t.details, fmt.Sprintf(format, args...))
}

// into writes the result: items that failed first, then warnings, then a
// sample of what passed.
func (t *tally) into(result *drill.Reconciliation) {
	result.Result = drill.Pass
	switch {
	case t.broken || t.failed.count > 0:
		result.Result = drill.Fail
	case t.doubtful || t.warned.count > 0:
		result.Result = drill.Warn
	}
	for _, k := range []kept{t.failed, t.warned, t.passed} {
		for _, o := range k.items[:min(len(k.items), mostItems-len(result.Items))] {
			result.Items = append(result.Items, o.Item)
		}
	}
	if all := t.failed.count + t.warned.count + t.passed.count; all > len(result.Items) {
		t.say("%d of %d comparisons are listed: %d failed, %d warn, %d passed",
			len(result.Items), all, t.failed.count, t.warned.count, t.passed.count)
	}
	for i, detail := range t.details {
		if i > 0 {
			result.Detail += "; "
		}
		result.Detail += detail
	}
}
