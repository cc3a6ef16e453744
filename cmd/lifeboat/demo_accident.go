package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

// demoVictim is the table that the accident hits.
const demoVictim = "shop.order_lines"

// streamWithin bounds how long the demo waits for WAL to be stored.
const streamWithin = time.Minute

// accident drops a table at a known second, and puts the database back to the
// second before.
func (d *demonstration) accident(ctx context.Context, s *session, parts *worker.Parts) error {
	fmt.Fprintf(d.out, "\nan accident in main\n")
	live := parts.Config.Surfaces["main"].URL
	if err := d.window(ctx, parts, func(w pitr.Status) bool { return w.Lag != nil && w.Lag.Active }); err != nil {
		return err
	}
	base, err := d.base(ctx, s)
	if err != nil {
		return err
	}
	lines, err := d.askLive(ctx, live, "SELECT count(*)::text FROM "+demoVictim)
	if err != nil {
		return err
	}
	// The second before has to lie after the base backup.
	if _, err := d.askLive(ctx, live, "SELECT pg_sleep(2)::text"); err != nil {
		return err
	}
	// The moment is the server's, and no transaction lies between it and the accident.
	at, err := d.askLive(ctx, live, `SELECT to_char(date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC'), 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`)
	if err != nil {
		return err
	}
	if _, err := d.askLive(ctx, live, "DROP TABLE "+demoVictim+" CASCADE"); err != nil {
		return err
	}
	d.step("  DROP TABLE "+demoVictim+" CASCADE", 0, lines+" rows are gone")
	flushed, err := d.askLive(ctx, live, "SELECT pg_current_wal_flush_lsn()::text")
	if err != nil {
		return err
	}
	until, err := wal.ParseLSN(flushed)
	if err != nil {
		return err
	}
	if err := d.window(ctx, parts, func(w pitr.Status) bool { return w.LatestLSN >= until }); err != nil {
		return err
	}
	return d.back(ctx, s, parts, at, lines, base)
}

// base takes the base backup that the way back begins with.
func (d *demonstration) base(ctx context.Context, s *session) (string, error) {
	begun := time.Now()
	started, err := s.launcher.Snapshot(ctx, requester(), workflows.SnapshotInput{Surface: "main", Kind: config.KindBase})
	if err != nil {
		return "", err
	}
	var result workflows.SnapshotResult
	if err := d.await(ctx, s, started, "base backup of main", &result); err != nil {
		return "", err
	}
	d.step("  base backup, compressed and encrypted", time.Since(begun), fmt.Sprintf("%s, stored in %s", size(result.PlainBytes), size(result.Bytes)))
	return result.ID, nil
}

// back recovers and counts.
func (d *demonstration) back(ctx context.Context, s *session, parts *worker.Parts, at, lines, base string) error {
	begun := time.Now()
	started, err := s.launcher.Recover(ctx, requester(), workflows.RecoverInput{Surface: "main", At: at})
	if err != nil {
		return err
	}
	var result workflows.RecoverResult
	if err := d.await(ctx, s, started, "recovery of main to "+at, &result); err != nil {
		return err
	}
	took := time.Since(begun)
	url, err := parts.RecoveredURL(result)
	if err != nil {
		return err
	}
	d.step("  back to the second before, "+at, took, url)
	for _, step := range result.Steps {
		fmt.Fprintf(d.out, "    %-44s %9s\n", step.Name, seconds(step.Seconds))
	}
	found, err := d.askLive(ctx, secret.String(url), "SELECT count(*)::text FROM "+demoVictim)
	if err != nil {
		return err
	}
	if found != lines || result.Point != base {
		return fault.New(fault.Mismatch, "%s has %s rows after the recovery, and had %s", demoVictim, found, lines)
	}
	fmt.Fprintf(d.out, "  %s has its %s rows again; the last transaction there is of %s\n", demoVictim, found, result.Reached.Time.UTC().Format(time.RFC3339Nano))
	return nil
}

// window waits until the window of main is as wanted.
func (d *demonstration) window(ctx context.Context, parts *worker.Parts, wanted func(pitr.Status) bool) error {
	ctx, cancel := context.WithTimeout(ctx, streamWithin)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := parts.PITRStatus(ctx, "main", "")
		if err == nil && wanted(status) {
			return nil
		}
		select {
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "the WAL of main is not stored after %v", streamWithin)
		case <-tick.C:
		}
	}
}

// askLive runs one statement and returns its one value, empty for none.
func (d *demonstration) askLive(ctx context.Context, url secret.String, statement string) (string, error) {
	conn, err := pgx.Connect(ctx, url.Reveal())
	if err != nil {
		return "", fault.Wrap(fault.Unavailable, err, "connect to PostgreSQL")
	}
	defer func() { _ = conn.Close(ctx) }()
	var out string
	err = conn.QueryRow(ctx, statement).Scan(&out)
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return out, fault.Wrap(fault.Internal, err, "ask PostgreSQL")
}
