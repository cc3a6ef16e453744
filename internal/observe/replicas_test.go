package observe

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// TestReplicasThatAreGone are waited for, unless others have taken their place.
func TestReplicasThatAreGone(t *testing.T) {
	t.Parallel()
	type look struct {
		minute      int
		there, gone string
		lag         float64
	}
	for name, looks := range map[string][]look{
		"one that leaves and returns":     {{0, "a b", "", 0}, {1, "a", "b", 60}, {5, "a", "b", 300}, {6, "a b", "", 0}, {7, "a b", "", 0}},
		"one that is replaced":            {{0, "a b", "", 0}, {1, "a", "b", 60}, {2, "a c", "", 0}, {3, "a c", "", 0}},
		"two that are, one after another": {{0, "a b", "", 0}, {1, "a", "b", 60}, {2, "", "b a", 120}, {3, "c", "a", 120}, {4, "c d", "", 0}},
		"one that is given up":            {{0, "a", "", 0}, {1, "", "a", 60}, {1439, "", "a", 1439 * 60}, {1440, "", "", 0}},
		"a standby that was promoted":     {{0, "itself", "", 0}, {1, "", "", 0}},
	} {
		var before []status.Replica
		var at time.Time
		for i, l := range looks {
			now := noon.Add(time.Duration(l.minute) * time.Minute)
			var there []status.Replica
			for name := range strings.FieldsSeq(l.there) {
				there = append(there, status.Replica{Name: name, State: "streaming", Itself: name == "itself"})
			}
			missing := gone(there, before, at, now)
			var names []string
			for _, r := range missing {
				names = append(names, r.Name)
				if r.State != status.ReplicaGone || r.LagSeconds == nil {
					t.Errorf("%s, look %d: %+v", name, i, r)
				}
			}
			if got := strings.Join(names, " "); got != l.gone || got != "" && *missing[0].LagSeconds != l.lag {
				t.Errorf("%s, look %d: gone are %q, %+v; want %q for %v s", name, i, got, missing, l.gone, l.lag)
			}
			before, at = slices.Concat(there, missing), now
		}
	}
}
