// Package fault classifies errors once, where they are understood, so that
// everything above can decide by kind: whether a retry can help, which HTTP
// status to answer, which exit code to end with.
package fault

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
)

// Kind says what sort of failure an error is. The zero Kind is Internal.
type Kind string

// The kinds, each with what a caller may conclude from it.
const (
	// Internal is a defect or a failure nobody classified. It is retried: most
	// unclassified failures are passing ones of the network or the host.
	Internal Kind = "internal"
	// Invalid is bad input; the same input fails again.
	Invalid Kind = "invalid"
	// Denied means that credentials or permissions do not suffice.
	Denied Kind = "denied"
	// Missing means that what was named does not exist.
	Missing Kind = "missing"
	// Conflict means that something is in the way: an object exists already, a name is taken.
	Conflict Kind = "conflict"
	// Corrupt means that bytes are not what was written: a digest, a tag or a format fails.
	Corrupt Kind = "corrupt"
	// Unsupported means that a version, a server or a tool cannot do what is asked.
	Unsupported Kind = "unsupported"
	// Lost means that a consistent view of a source is gone: only a fresh start helps.
	Lost Kind = "lost"
	// Mismatch means that a check was made and what was found is not what was expected.
	Mismatch Kind = "mismatch"
	// Unavailable means that a server or a store cannot be reached, or asks to wait.
	Unavailable Kind = "unavailable"
	// Exhausted means that room ran out: a full disk, a quota.
	Exhausted Kind = "exhausted"
)

// Kinds lists every kind, for tables that must be complete.
var Kinds = []Kind{
	Internal, Invalid, Denied, Missing, Conflict, Corrupt, Unsupported, Lost, Mismatch, Unavailable, Exhausted,
}

// Retryable reports whether the same call may succeed later without anybody changing its input.
func (k Kind) Retryable() bool {
	switch k {
	case Internal, Unavailable, Exhausted:
		return true
	default:
		return false
	}
}

// HTTPStatus is the status of an HTTP answer that reports an error of this kind (RFC 9110).
func (k Kind) HTTPStatus() int {
	switch k {
	case Invalid:
		return 400
	case Denied:
		return 403
	case Missing:
		return 404
	case Conflict, Lost:
		return 409
	case Corrupt, Unsupported, Mismatch:
		return 422
	case Unavailable:
		return 503
	case Exhausted:
		return 507
	default:
		return 500
	}
}

// Error is an error with its kind.
type Error struct {
	Kind Kind
	// Msg says in one line what was wrong, and what to do where that is known.
	Msg string
	// Err is the cause; it may be nil.
	Err error
}

func (e *Error) Error() string {
	switch {
	case e.Err == nil:
		return e.Msg
	case e.Msg == "":
		return e.Err.Error()
	default:
		return e.Msg + ": " + e.Err.Error()
	}
}

func (e *Error) Unwrap() error { return e.Err }

// New makes an error of a kind with a formatted message.
func New(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Msg: fmt.Sprintf(format, args...)}
}

// Wrap gives err a kind and says what was being done. It returns nil for a nil err.
func Wrap(kind Kind, err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: kind, Msg: fmt.Sprintf(format, args...), Err: err}
}

// Disk gives an error of the file system its kind, or leaves the one that it has,
// and says what was being done. It returns nil for a nil err.
func Disk(err error, format string, args ...any) error {
	kind := KindOf(err)
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		kind = Exhausted
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		kind = Denied
	}
	return Wrap(kind, err, format, args...)
}

// While says what was being done and keeps the kind that err has. It returns nil for a nil err.
func While(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: KindOf(err), Msg: fmt.Sprintf(format, args...), Err: err}
}

// KindOf returns the kind of the outermost classified error in err's chain, or Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) && e.Kind != "" {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is of the kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Line is an error's text in one line, also where a library wrote several.
func Line(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }

// Said is what a program printed in one line of at most so many bytes, for the
// error about its failure.
func Said(text string, most int) string {
	line := strings.Join(strings.Fields(text), " ")
	if len(line) > most {
		line = strings.ToValidUTF8(line[:most], "") + " …"
	}
	if line == "" {
		return "it said nothing"
	}
	return line
}
