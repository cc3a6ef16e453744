package catalog

import (
	"context"
	"iter"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

const (
	// pageOfNames is how many names are listed before it is worth to look from
	// the other end: a page of the common stores.
	pageOfNames = 1000
	// firstWindow is how far back the first look goes; each further one goes
	// back windowGrowth times as far.
	firstWindow  = 24 * time.Hour
	windowGrowth = 4
	// longestWindow, some 30 years, ends the growth before durations overflow.
	longestWindow = 30 * 365 * 24 * time.Hour
)

// timed are the folders of one parent whose names sort by time.
type timed struct {
	store store.Store
	// parent is empty or ends in a slash.
	parent string
	// at is the name of a time: what is older sorts before it.
	at func(time.Time) string
	// matches says which names count.
	matches func(name string) bool
}

// descending yields the names that sort before upper, or all when that is
// empty, the newest first; from is about the time of upper.
//
// Most stores list in ascending order alone. There, after one page from the beginning,
// which is everything in a small store, it lists windows of time backwards,
// each longer than the one before: what is listed in vain is bounded by what
// is taken, however much is older. With all set one ascending listing is made.
func (n timed) descending(ctx context.Context, from time.Time, upper string, all bool) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if !all && n.backwards(ctx, upper, yield) {
			return
		}
		most := pageOfNames
		if all {
			most = math.MaxInt
		}
		oldest, complete, err := n.between(ctx, "", upper, most)
		if err != nil {
			yield("", err)
			return
		}
		if !complete && !n.windows(ctx, from, upper, oldest[len(oldest)-1], yield) {
			return
		}
		reversed(oldest, yield)
	}
}

// backwards asks the store for descending order, and reports whether it has it.
func (n timed) backwards(ctx context.Context, upper string, yield func(string, error) bool) bool {
	opts := store.ListOptions{Prefix: n.parent, Shallow: true, Descending: true}
	if upper != "" {
		// The folder of a name has a slash at its end, and upper is a name.
		opts.After = n.parent + upper + "/"
	}
	for entry, err := range n.store.List(ctx, opts) {
		if fault.Is(err, fault.Unsupported) {
			return false
		}
		if err != nil {
			yield("", err)
			return true
		}
		if name, wanted := n.name(entry); wanted && !yield(name, nil) {
			return true
		}
	}
	return true
}

// name is that of a folder; it is wanted if it counts.
func (n timed) name(entry store.Entry) (name string, wanted bool) {
	name = strings.TrimSuffix(strings.TrimPrefix(entry.Key, n.parent), "/")
	return name, entry.Dir && n.matches(name)
}

// windows yields what is newer than the oldest names, which end with known,
// and reports whether to go on with those.
func (n timed) windows(ctx context.Context, from time.Time, upper, known string, yield func(string, error) bool) bool {
	for window := firstWindow; ; window *= windowGrowth {
		from = from.Add(-window)
		lower := n.at(from)
		last := lower <= known || window > longestWindow
		if last {
			lower = known + "/"
		}
		names, _, err := n.between(ctx, lower, upper, math.MaxInt)
		if err != nil {
			yield("", err)
			return false
		}
		if !reversed(names, yield) {
			return false
		}
		if last {
			return true
		}
		upper = lower
	}
}

func reversed(names []string, yield func(string, error) bool) bool {
	for _, name := range slices.Backward(names) {
		if !yield(name, nil) {
			return false
		}
	}
	return true
}

// between lists the names from lower on and before upper, each empty for no
// bound, up to most of them; complete is set when there are no more.
func (n timed) between(ctx context.Context, lower, upper string, most int) (names []string, complete bool, err error) {
	opts := store.ListOptions{Prefix: n.parent, Shallow: true}
	if lower != "" {
		opts.After = n.parent + lower
	}
	for entry, err := range n.store.List(ctx, opts) {
		if err != nil {
			return nil, false, err
		}
		name, wanted := n.name(entry)
		if upper != "" && name >= upper {
			break
		}
		if !wanted {
			continue
		}
		if len(names) == most {
			return names, false, nil
		}
		names = append(names, name)
	}
	return names, true, nil
}
