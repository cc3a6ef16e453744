package fault_test

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"syscall"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// kinds says for every kind what follows from it.
var kinds = map[fault.Kind]struct {
	retry  bool
	status int
}{
	fault.Internal:    {true, http.StatusInternalServerError},
	fault.Invalid:     {false, http.StatusBadRequest},
	fault.Denied:      {false, http.StatusForbidden},
	fault.Missing:     {false, http.StatusNotFound},
	fault.Conflict:    {false, http.StatusConflict},
	fault.Corrupt:     {false, http.StatusUnprocessableEntity},
	fault.Unsupported: {false, http.StatusUnprocessableEntity},
	fault.Lost:        {false, http.StatusConflict},
	fault.Mismatch:    {false, http.StatusUnprocessableEntity},
	fault.Unavailable: {true, http.StatusServiceUnavailable},
	fault.Exhausted:   {true, http.StatusInsufficientStorage},
}

func TestEveryKindHasItsPlace(t *testing.T) {
	t.Parallel()
	if len(fault.Kinds) != len(kinds) {
		t.Errorf("%d kinds are listed, %d are judged here", len(fault.Kinds), len(kinds))
	}
	for _, kind := range fault.Kinds {
		want, ok := kinds[kind]
		if !ok {
			t.Errorf("kind %s is not judged here", kind)
		}
		if kind.Retryable() != want.retry || kind.HTTPStatus() != want.status {
			t.Errorf("kind %s: retry %v, status %d", kind, kind.Retryable(), kind.HTTPStatus())
		}
	}
}

func TestErrorsOfTheFileSystemHaveAKind(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want fault.Kind
	}{
		{&fs.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, fault.Exhausted},
		{syscall.EDQUOT, fault.Exhausted},
		{&fs.PathError{Op: "open", Path: "x", Err: syscall.EACCES}, fault.Denied},
		{syscall.EROFS, fault.Denied},
		{fs.ErrNotExist, fault.Internal},
		{fault.New(fault.Conflict, "it is there"), fault.Conflict},
	} {
		if got := fault.Disk(c.err, "write %s", "it"); !fault.Is(got, c.want) || !errors.Is(got, c.err) || got.Error() != "write it: "+c.err.Error() {
			t.Errorf("%v: %q of kind %s, want %s", c.err, got, fault.KindOf(got), c.want)
		}
	}
	if fault.Disk(nil, "x") != nil {
		t.Error("no error became one")
	}
}

func TestWhatAProgramSaidIsOneShortLine(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{" one\n two\t\n", "one two"}, {"", "it said nothing"}, {"\n", "it said nothing"}, {"123456789", "1234567 …"}, {"123456é", "123456 …"},
	} {
		if got := fault.Said(c.text, 7); got != c.want {
			t.Errorf("%q: %q, want %q", c.text, got, c.want)
		}
	}
}

func TestWrapping(t *testing.T) {
	t.Parallel()
	cause := errors.New("connection refused")
	wrapped := fault.While(fmt.Errorf("a layer: %w", fault.Wrap(fault.Unavailable, cause, "reach the store")), "write part %d", 3)
	if got := wrapped.Error(); got != "write part 3: a layer: reach the store: connection refused" {
		t.Errorf("message %q", got)
	}
	if !fault.Is(wrapped, fault.Unavailable) || !errors.Is(wrapped, cause) {
		t.Errorf("kind %s, cause lost: %v", fault.KindOf(wrapped), !errors.Is(wrapped, cause))
	}
	if kind := fault.KindOf(cause); kind != fault.Internal {
		t.Errorf("an unclassified error is %s", kind)
	}
	if fault.Wrap(fault.Denied, nil, "x") != nil || fault.While(nil, "x") != nil || fault.Is(nil, fault.Internal) {
		t.Error("no error became one")
	}
}

func TestLine(t *testing.T) {
	t.Parallel()
	err := fault.Wrap(fault.Unavailable, fmt.Errorf("tried:\n\tone host\r\n\t%s", "another"), "connect")
	if got, want := fault.Line(err), "connect: tried: one host another"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
