package storetest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

const (
	kib = 1 << 10
	mib = 1 << 20
	// chunk is the size from which stores upload in several requests.
	chunk = 8 * mib
)

// content is a stream of size bytes that differ from place to place, and
// between seeds.
type content struct {
	seed uint64
	size int64
	at   int64
}

func newContent(seed uint64, size int64) *content { return &content{seed: seed, size: size} }

// period is the size of a block of content, which begins with its number and the seed.
const period = 4 * kib

func (c *content) Read(p []byte) (int, error) {
	if c.at == c.size {
		return 0, io.EOF
	}
	var block [period]byte
	for i := range block {
		block[i] = byte(i * 7)
	}
	n := 0
	for n < len(p) && c.at < c.size {
		binary.LittleEndian.PutUint64(block[:], uint64(c.at/period))
		binary.LittleEndian.PutUint64(block[8:], c.seed)
		rest := block[c.at%period:]
		rest = rest[:min(int64(len(rest)), c.size-c.at)]
		copied := copy(p[n:], rest)
		n += copied
		c.at += int64(copied)
	}
	return n, nil
}

// slice is what a range of the content should read as.
func (c *content) slice(offset, length int64) io.Reader {
	return io.LimitReader(&content{seed: c.seed, size: c.size, at: min(offset, c.size)}, length)
}

// put stores content of a seed and a size and fails the test when it can't.
func put(t *testing.T, s store.Store, key string, seed uint64, size int64) store.Object {
	t.Helper()
	o, err := s.Put(t.Context(), key, newContent(seed, size), store.PutOptions{})
	if err != nil {
		t.Fatalf("put %q: %v", key, err)
	}
	return o
}

// expect fails the test unless the object under the key has the content.
func expect(t *testing.T, s store.Store, key string, seed uint64, size int64) {
	t.Helper()
	o, err := s.Stat(t.Context(), key)
	if err != nil {
		t.Errorf("stat %q: %v", key, err)
		return
	}
	if o.Key != key || o.Size != size || o.Modified.IsZero() {
		t.Errorf("stat %q: got %+v, want size %d and a time", key, o, size)
	}
	expectRange(t, s, key, newContent(seed, size), 0, -1)
}

func expectRange(t *testing.T, s store.Store, key string, c *content, offset, length int64) {
	t.Helper()
	r, err := s.Get(t.Context(), key, offset, length)
	if err != nil {
		t.Errorf("get %q from %d, %d bytes: %v", key, offset, length, err)
		return
	}
	defer r.Close()
	if length < 0 {
		length = c.size
	}
	if err := same(r, c.slice(offset, length)); err != nil {
		t.Errorf("read %q from %d, %d bytes: %v", key, offset, length, err)
	}
}

// same compares two streams to their ends.
func same(got, want io.Reader) error {
	a, b := make([]byte, 256*kib), make([]byte, 256*kib)
	for at := int64(0); ; {
		n, err := io.ReadFull(got, a)
		ended := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !ended {
			return err
		}
		m, _ := io.ReadFull(want, b)
		if !bytes.Equal(a[:n], b[:m]) {
			return fault.New(fault.Corrupt, "from byte %d on: read %d bytes that are not the %d that were stored", at, n, m)
		}
		if ended {
			return nil
		}
		at += int64(n)
	}
}

// expectKind fails the test unless err is of the kind, says something, and fits on a line.
func expectKind(t *testing.T, err error, kind fault.Kind, doing string) {
	t.Helper()
	switch {
	case err == nil:
		t.Errorf("%s: no error, want %s", doing, kind)
	case fault.KindOf(err) != kind:
		t.Errorf("%s: got %s error %v, want %s", doing, fault.KindOf(err), err, kind)
	case bytes.ContainsAny([]byte(err.Error()), "\r\n"):
		t.Errorf("%s: the error has more than one line: %q", doing, err)
	}
}

// expectNothing fails the test if anything is listed.
func expectNothing(t *testing.T, s store.Store) {
	t.Helper()
	for e, err := range s.List(context.Background(), store.ListOptions{}) {
		if err != nil {
			t.Errorf("list: %v", err)
			return
		}
		t.Errorf("%q is listed", e.Key)
	}
}

// failing gives n bytes and then the error.
func failing(n int64, err error) io.Reader {
	return io.MultiReader(newContent(1, n), readerFunc(func([]byte) (int, error) { return 0, err }))
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
