package kubernetes

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/lifeboat-dr/lifeboat/internal/environment"
)

func TestPlaceIDsAreLabelsOfTheirOwn(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 8)
	seen := map[string]string{}
	for _, id := range []string{
		"20261122T134500.000Z-abc234", "20261122t134500.000z-abc234", "d-1", "D-1", "d.1", "-", "...", "---a", long, long[:79], long[:50], long[:51], "ü", "a_b",
	} {
		place := placeID(id)
		if problems := validation.IsDNS1123Label(place); len(problems) > 0 || len(place) > longestID {
			t.Errorf("%s: %s: %v", id, place, problems)
		}
		if again := placeID(place); again != place {
			t.Errorf("%s: %s, and of that %s", id, place, again)
		}
		if other, taken := seen[place]; taken {
			t.Errorf("%s and %s are both %s", id, other, place)
		}
		seen[place] = id
	}
	if got := placeID("d-1"); got != "d-1" {
		t.Errorf("d-1 became %s", got)
	}
}

func TestNamesOfNamespacesAreLabelsOfTheirOwn(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 63)
	seen := map[string]string{}
	for _, c := range [][3]string{
		{"lifeboat-", "d-1", "shop"},
		{"lifeboat-", "d", "1-shop"},
		{"lifeboat-d-", "1", "shop"},
		{"lifeboat-", "d-1", "Shop"},
		{"lifeboat-", strings.Repeat("i", longestID), long},
		{"lifeboat-", strings.Repeat("i", longestID), long[:62]},
		{strings.Repeat("p", environment.LongestPrefix-1) + "-", strings.Repeat("i", longestID), long},
		{"lifeboat-", "d-1", "..."},
	} {
		name := namespaceName(c[0], c[1], c[2])
		if problems := validation.IsDNS1123Label(name); len(problems) > 0 || !strings.HasPrefix(name, c[0]) {
			t.Errorf("%q: %s: %v", c, name, problems)
		}
		if other, taken := seen[name]; taken {
			t.Errorf("%q and %s are both %s", c, other, name)
		}
		seen[name] = strings.Join(c[:], " ")
	}
	if got := namespaceName("lifeboat-", "d-1", "shop"); got != "lifeboat-d-1-shop-"+digest("lifeboat-\x00d-1\x00shop") {
		t.Errorf("the name can't be read: %s", got)
	}
}
