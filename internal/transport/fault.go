package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Answer is an error that a service answered with, in one line.
type Answer struct {
	// Code is the service's own name of the error; it may be empty.
	Code string
	// Status is the HTTP status.
	Status int
	// Text is the service's explanation; it may be empty.
	Text string
	// Advice says what to do; it may be empty.
	Advice string
	// Err is the error as the service's library made it.
	Err error
}

func (a *Answer) Error() string {
	line := a.Code
	switch {
	case line == "":
		line = fmt.Sprintf("HTTP %d", a.Status)
	case a.Status > 0:
		line += fmt.Sprintf(" (HTTP %d)", a.Status)
	}
	if a.Text != "" {
		line += ", " + a.Text
	}
	if a.Advice != "" {
		line += "; " + a.Advice
	}
	return line
}

func (a *Answer) Unwrap() error { return a.Err }

// KindOf is the kind of failure that an HTTP status stands for, where a
// service's own code says no more.
func KindOf(status int) fault.Kind {
	switch status {
	case http.StatusBadRequest, http.StatusRequestedRangeNotSatisfiable, http.StatusRequestURITooLong:
		return fault.Invalid
	case http.StatusUnauthorized, http.StatusForbidden:
		return fault.Denied
	case http.StatusNotFound, http.StatusGone:
		return fault.Missing
	case http.StatusConflict, http.StatusPreconditionFailed:
		return fault.Conflict
	case http.StatusRequestEntityTooLarge, http.StatusInsufficientStorage:
		return fault.Exhausted
	case http.StatusNotImplemented, http.StatusMethodNotAllowed:
		return fault.Unsupported
	case http.StatusRequestTimeout, http.StatusTooManyRequests:
		return fault.Unavailable
	default:
		if status >= 500 {
			return fault.Unavailable
		}
		return fault.Internal
	}
}

// Fault classifies an error that is no answer of a service: of the network, of
// the context, or one that has its kind already. It leaves out the URL of a
// request, which may carry a signature.
func Fault(err error, doing string) error {
	if err == nil {
		return nil
	}
	if classified, ok := errors.AsType[*fault.Error](err); ok {
		return fault.Wrap(classified.Kind, classified, "%s", doing)
	}
	kind := fault.Internal
	if Passing(err) {
		kind = fault.Unavailable
	}
	if request, ok := errors.AsType[*url.Error](err); ok {
		err = request.Err
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		err = fmt.Errorf("%w; set caFile if the service has a certificate authority of its own", err)
	}
	return fault.Wrap(kind, err, "%s", doing)
}

// Passing reports whether an error is one of the network, that may be gone the
// next time. A cancelled context is none.
func Passing(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	_, network := errors.AsType[net.Error](err)
	return network || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
}

// Cut reports whether an error says that the other side hung up.
func Cut(err error) bool {
	return hungUp(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
