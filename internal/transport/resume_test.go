package transport

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const body = "the body of an answer"

// breaking is the rest of the body behind skip, that breaks after n bytes.
func breaking(skip int64, n int, err error) io.ReadCloser {
	rest := body[skip:]
	if n < len(rest) {
		return io.NopCloser(io.MultiReader(strings.NewReader(rest[:n]), iotest.ErrReader(err)))
	}
	return io.NopCloser(strings.NewReader(rest))
}

func TestResumeGoesOnWhereItWas(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 5, 20, 21} {
		r := Resume(breaking(0, n, io.ErrUnexpectedEOF), "read key", 0, -1, func(skip, _ int64) (io.ReadCloser, error) {
			return breaking(skip, n, io.ErrUnexpectedEOF), nil
		})
		got, err := io.ReadAll(r)
		if err != nil || string(got) != body {
			t.Errorf("breaking after %d bytes: %q, %v", n, got, err)
		}
	}
}

func TestResumeGivesUpWithoutProgress(t *testing.T) {
	t.Parallel()
	reopened := 0
	r := Resume(breaking(0, 5, io.ErrUnexpectedEOF), "read key", 0, -1, func(skip, _ int64) (io.ReadCloser, error) {
		reopened++
		return breaking(skip, 0, io.ErrUnexpectedEOF), nil
	})
	got, err := io.ReadAll(r)
	if string(got) != body[:5] || fault.KindOf(err) != fault.Unavailable || reopened != patience {
		t.Errorf("got %q, %v, reopened %d times", got, err, reopened)
	}
}

func TestResumeKeepsOtherErrors(t *testing.T) {
	t.Parallel()
	surprise := errors.New("surprise")
	reopen := func(int64, int64) (io.ReadCloser, error) {
		t.Error("reopened")
		return nil, surprise
	}
	if _, err := io.ReadAll(Resume(breaking(0, 5, surprise), "read key", 0, -1, reopen)); !errors.Is(err, surprise) {
		t.Errorf("got %v", err)
	}

	changed := fault.New(fault.Conflict, "the object has changed")
	r := Resume(breaking(0, 5, io.ErrUnexpectedEOF), "read key", 0, -1, func(int64, int64) (io.ReadCloser, error) { return nil, changed })
	if _, err := io.ReadAll(r); fault.KindOf(err) != fault.Conflict {
		t.Errorf("got %v", err)
	}
}

func TestResumeAsksForTheRest(t *testing.T) {
	t.Parallel()
	const offset, length = 4, 9
	r := Resume(breaking(offset, 2, io.ErrUnexpectedEOF), "read key", offset, length, func(offset, length int64) (io.ReadCloser, error) {
		return io.NopCloser(io.LimitReader(breaking(offset, 2, io.ErrUnexpectedEOF), length)), nil
	})
	if got, err := io.ReadAll(r); err != nil || string(got) != body[offset:offset+length] {
		t.Errorf("got %q, %v", got, err)
	}
	// The connection breaks when all is read: there is no rest to ask for.
	r = Resume(breaking(0, 5, io.ErrUnexpectedEOF), "read key", 0, 5, func(_, length int64) (io.ReadCloser, error) {
		t.Errorf("asked for %d bytes", length)
		return nil, io.ErrUnexpectedEOF
	})
	if got, err := io.ReadAll(r); err != nil || string(got) != body[:5] {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestRange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		offset, length int64
		want           string
	}{
		{0, -1, "bytes=0-"}, {5, -1, "bytes=5-"}, {0, 1, "bytes=0-0"}, {5, 10, "bytes=5-14"}, {5, 1<<63 - 1, "bytes=5-"}, {1, 1<<63 - 2, "bytes=1-9223372036854775806"},
	} {
		if got := Range(c.offset, c.length); got != c.want {
			t.Errorf("%d bytes from %d: %s, want %s", c.length, c.offset, got, c.want)
		}
	}
}
