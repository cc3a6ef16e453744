// Package reconcile compares what was restored with something else: with
// another restored server, with a store, or with an EVM chain. One call is one
// attempt of one comparison, and it changes nothing anywhere.
package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// defaultTimeout bounds a reconciliation that says nothing else.
const defaultTimeout = 10 * time.Minute

// The kinds of servers.
const (
	kindPostgres  = "postgres"
	kindRedis     = "redis"
	kindGit       = "git"
	kindTelemetry = "telemetry"
)

// Runner knows what a drill has restored, and the stores of the configuration.
type Runner struct {
	// Servers are the restored servers by the names of their surfaces.
	Servers map[string]drill.Server
	// Stores are the configured stores by their names.
	Stores map[string]store.Store
	// Moments are those of the recovery points that were restored, by surface: a
	// telemetry reconciliation asks about the time before.
	Moments map[string]time.Time
	// Expand puts what was restored into a text with placeholders; nil leaves texts as they are.
	Expand func(text string) (secret.String, error)
}

// Run makes one attempt of a reconciliation of any kind but fingerprint. An
// answer that is wrong is a result, as is one that does not come within the
// reconciliation's time, a query that the server refuses and a store that denies
// access. An error means that a server, a store or a node could not be reached,
// and that another attempt may end otherwise; its kind says so
// (fault.Kind.Retryable), unless ctx has ended. Neither the result nor the error
// holds a URL or a password. Queries read only; PostgreSQL runs them in a
// transaction that can't write.
func (r *Runner) Run(ctx context.Context, rec drill.Reconcile) (drill.Reconciliation, error) {
	started := time.Now()
	timeout := rec.Timeout.Of()
	if timeout <= 0 {
		timeout = defaultTimeout
	}
	result := drill.Reconciliation{Name: rec.Name, Kind: rec.Kind, Subject: subject(rec), Optional: rec.Optional}
	if result.Name == "" {
		result.Name = rec.Kind
	}
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var found tally
	err := r.compare(limited, rec, &found)
	switch {
	case ctx.Err() != nil:
		return drill.Reconciliation{}, fault.Wrap(fault.Internal, context.Cause(ctx), "reconciliation %s was stopped", result.Name)
	case err != nil && limited.Err() != nil:
		result.Unreached = true
		found.wrong("it was not done within %v: give it more time with timeout, or compare less", timeout)
	case err != nil && fault.KindOf(err).Retryable():
		return drill.Reconciliation{}, fault.While(err, "reconciliation %s", result.Name)
	case err != nil:
		result.Unreached = fault.Is(err, fault.Denied)
		found.wrong("%s", fault.Line(err))
	}
	found.into(&result)
	result.Seconds = time.Since(started).Seconds()
	return result, nil
}

func (r *Runner) compare(ctx context.Context, rec drill.Reconcile, found *tally) error {
	if problems := rec.Problems(); len(problems) > 0 {
		return fault.New(fault.Invalid, "%s", problems[0])
	}
	switch rec.Kind {
	case drill.ReconcileQuery:
		return r.query(ctx, rec, found)
	case drill.ReconcileObjects:
		return r.objects(ctx, rec, found)
	case drill.ReconcileChain:
		return r.chain(ctx, rec, found)
	case drill.ReconcileHelm:
		return r.helm(ctx, rec, found)
	case drill.ReconcileTelemetry:
		return r.telemetry(ctx, rec, found)
	default:
		return fault.New(fault.Unsupported, "a reconciliation of kind %s is not made here", rec.Kind)
	}
}

// subject says in a few words what is compared with what.
func subject(rec drill.Reconcile) string {
	switch {
	case rec.Kind == drill.ReconcileQuery && rec.With != nil:
		return rec.Surface + " with " + rec.With.Surface
	case rec.Kind == drill.ReconcileObjects:
		return rec.Surface + " with store " + rec.Store
	case rec.Kind == drill.ReconcileChain && rec.Chain != nil:
		return rec.Surface + " with chain " + rec.Chain.ChainID
	case rec.Kind == drill.ReconcileHelm && rec.Helm != nil:
		return rec.Surface + " with release " + rec.Helm.Release
	default:
		return rec.Surface
	}
}

// open asks a restored server.
func (r *Runner) open(ctx context.Context, surface, query string) (rows, error) {
	server, ok := r.Servers[surface]
	if !ok {
		return nil, notRestored(surface)
	}
	switch server.Kind {
	case kindPostgres:
		s, err := connectPostgres(ctx, server.URL)
		if err != nil {
			return nil, fault.While(err, "connect to %s", surface)
		}
		return s.owned(ctx, query), nil
	case kindRedis:
		answer, err := askRedis(ctx, server.URL, query)
		return answer, fault.While(err, "ask %s", surface)
	default:
		return nil, fault.New(fault.Unsupported, "surface %s is of kind %s, which has no queries", surface, server.Kind)
	}
}

func notRestored(surface string) error {
	return fault.New(fault.Missing, "surface %s was not restored: add it to the drill's surfaces", surface)
}

// errEnd is what follows the last row.
var errEnd = errors.New("no more rows")

// rows are the answer to a query, one after the other.
type rows interface {
	// next returns the next row, or errEnd after the last. The row is good
	// until the next call. A nil cell is NULL.
	next() ([][]byte, error)
	// close ends the query and its connection.
	close()
}
