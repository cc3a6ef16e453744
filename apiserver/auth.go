package apiserver

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/lifeboat-dr/lifeboat/internal/audit"
)

// roleKey is where an operation's metadata says which role it takes.
const roleKey = "role"

type contextKey int

const (
	identityKey contextKey = iota
	requestKey
	// actingKey has the Key that this process itself acts for.
	actingKey
)

// identity is who makes a request.
type identity struct {
	Key
	remote string
}

func identityOf(ctx context.Context) identity {
	who, _ := ctx.Value(identityKey).(identity)
	return who
}

// request is what is known of every request from its start.
type request struct{ id, remote string }

func requestOf(ctx context.Context) request {
	r, _ := ctx.Value(requestKey).(request)
	return r
}

func requestID(ctx context.Context) string { return requestOf(ctx).id }

// authenticate lets a request through when its key's role includes the one that
// the operation takes.
func (s *Server) authenticate(ctx huma.Context, next func(huma.Context)) {
	needed, restricted := ctx.Operation().Metadata[roleKey].(Role)
	if !restricted {
		next(ctx)
		return
	}
	who, ok := s.identify(ctx)
	if !ok {
		return
	}
	if !who.Role.Includes(needed) {
		s.refused(ctx.Context(), who.Key, ctx.Operation().OperationID, "role "+string(who.Role)+" does not suffice")
		s.refuse(ctx, newProblem(http.StatusForbidden, "denied",
			"this takes the role "+string(needed)+", and the key has the role "+string(who.Role)))
		return
	}
	next(huma.WithValue(ctx, identityKey, who))
}

// identify finds out who makes a request: whoever this process acts for, else
// whose credentials it carries. Unless it can, it answers the request.
func (s *Server) identify(ctx huma.Context) (identity, bool) {
	remote := requestOf(ctx.Context()).remote
	if who, ok := ctx.Context().Value(actingKey).(Key); ok {
		return identity{who, remote}, true
	}
	offered, ok := parseAuthorization(ctx.Header("Authorization"))
	if !ok {
		s.unauthenticated(ctx, newProblem(http.StatusUnauthorized, "unauthenticated",
			"credentials are missing: send \"Authorization: Bearer KEY\", or Basic with the key's id and secret"))
		s.metrics.refusals.WithLabelValues("credentials").Inc()
		return identity{}, false
	}
	key, wait, refusal := s.check(ctx.Context(), offered, remote)
	switch {
	case refusal == nil:
		return identity{key, remote}, true
	case wait > 0:
		ctx.SetHeader("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		s.refuse(ctx, refusal)
	case refusal.GetStatus() == http.StatusUnauthorized:
		s.unauthenticated(ctx, refusal)
	default:
		s.refuse(ctx, refusal)
	}
	return identity{}, false
}

// check finds the key that a credential belongs to. Otherwise it returns the
// problem to answer, and how long to hold off after too many failures.
func (s *Server) check(ctx context.Context, offered credential, remote string) (Key, time.Duration, huma.StatusError) {
	key, known, err := s.keys.remembered(offered)
	if err != nil {
		return Key{}, 0, s.problem(ctx, err)
	}
	if known {
		return key, 0, nil
	}
	wait, forgive := s.failures.attempt(remote, offered.id)
	if wait > 0 {
		s.metrics.refusals.WithLabelValues("rate").Inc()
		s.refused(ctx, Key{ID: offered.id}, "authenticate", "too many failures")
		return Key{}, wait, newProblem(http.StatusTooManyRequests, "too-many-requests",
			"too many requests with wrong credentials; wait before the next try")
	}
	key, known, err = s.keys.verify(offered)
	if err != nil {
		forgive()
		return Key{}, 0, s.problem(ctx, err)
	}
	if !known {
		s.metrics.refusals.WithLabelValues("credentials").Inc()
		s.refused(ctx, Key{ID: offered.id}, "authenticate", "wrong credentials")
		return Key{}, 0, newProblem(http.StatusUnauthorized, "unauthenticated", "the credentials are not valid")
	}
	forgive()
	return key, 0, nil
}

func (s *Server) unauthenticated(ctx huma.Context, p huma.StatusError) {
	ctx.AppendHeader("WWW-Authenticate", `Bearer realm="lifeboat"`)
	ctx.AppendHeader("WWW-Authenticate", `Basic realm="lifeboat", charset="UTF-8"`)
	s.refuse(ctx, p)
}

// refuse writes a problem from inside a middleware, in the way the framework writes its own.
func (s *Server) refuse(ctx huma.Context, p huma.StatusError) {
	body, err := finishProblem(ctx, "", p)
	if err == nil {
		ctx.SetHeader("Content-Type", "application/problem+json")
		ctx.SetStatus(p.GetStatus())
		err = huma.DefaultJSONFormat.Marshal(ctx.BodyWriter(), body)
	}
	if err != nil {
		s.log.DebugContext(ctx.Context(), "an answer could not be written", "error", err)
	}
}

// refused writes down that somebody was turned away. The id is only what was
// claimed, and is written as the target.
func (s *Server) refused(ctx context.Context, who Key, action, why string) {
	e := audit.Entry{Action: action, Result: audit.Refused, Detail: why}
	if who.Role != "" {
		e.Actor, e.Role = who.ID, string(who.Role)
	} else {
		e.Target = who.ID
	}
	s.Record(ctx, e)
}

// Record adds who and where from to an audit entry and writes it. A log that
// can't be written is reported, and shows in /readyz; what was done stays done.
func (s *Server) Record(ctx context.Context, e audit.Entry) {
	r := requestOf(ctx)
	e.RequestID, e.Remote = r.id, r.remote
	if who := identityOf(ctx); who.ID != "" {
		e.Actor, e.Role = who.ID, string(who.Role)
	}
	err := s.audit.Record(context.WithoutCancel(ctx), e)
	s.auditBroken.Store(err != nil)
	if err != nil {
		s.log.ErrorContext(ctx, "the audit log could not be written", "error", err, "action", e.Action, "requestId", r.id)
	}
}
