package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// view implements surface.View: one idle transaction whose snapshot is exported.
type view struct {
	token       token
	server      surface.Server
	parts       []surface.Part
	fingerprint surface.Fingerprint
	notes       []string

	mu   sync.Mutex
	conn *pgx.Conn // nil when closed
}

// Hold implements surface.Surface. Every table is locked against changes of
// its structure, as pg_dump does it; reading and writing go on.
func (s *Surface) Hold(ctx context.Context) (surface.View, error) {
	v, err := s.hold(ctx, s.source, s.limits.binaryAlone)
	if err != nil {
		return nil, err
	}
	return v, nil
}

// hold opens a view of the database at a, whose large tables go in binary
// where binary says so.
func (s *Surface) hold(ctx context.Context, at *address, binary func(table) bool) (*view, error) {
	conn, err := at.connect(ctx, "")
	if err != nil {
		return nil, err
	}
	v := &view{conn: conn}
	if err := s.open(ctx, v, binary); err != nil {
		goodbye(conn)
		return nil, err
	}
	return v, nil
}

func (s *Surface) open(ctx context.Context, v *view, binary func(table) bool) error {
	conn := v.conn
	var err error
	if v.server, err = describeServer(ctx, conn); err != nil {
		return err
	}
	if err := setLockTimeout(ctx, conn, s.limits.lockWait); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"); err != nil {
		return classify(err, "begin a transaction")
	}
	if v.token, err = export(ctx, conn); err != nil {
		return err
	}
	list, err := tables(ctx, conn, nil)
	if err != nil {
		return err
	}
	if err := lockTables(ctx, conn, list); err != nil {
		return err
	}
	if v.parts, err = s.metaParts(ctx, conn); err != nil {
		return err
	}
	v.parts = append(plan(list, s.limits, binary), v.parts...)
	if v.notes, err = notes(ctx, conn); err != nil {
		return err
	}
	v.fingerprint, err = catalogFingerprint(ctx, conn)
	return err
}

// locksAtOnce is how many tables one statement locks.
const locksAtOnce = 500

func lockTables(ctx context.Context, conn *pgx.Conn, list []table) error {
	for len(list) > 0 {
		n := min(len(list), locksAtOnce)
		names := make([]string, n)
		for i, t := range list[:n] {
			names[i] = "ONLY " + t.sql
		}
		list = list[n:]
		_, err := conn.Exec(ctx, "LOCK TABLE "+strings.Join(names, ", ")+" IN ACCESS SHARE MODE")
		switch state(err) {
		case "42P01", "3F000":
			return fault.Wrap(fault.Unavailable, err, "a table was dropped while the snapshot was opened: try again")
		case "53200":
			return fault.Wrap(fault.Exhausted, err, "the server has no room to lock %d tables: raise its max_locks_per_transaction", n)
		case "42501":
			return fault.Wrap(fault.Denied, err, "the user may not read every table: grant it pg_read_all_data")
		}
		if err != nil {
			return classify(err, "lock the tables")
		}
	}
	return nil
}

func setLockTimeout(ctx context.Context, conn *pgx.Conn, wait time.Duration) error {
	_, err := conn.Exec(ctx, "SELECT set_config('lock_timeout', $1, false)", strconv.FormatInt(wait.Milliseconds(), 10))
	return classify(err, "set the lock timeout")
}

// Token implements surface.View.
func (v *view) Token() string { return v.token.String() }

// Server implements surface.View.
func (v *view) Server() surface.Server { return v.server }

// Parts implements surface.View.
func (v *view) Parts() []surface.Part { return v.parts }

// Fingerprint implements surface.View.
func (v *view) Fingerprint() surface.Fingerprint { return v.fingerprint }

// Notes says what is not in the snapshot, one line each.
func (v *view) Notes() []string { return v.notes }

// Check implements surface.View.
func (v *view) Check(ctx context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn == nil {
		return errLost(nil)
	}
	_, err := v.conn.Exec(ctx, "SELECT")
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("check the view: %w", ctx.Err())
	}
	return errLost(err)
}

// Close implements surface.View.
func (v *view) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.conn == nil {
		return nil
	}
	goodbye(v.conn)
	v.conn = nil
	return nil
}
