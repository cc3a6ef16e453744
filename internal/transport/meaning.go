package transport

import (
	"maps"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Meaning is what a service's own code of an error stands for.
type Meaning struct {
	Kind fault.Kind
	// Advice says what to do; it may be empty.
	Advice string
}

// Meanings have the codes of a service whose HTTP status says too little, or
// that have advice.
type Meanings map[string]Meaning

// With is m with more codes, and with other meanings of some that it has.
func (m Meanings) With(more Meanings) Meanings {
	all := maps.Clone(m)
	maps.Copy(all, more)
	return all
}

// Classify makes an error of an answer. Its kind and its advice are those of its
// code; where that says no more than the status does, or is not known, the
// status has the kind, and the advice that byStatus has for it.
func (m Meanings) Classify(a Answer, byStatus map[int]string) error {
	usual := KindOf(a.Status)
	meaning, known := m[a.Code]
	if !known {
		meaning.Kind = usual
	}
	if meaning.Advice == "" && meaning.Kind == usual {
		meaning.Advice = byStatus[a.Status]
	}
	a.Advice = meaning.Advice
	return &fault.Error{Kind: meaning.Kind, Err: &a}
}
