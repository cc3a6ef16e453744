package bucket

import (
	"iter"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Ascending hands on a listing whose keys ascend. What a page repeats of the
// one before is left out; a service that lists in another order, as those on
// top of a file system may, gets an error of kind fault.Unsupported.
func Ascending(listing iter.Seq2[Version, error]) iter.Seq2[Version, error] {
	return func(yield func(Version, error) bool) {
		var last Version
		for v, err := range listing {
			switch {
			case err != nil:
				yield(Version{}, err)
				return
			case v.Key < last.Key:
				yield(Version{}, fault.New(fault.Unsupported, "the service lists %q behind %q, and not in the order of their bytes: what is missing can't be told", v.Key, last.Key))
				return
			case v.Key == last.Key && v.ID == last.ID && v.Deleted == last.Deleted && last.Key != "":
				continue
			}
			last = v
			if !yield(v, nil) {
				return
			}
		}
	}
}

// mostOfOneKey bounds the memory that the versions of one key take.
const mostOfOneKey = 1 << 20

// ByKey collects what a listing has of each key, in which keys come together,
// and hands on what arrange makes of it.
func ByKey(listing iter.Seq2[Version, error], arrange func([]Version) []Version) iter.Seq2[Version, error] {
	return func(yield func(Version, error) bool) {
		var key []Version
		flush := func() bool {
			for _, v := range arrange(key) {
				if !yield(v, nil) {
					return false
				}
			}
			key = key[:0]
			return true
		}
		for v, err := range listing {
			switch {
			case err != nil:
				yield(Version{}, err)
				return
			case len(key) > 0 && key[0].Key != v.Key && !flush():
				return
			case len(key) == mostOfOneKey:
				yield(Version{}, fault.New(fault.Exhausted, "%s has over %d versions: let the lifecycle remove some", v.Key, mostOfOneKey))
				return
			}
			key = append(key, v)
		}
		if len(key) > 0 {
			flush()
		}
	}
}
