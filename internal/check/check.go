// Package check makes one attempt of a health check of a restored system, as
// drill.Check describes it. It never tries twice and never waits between
// attempts: repeating is for whoever calls it.
//
// A check asks and does not change, as far as that is in its power: SQL runs in
// a read-only transaction that is rolled back, of Redis's commands only those
// that read are sent, HTTP follows no redirect, which could lead out of what was
// restored, and goes through no proxy. What a program, a POST or a function of a
// database does is its own affair.
//
// Of each answer at most 1 MiB is read (MaxRead).
package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

const (
	// MaxRead is how much of an answer is read: a body, the output of a
	// program, a row, an answer of Redis. One that is longer fails a check
	// that is about its content.
	MaxRead = 1 << 20
	// DefaultTimeout bounds an attempt of a check that has no Timeout.
	DefaultTimeout = 10 * time.Second
	// DefaultMinValid is how long a certificate must still be valid where a check has no MinValid.
	DefaultMinValid = 14 * 24 * time.Hour
)

// userAgent is what servers are told of who asks.
const userAgent = "lifeboat"

// How much of what was observed stands in a result, in characters.
const (
	maxObserved = 200
	maxDetail   = 400
)

// Runner makes attempts of the checks of one drill. It can be used by several goroutines.
type Runner struct {
	// Servers are what was restored, by the name of the surface.
	Servers map[string]drill.Server
	DrillID string
	// Dir is where the working folder of a command is made, which is removed
	// after it; empty means the system's folder for temporary files.
	Dir string
	// Secrets are further values that are not to stand in a result, such as
	// those in the environment of the application's programs. Values under four
	// characters are not looked for.
	Secrets []secret.String
}

// observation is what became of an attempt, before secrets are taken out of it.
type observation struct {
	// subject is what was asked, expected what of it, observed the answer in short.
	subject, expected, observed string
	// log is everything that was observed, where observed is a part of it.
	log string
	// err says what was wrong; nil is a pass.
	err error
}

// Try makes one attempt, bounded by the check's Timeout. Its result is Pass or
// Fail, also of a check that is optional, and Attempts is 1. No text of it holds
// a password of a restored server, a value of a header of the request or of a
// variable of the program, or one of the runner's Secrets; LogDigest is of what was observed after those were taken out.
func (r *Runner) Try(ctx context.Context, c drill.Check) drill.CheckResult {
	started := time.Now()
	timeout := c.Timeout.Of()
	if timeout <= 0 {
		timeout = DefaultTimeout
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	o := r.observe(limited, c)
	// The context itself may learn a moment after its connections that its time is over.
	deadline, _ := limited.Deadline()
	if o.err != nil && (limited.Err() != nil || !time.Now().Before(deadline)) {
		o.err = late(ctx, timeout, o.err)
	}
	return r.result(c, o, time.Since(started))
}

// late says that an attempt had no more time; what it was doing then is in the cause.
func late(ctx context.Context, timeout time.Duration, cause error) error {
	if ctx.Err() != nil {
		return fault.Wrap(fault.Unavailable, cause, "the check was cancelled")
	}
	// What was found in the last moment was found all the same.
	if !fault.KindOf(cause).Retryable() {
		return cause
	}
	return fault.Wrap(fault.Unavailable, cause, "no answer within %s", timeout)
}

func (r *Runner) observe(ctx context.Context, c drill.Check) observation {
	if problems := c.Problems(); len(problems) > 0 {
		return observation{err: fault.New(fault.Invalid, "the check is wrong: %s", problems[0])}
	}
	c, err := r.expand(c)
	if err != nil {
		return observation{err: err}
	}
	switch c.Kind {
	case drill.CheckTCP:
		return r.tcp(ctx, c)
	case drill.CheckHTTP:
		return r.http(ctx, c)
	case drill.CheckTLS:
		return r.tls(ctx, c)
	case drill.CheckSQL:
		return r.sql(ctx, c)
	case drill.CheckRedis:
		return r.redis(ctx, c)
	case drill.CheckGRPC:
		return r.grpc(ctx, c)
	case drill.CheckKubernetes:
		return r.kubernetes(ctx, c)
	case drill.CheckCommand:
		return r.command(ctx, c)
	default:
		return observation{err: fault.New(fault.Invalid, "no check is of kind %q", c.Kind)}
	}
}

func (r *Runner) result(c drill.Check, o observation, took time.Duration) drill.CheckResult {
	hide := r.scrubber(c)
	if o.log == "" {
		o.log = o.observed
	}
	everything := hide.Replace(o.log)
	result := drill.CheckResult{
		Name: c.Name, Kind: c.Kind, Optional: c.Optional,
		Subject: brief(hide.Replace(o.subject), maxObserved), Expected: brief(hide.Replace(o.expected), maxObserved),
		Observed: brief(hide.Replace(o.observed), maxObserved),
		Result:   drill.Pass, Attempts: 1, Seconds: took.Seconds(),
	}
	if result.Observed != everything {
		result.LogDigest = seal.SHA256([]byte(everything))
	}
	if o.err != nil {
		result.Result, result.Detail = drill.Fail, brief(hide.Replace(fault.Line(o.err)), maxDetail)
	}
	return result
}

// server is the restored server that a check asks.
func (r *Runner) server(c drill.Check, kinds ...string) (drill.Server, error) {
	server, known := r.Servers[c.Surface]
	if !known {
		return server, fault.New(fault.Invalid, "surface %q was not restored in this drill; there is %s", c.Surface, listed(r.Servers))
	}
	if slices.Contains(kinds, server.Kind) {
		return server, nil
	}
	return server, fault.New(fault.Invalid, "surface %s is of kind %s, which a check of kind %s can't ask", c.Surface, server.Kind, c.Kind)
}

// unlike is an error that says that something was observed which is not as expected.
func unlike(format string, args ...any) error { return fault.New(fault.Mismatch, format, args...) }

// judge compares a value with an expectation, if there is one.
func judge(what, value, expect string) error {
	if expect == "" {
		return nil
	}
	expectation, err := drill.ParseExpectation(expect)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "expect is wrong")
	}
	if !expectation.Holds(value) {
		// The value is shortened when secrets were taken out of it, not before.
		return unlike("expected %s %s, observed %s", what, expectation, value)
	}
	return nil
}

// expects writes an expectation for a result.
func expects(what, expect string) string {
	if expectation, err := drill.ParseExpectation(expect); err == nil {
		expect = expectation.String()
	}
	return what + " " + expect
}

// tooLong is the error of a content that can't be judged, as it was not read whole.
func tooLong(what string) error {
	return unlike("%s is longer than %d bytes, which is all that a check reads", what, MaxRead)
}

// unreachable classifies an error of a connection or of a request.
func unreachable(err error, format string, args ...any) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return fault.New(fault.Unavailable, format, args...)
	}
	return fault.Wrap(fault.Unavailable, err, "%s", fmt.Sprintf(format, args...))
}
