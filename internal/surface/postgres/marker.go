package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// The marker is one row that is updated in place, so the table stays a page or two.
const (
	makeMarker = `
		CREATE SCHEMA IF NOT EXISTS lifeboat;
		CREATE TABLE IF NOT EXISTS lifeboat.marker (id int PRIMARY KEY CHECK (id = 1), at timestamptz NOT NULL) WITH (fillfactor = 10)`
	setMarker  = `INSERT INTO lifeboat.marker VALUES (1, clock_timestamp()) ON CONFLICT (id) DO UPDATE SET at = clock_timestamp()`
	haveMarker = `SELECT to_regclass('lifeboat.marker') IS NOT NULL`
	getMarker  = `SELECT at FROM lifeboat.marker WHERE id = 1`
)

// Mark implements surface.Marker, in the table lifeboat.marker.
func (s *Surface) Mark(ctx context.Context, every time.Duration) error {
	conn, err := s.source.connect(ctx, "UTF8")
	if err != nil {
		return err
	}
	defer goodbye(conn)
	if err := prepareMarker(ctx, conn); err != nil {
		return err
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if _, err := conn.Exec(ctx, setMarker); err != nil {
			return unlessEnded(ctx, classify(err, "write the marker"))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// prepareMarker makes the table where it is missing: whoever may only write to it needs no more.
func prepareMarker(ctx context.Context, conn *pgx.Conn) error {
	var there bool
	if err := conn.QueryRow(ctx, haveMarker).Scan(&there); err != nil || there {
		return classify(err, "look for the marker table")
	}
	_, err := conn.Exec(ctx, makeMarker, pgx.QueryExecModeSimpleProtocol)
	return classify(err, "make the table lifeboat.marker")
}

// Marked implements surface.Marker.
func (s *Surface) Marked(ctx context.Context, t surface.Target) (time.Time, error) {
	target, err := parseAddress(t.URL, surface.Config{})
	if err != nil {
		return time.Time{}, err
	}
	conn, err := target.connect(ctx, "UTF8")
	if err != nil {
		return time.Time{}, err
	}
	defer goodbye(conn)
	var there bool
	if err := conn.QueryRow(ctx, haveMarker).Scan(&there); err != nil {
		return time.Time{}, classify(err, "look for the marker table")
	}
	if !there {
		return time.Time{}, fault.New(fault.Missing, "there is no table lifeboat.marker")
	}
	var at time.Time
	if err := conn.QueryRow(ctx, getMarker).Scan(&at); err != nil {
		return at, classify(err, "read the marker")
	}
	return at, nil
}
