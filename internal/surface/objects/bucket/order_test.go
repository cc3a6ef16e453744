package bucket

import (
	"errors"
	"iter"
	"slices"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func listing(err error, versions ...Version) iter.Seq2[Version, error] {
	return func(yield func(Version, error) bool) {
		for _, v := range versions {
			if !yield(v, nil) {
				return
			}
		}
		if err != nil {
			yield(Version{}, err)
		}
	}
}

func collect(listing iter.Seq2[Version, error]) (ids []string, err error) {
	for v, err := range listing {
		if err != nil {
			return ids, err
		}
		ids = append(ids, v.Key+v.ID)
	}
	return ids, nil
}

func TestAscending(t *testing.T) {
	t.Parallel()
	a1, a2, b1, marker := Version{Key: "a", ID: "1"}, Version{Key: "a", ID: "2"}, Version{Key: "b", ID: "1"}, Version{Key: "b", Deleted: true}
	got, err := collect(Ascending(listing(nil, a2, a1, a1, marker, b1, b1)))
	if err != nil || !slices.Equal(got, []string{"a2", "a1", "b", "b1"}) {
		t.Errorf("got %q, %v", got, err)
	}
	got, err = collect(Ascending(listing(nil, b1, a1)))
	if fault.KindOf(err) != fault.Unsupported || !slices.Equal(got, []string{"b1"}) {
		t.Errorf("out of order: %q, %v", got, err)
	}
	surprise := errors.New("surprise")
	if _, err = collect(Ascending(listing(surprise, a1))); !errors.Is(err, surprise) {
		t.Errorf("an error of the listing: %v", err)
	}
}

func TestByKey(t *testing.T) {
	t.Parallel()
	versions := []Version{{Key: "a", ID: "1"}, {Key: "a", ID: "2"}, {Key: "b", ID: "1"}, {Key: "c", ID: "1"}, {Key: "c", ID: "2"}}
	reversed := func(key []Version) []Version {
		slices.Reverse(key)
		return key
	}
	got, err := collect(ByKey(listing(nil, versions...), reversed))
	if err != nil || !slices.Equal(got, []string{"a2", "a1", "b1", "c2", "c1"}) {
		t.Errorf("got %q, %v", got, err)
	}
	for v, err := range ByKey(listing(nil, versions...), reversed) {
		if err != nil || v.Key != "a" {
			t.Errorf("%+v, %v", v, err)
		}
		break
	}
	surprise := errors.New("surprise")
	if _, err = collect(ByKey(listing(surprise, versions...), reversed)); !errors.Is(err, surprise) {
		t.Errorf("an error of the listing: %v", err)
	}
}

func TestExpiresAndOverlap(t *testing.T) {
	t.Parallel()
	var p Posture
	for _, days := range []int{90, 30, 60} {
		p.Expires(days)
	}
	if p.NoncurrentDays == nil || *p.NoncurrentDays != 30 {
		t.Errorf("%v", p.NoncurrentDays)
	}
	if !Overlap("", "a/") || !Overlap("a/b/", "a/") || !Overlap("a/", "a/b/") || Overlap("a/", "b/") {
		t.Error("overlaps")
	}
}
