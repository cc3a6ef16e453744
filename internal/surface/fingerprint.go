package surface

import (
	"cmp"
	"fmt"
	"slices"
)

// Entry is one fact about the contents: of a table, a sequence, a database of keys.
type Entry struct {
	// Kind is table, sequence, extension, schema, keys, and so on.
	Kind string `json:"kind"`
	// Name is unique within the kind.
	Name string `json:"name"`
	// Count is the number of rows, keys or objects.
	Count int64 `json:"count"`
	// Digest is over the contents, independent of their order; see FORMAT.md.
	Digest string `json:"digest,omitempty"`
}

// Fingerprint is what a source held: entries in order of kind and name. Two
// fingerprints of equal contents are equal.
type Fingerprint []Entry

// Sort puts the entries into order.
func (f Fingerprint) Sort() {
	slices.SortFunc(f, func(a, b Entry) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
}

// Difference is one entry that is not as expected.
type Difference struct {
	Kind string `json:"kind"`
	Name string `json:"name"`
	// Problem is missing, unexpected, count or digest.
	Problem  string `json:"problem"`
	Expected string `json:"expected"`
	Observed string `json:"observed"`
}

func (d Difference) String() string {
	return fmt.Sprintf("%s %s: %s: expected %s, observed %s", d.Kind, d.Name, d.Problem, d.Expected, d.Observed)
}

// Compare returns how got differs from f, in order of kind and name.
func (f Fingerprint) Compare(got Fingerprint) []Difference {
	type key struct{ kind, name string }
	observed := make(map[key]Entry, len(got))
	for _, e := range got {
		observed[key{e.Kind, e.Name}] = e
	}
	var out []Difference
	for _, want := range f {
		k := key{want.Kind, want.Name}
		have, ok := observed[k]
		delete(observed, k)
		if d, differs := differ(want, have, ok); differs {
			out = append(out, d)
		}
	}
	for _, extra := range observed {
		out = append(out, Difference{extra.Kind, extra.Name, "unexpected", "nothing", fmt.Sprintf("%d", extra.Count)})
	}
	slices.SortFunc(out, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return out
}

func differ(want, have Entry, found bool) (Difference, bool) {
	d := Difference{Kind: want.Kind, Name: want.Name}
	switch {
	case !found:
		d.Problem, d.Expected, d.Observed = "missing", fmt.Sprintf("%d", want.Count), "nothing"
	case have.Count != want.Count:
		d.Problem, d.Expected, d.Observed = "count", fmt.Sprintf("%d", want.Count), fmt.Sprintf("%d", have.Count)
	case have.Digest != want.Digest:
		d.Problem, d.Expected, d.Observed = "digest", want.Digest, have.Digest
	default:
		return d, false
	}
	return d, true
}
