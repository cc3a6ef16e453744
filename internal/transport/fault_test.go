package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestFaultKinds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  error
		want fault.Kind
	}{
		{fault.New(fault.Lost, "gone"), fault.Lost},
		{context.Canceled, fault.Internal},
		{context.DeadlineExceeded, fault.Unavailable},
		{&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}, fault.Unavailable},
		{&net.DNSError{Err: "no such host", Name: "x"}, fault.Unavailable},
		{io.ErrUnexpectedEOF, fault.Unavailable},
		{&stalledError{}, fault.Unavailable},
		{errors.New("surprise"), fault.Internal},
	} {
		got := Fault(c.err, "store key")
		if fault.KindOf(got) != c.want || !errors.Is(got, c.err) || !strings.HasPrefix(got.Error(), "store key: ") {
			t.Errorf("%v: got %s, %v", c.err, fault.KindOf(got), got)
		}
		got = Fault(&url.Error{Op: "Put", URL: "https://host/key?sig=SIGNATURE", Err: c.err}, "store key")
		if !errors.Is(got, c.err) || strings.Contains(got.Error(), "SIGNATURE") || !strings.HasPrefix(got.Error(), "store key: ") {
			t.Errorf("%v in a request: %v", c.err, got)
		}
	}
	if Fault(nil, "store key") != nil {
		t.Error("no error became one")
	}
}

func TestKindsOfStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]fault.Kind{
		400: fault.Invalid, 401: fault.Denied, 403: fault.Denied, 404: fault.Missing, 405: fault.Unsupported, 408: fault.Unavailable,
		409: fault.Conflict, 412: fault.Conflict, 413: fault.Exhausted, 416: fault.Invalid, 418: fault.Internal, 429: fault.Unavailable,
		500: fault.Unavailable, 501: fault.Unsupported, 503: fault.Unavailable, 507: fault.Exhausted, 0: fault.Internal,
	} {
		if got := KindOf(status); got != want {
			t.Errorf("HTTP %d is %s, want %s", status, got, want)
		}
	}
}

func TestAnswerReadsAsOneLine(t *testing.T) {
	t.Parallel()
	for want, a := range map[string]Answer{
		"HTTP 503":                         {Status: 503},
		"SlowDown (HTTP 503)":              {Code: "SlowDown", Status: 503},
		"NoSuchKey, it is gone":            {Code: "NoSuchKey", Text: "it is gone"},
		"Denied (HTTP 403); try otherwise": {Code: "Denied", Status: 403, Advice: "try otherwise"},
	} {
		if got := a.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
