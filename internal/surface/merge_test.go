package surface_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func TestMergeAddsTheRangesOfOneTable(t *testing.T) {
	t.Parallel()
	got := surface.Merge(
		surface.Fingerprint{
			{Kind: "table", Name: "b", Count: 3, Digest: surface.FormatSum("b:xxh3sum", 1, ^uint64(0))},
			{Kind: "table", Name: "a", Count: 1, Digest: surface.FormatSum("t:xxh3sum", 0, 7)},
		},
		surface.Fingerprint{{Kind: "table", Name: "b", Count: 4, Digest: surface.FormatSum("b:xxh3sum", 2, 2)}},
		surface.Fingerprint{{Kind: "table", Name: "b", Count: 0, Digest: surface.FormatSum("b:xxh3sum", 0, 0)}},
		surface.Fingerprint{{Kind: "schema", Name: "b", Count: 9, Digest: "x"}},
	)
	want := surface.Fingerprint{
		{Kind: "schema", Name: "b", Count: 9, Digest: "x"},
		{Kind: "table", Name: "a", Count: 1, Digest: "t:xxh3sum:" + strings.Repeat("0", 31) + "7"},
		{Kind: "table", Name: "b", Count: 7, Digest: "b:xxh3sum:00000000000000040000000000000001"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestMergeWrapsAround(t *testing.T) {
	t.Parallel()
	top := surface.Fingerprint{{Kind: "table", Name: "a", Count: 1, Digest: surface.FormatSum("b:xxh3sum", ^uint64(0), ^uint64(0))}}
	one := surface.Fingerprint{{Kind: "table", Name: "a", Count: 1, Digest: surface.FormatSum("b:xxh3sum", 0, 1)}}
	if got := surface.Merge(top, one)[0].Digest; got != surface.FormatSum("b:xxh3sum", 0, 0) {
		t.Errorf("2^128-1 and 1 add up to %s", got)
	}
}

func TestMergeOfUnlikeDigestsEqualsNothing(t *testing.T) {
	t.Parallel()
	sum := surface.FormatSum("b:xxh3sum", 0, 1)
	for _, other := range []string{"", "x", surface.FormatSum("t:xxh3sum", 0, 1), "b:xxh3sum:" + strings.Repeat("g", 32), "b:xxh3sum:1"} {
		got := surface.Merge(
			surface.Fingerprint{{Kind: "table", Name: "a", Digest: sum}},
			surface.Fingerprint{{Kind: "table", Name: "a", Digest: other}},
		)
		if got[0].Digest != "unmergeable" {
			t.Errorf("%q and %q merged to %q", sum, other, got[0].Digest)
		}
	}
}
