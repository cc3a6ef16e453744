package kubernetes

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
	"io"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "k8s.io/apimachinery/pkg/util/json"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// endReader remembers how what it has read ended: a tarball that was cut off
// between two entries looks complete to a reader of tarballs.
type endReader struct {
	r io.Reader
	// zeros is how many zero bytes came last.
	zeros int
	// failed is what r failed with, io.EOF apart.
	failed error
}

func (e *endReader) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	trimmed := len(bytes.TrimRight(p[:n], "\x00"))
	if trimmed > 0 {
		e.zeros = 0
	}
	e.zeros += n - trimmed
	if err != nil && err != io.EOF {
		e.failed = err
	}
	return n, err
}

// cause is the error of r, where that is why reading failed, and else what is
// wrong with the tarball.
func (e *endReader) cause(err error) error {
	switch {
	case e.failed != nil:
		return e.failed
	case fault.Is(err, fault.Corrupt):
		return err
	default:
		return fault.Wrap(fault.Corrupt, err, "read the tarball of resources")
	}
}

// endMark is the least number of zero bytes that a tarball ends with.
const endMark = 1024

// check reads on after the last entry: only zero bytes may be there.
func (e *endReader) check() error {
	// The bytes before were the end mark, or there were none at all.
	before := e.zeros
	rest, err := io.Copy(io.Discard, e)
	if err != nil {
		return err
	}
	if int64(e.zeros) != int64(before)+rest || e.zeros < endMark {
		return corrupt("does not end as one does")
	}
	return nil
}

// nameSet is a set of names, at 16 bytes each. Its seeds are its own, so that
// nobody can make names that collide; by chance, two of 4 million do once in 10^25 times.
type nameSet struct {
	seeds [2]maphash.Seed
	names map[[2]uint64]struct{}
}

func newNameSet() nameSet {
	return nameSet{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, names: map[[2]uint64]struct{}{}}
}

func (s nameSet) len() int { return len(s.names) }

// add reports whether the name is new.
func (s nameSet) add(name string) bool {
	key := [2]uint64{maphash.String(s.seeds[0], name), maphash.String(s.seeds[1], name)}
	if _, known := s.names[key]; known {
		return false
	}
	s.names[key] = struct{}{}
	return true
}

// decode reads the JSON of an object. Whole numbers stay whole.
func decode(text []byte) (*unstructured.Unstructured, error) {
	var fields map[string]any
	if err := kjson.Unmarshal(text, &fields); err != nil {
		return nil, err
	}
	if fields == nil {
		return nil, io.ErrUnexpectedEOF
	}
	return &unstructured.Unstructured{Object: fields}, nil
}

// encode writes an object as FORMAT.md has it: members in the order of their
// names, without spaces, and without the escapes that HTML would need.
func encode(fields map[string]any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(fields); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
