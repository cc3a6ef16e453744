package local

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

const (
	// lookEvery is how often a recovery is looked at.
	lookEvery = 50 * time.Millisecond
	// askEvery is how often the server is asked how far it is.
	askEvery = 500 * time.Millisecond
	// noteEvery is how often what it said is written down.
	noteEvery = 5 * time.Second
)

// follower watches one recovery.
type follower struct {
	i        *instance
	log      journal
	progress func(RecoveryState)
	state    RecoveryState
	conn     *pgconn.PgConn
	asked    time.Time
	noted    time.Time
}

func (f *follower) close() {
	if f.conn != nil {
		ctx, cancel := context.WithTimeout(context.Background(), pingWithin)
		defer cancel()
		// The server may be gone; nothing is lost with the connection.
		_ = f.conn.Close(ctx)
		f.conn = nil
	}
}

// follow returns once the server is promoted, or with the reason why it ended.
func (f *follower) follow(ctx context.Context) error {
	defer f.close()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		// First the process, then the log: what it wrote last is not missed.
		runs := f.i.pid() != 0
		if err := f.log.read(); err != nil {
			return fault.Disk(err, "read the server's log")
		}
		switch {
		case f.log.limits:
			return errLimits
		case f.log.ready && runs:
			f.state.Promoted = true
			f.report()
			return nil
		case !runs:
			return f.log.verdict()
		}
		if time.Since(f.asked) >= askEvery {
			f.asked = time.Now()
			f.ask(ctx)
			f.report()
			if err := f.remember(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (f *follower) report() {
	f.state.Segment, f.state.Consistent = f.log.segment, f.log.consistent
	f.state.LastCommit = slices.MaxFunc([]time.Time{f.state.LastCommit, f.log.lastCommit}, time.Time.Compare)
	f.progress(f.state)
}

// remember writes the last commit down from time to time, for whoever takes over.
func (f *follower) remember() error {
	rec := f.i.rec.Recovery
	if time.Since(f.noted) < noteEvery || !f.state.LastCommit.After(rec.LastCommit) {
		return nil
	}
	f.noted, rec.LastCommit = time.Now(), f.state.LastCommit
	return f.i.save()
}

// ask asks the server how far it is. Before it is consistent it lets nobody in,
// and it never has to: the log says all that matters.
func (f *follower) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, pingWithin)
	defer cancel()
	if !f.log.consistent {
		return
	}
	if f.conn == nil {
		conn, err := f.i.asBootstrap(ctx)
		if err != nil {
			return
		}
		f.conn = conn
	}
	results, err := f.conn.Exec(ctx, "SELECT pg_last_wal_replay_lsn(), pg_last_xact_replay_timestamp()").ReadAll()
	if err != nil || len(results) != 1 || len(results[0].Rows) != 1 {
		f.close()
		return
	}
	row := results[0].Rows[0]
	if at, err := wal.ParseLSN(string(row[0])); err == nil {
		f.state.Replayed = max(f.state.Replayed, at)
	}
	if at, err := parseTime(string(row[1])); err == nil && at.After(f.state.LastCommit) {
		f.state.LastCommit = at
	}
}
