package catalog

import (
	"iter"
	"slices"
)

// merge yields what several sequences yield, each in order, in order: of equal
// candidates the one of the earlier sequence first. The first error ends it.
func merge(each []iter.Seq2[candidate, error]) iter.Seq2[candidate, error] {
	if len(each) == 1 {
		return each[0]
	}
	return func(yield func(candidate, error) bool) {
		var heads []head
		defer func() {
			for _, h := range heads {
				h.stop()
			}
		}()
		for _, seq := range each {
			next, stop := iter.Pull2(seq)
			h := head{next: next, stop: stop}
			if h.advance() {
				heads = append(heads, h)
			} else {
				stop()
			}
		}
		for len(heads) > 0 {
			least := 0
			for i := range heads {
				if heads[i].before(heads[least]) {
					least = i
				}
			}
			h := &heads[least]
			if !yield(h.candidate, h.err) || h.err != nil {
				return
			}
			if !h.advance() {
				h.stop()
				heads = slices.Delete(heads, least, least+1)
			}
		}
	}
}

// group is one point: the folders of it, in the order of the stores.
type group []candidate

// groups puts together what follows each other and is the same point. Errors
// of stores were noted before they come here; any that is left ends it.
func groups(seq iter.Seq2[candidate, error]) iter.Seq[group] {
	return func(yield func(group) bool) {
		var g group
		for c, err := range seq {
			if err != nil {
				break
			}
			if len(g) > 0 && g[0].order(c) != 0 {
				if !yield(g) {
					return
				}
				g = nil
			}
			g = append(g, c)
		}
		if len(g) > 0 {
			yield(g)
		}
	}
}

// head is the next candidate of one sequence.
type head struct {
	candidate
	err  error
	next func() (candidate, error, bool)
	stop func()
}

func (h *head) advance() bool {
	var ok bool
	h.candidate, h.err, ok = h.next()
	return ok
}

// before puts errors first.
func (h head) before(o head) bool {
	if (h.err != nil) != (o.err != nil) {
		return h.err != nil
	}
	return h.order(o.candidate) < 0
}
