package activities

import (
	"cmp"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// CheckManagedInput names what a provider restored, and to what.
type CheckManagedInput struct {
	ManagedRef
	ManagedPlan
}

// CheckManaged connects to what a provider restored: the server answers, nothing
// later than the moment asked for is there, and the time that the source had
// written last, where it wrote any, says how much was lost.
func (a *Activities) CheckManaged(ctx context.Context, in CheckManagedInput) (RecoveryChecked, error) {
	p := startPulse(ctx, "check what was restored", 0)
	defer p.end()
	out := RecoveryChecked{Reached: Reached{Promised: in.Promised}}
	service, err := a.service(in.Surface)
	if err != nil {
		return out, err
	}
	u, err := service.Connect(ctx, in.instance())
	if err != nil {
		return out, err
	}
	var version string
	var recovering bool
	err = withConn(ctx, u, func(conn *pgx.Conn) (err error) {
		version, recovering, err = askManaged(ctx, conn, &out.Reached)
		return err
	})
	if stopper, ok := service.(managed.Stopper); ok && err == nil && out.Reached.Time.IsZero() {
		err = stoppedAt(ctx, stopper, in.instance(), &out.Reached)
	}
	if err == nil && recovering {
		err = fault.New(fault.Unavailable, "the server of %s has not ended its recovery yet", in.instance())
	}
	if err != nil {
		return out, err
	}
	out.Checks = []RecoveryCheck{
		{Name: "provider", Result: in.Provider + " restored to " + in.Promised.Format(time.RFC3339) + ", in the new instance " + in.instance()},
		{Name: "server", Result: "PostgreSQL " + version + " answers, and has ended its recovery"},
	}
	check, err := a.markedAt(ctx, in.Surface, u, in.At, &out.Reached)
	if err != nil {
		return out, err
	}
	if check.Name != "" {
		out.Checks = append(out.Checks, check)
	}
	for _, found := range []time.Time{out.Reached.Time, out.Reached.Marker} {
		if !in.At.IsZero() && found.After(in.At) {
			return out, fault.New(fault.Mismatch, "a transaction of %s is there, and %s was asked for",
				found.Format(timeLayout), in.At.UTC().Format(timeLayout))
		}
	}
	return out, nil
}

// stoppedAt asks a provider where a recovery stopped, as far as anybody knows still.
func stoppedAt(ctx context.Context, stopper managed.Stopper, instance string, reached *Reached) error {
	stop, err := stopper.Stopped(ctx, instance)
	if fault.Is(err, fault.Missing) {
		return nil
	}
	if err != nil {
		return fault.While(err, "ask where the recovery of %s stopped", instance)
	}
	reached.Time, reached.Stopped = stop.Time, stop.Reason
	reached.Timeline = cmp.Or(stop.Timeline, reached.Timeline)
	if stop.LSN != "" {
		reached.LSN, err = wal.ParseLSN(stop.LSN)
	}
	return err
}

// askManaged asks a server for its version, whether it recovers still, and what
// its recovery came to: it knows that until it is started again, as a provider
// may have done.
func askManaged(ctx context.Context, conn *pgx.Conn, reached *Reached) (version string, recovering bool, err error) {
	var at *time.Time
	var lsn *string
	err = conn.QueryRow(ctx, `SELECT current_setting('server_version'), pg_is_in_recovery(),
		pg_last_xact_replay_timestamp(), pg_last_wal_replay_lsn()::text`).Scan(&version, &recovering, &at, &lsn)
	if err != nil {
		return "", false, err
	}
	if at != nil {
		reached.Time = at.UTC()
	}
	if lsn != nil {
		reached.LSN, err = wal.ParseLSN(*lsn)
	}
	return version, recovering, err
}
