package replication

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/wal"
)

// SlotState is a slot with what it holds back, as an ordinary session sees it.
type SlotState struct {
	Exists bool `json:"exists"`
	// Physical is false for a logical slot, which no WAL can be shipped through.
	Physical bool `json:"physical"`
	// Active is whether somebody streams through it: the process ActivePID, which
	// calls itself ActiveBy.
	Active    bool   `json:"active"`
	ActivePID int32  `json:"activePid,omitempty"`
	ActiveBy  string `json:"activeBy,omitempty"`
	// RestartLSN is where the WAL begins that is kept for the slot; zero is none.
	RestartLSN wal.LSN `json:"restartLsn"`
	// At is how far the server's WAL has come: on a standby, how much of it has arrived.
	At wal.LSN `json:"at"`
	// HeldBytes is the WAL between the two.
	HeldBytes int64 `json:"heldBytes"`
	// WALStatus is reserved, extended (more than max_wal_size), unreserved (may go
	// at the next checkpoint) or lost; empty where nothing is kept.
	WALStatus string `json:"walStatus"`
	// SafeBytes is how much more WAL can be written before the slot is in danger
	// of losing its own, nil where there is no bound.
	SafeBytes *int64 `json:"safeBytes,omitempty"`
	// MaxKeepBytes is max_slot_wal_keep_size; -1 is no bound.
	MaxKeepBytes int64 `json:"maxKeepBytes"`
	// Standby is whether the server is one.
	Standby bool `json:"standby"`
}

// heldSQL works for every role. A standby that has just started may have
// replayed more from its archive than it has received.
const heldSQL = `
SELECT s.slot_name IS NOT NULL, coalesce(s.slot_type = 'physical', false), coalesce(s.active, false),
	coalesce(s.active_pid, 0), coalesce(a.application_name, ''), coalesce(s.restart_lsn::text, '0/0'),
	coalesce(here.at::text, '0/0'), coalesce(here.at - s.restart_lsn, 0)::int8, coalesce(s.wal_status, ''),
	s.safe_wal_size, k.setting::int8, pg_is_in_recovery()
FROM (SELECT CASE WHEN pg_is_in_recovery() THEN greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
	ELSE pg_current_wal_lsn() END AS at) here
JOIN pg_settings k ON k.name = 'max_slot_wal_keep_size'
LEFT JOIN pg_replication_slots s ON s.slot_name = $1
LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid`

// Held asks over an ordinary session what a slot is and holds back.
func Held(ctx context.Context, c Config, slot string) (SlotState, error) {
	doing := "look at the replication slot " + slot
	conn, err := c.session(ctx)
	if err != nil {
		return SlotState{}, fault.While(err, "%s", doing)
	}
	defer goodbye(conn)
	var s SlotState
	var restart, at string
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	err = conn.QueryRow(ctx, heldSQL, slot).Scan(&s.Exists, &s.Physical, &s.Active, &s.ActivePID, &s.ActiveBy, &restart,
		&at, &s.HeldBytes, &s.WALStatus, &s.SafeBytes, &s.MaxKeepBytes, &s.Standby)
	if err != nil {
		return SlotState{}, classify(err, doing, conn.Config().User)
	}
	if s.RestartLSN, err = wal.ParseLSN(restart); err != nil {
		return SlotState{}, err
	}
	if s.At, err = wal.ParseLSN(at); err != nil {
		return SlotState{}, err
	}
	if s.MaxKeepBytes > 0 {
		// The setting counts megabytes.
		s.MaxKeepBytes <<= 20
	}
	return s, nil
}

// TakeOver ends a connection of ours that still holds a slot: that of a worker
// whose end the server has not noticed. Call it only when that worker is known
// to be gone. It returns whether there was one; the slot is then free. A slot
// that somebody else uses, by another application name, is Conflict; the error
// is Denied when the role may not end the session.
func TakeOver(ctx context.Context, c Config, slot string) (bool, error) {
	doing := "take over the replication slot " + slot
	ours, err := c.name()
	if err != nil {
		return false, err
	}
	conn, err := c.session(ctx)
	if err != nil {
		return false, fault.While(err, "%s", doing)
	}
	defer goodbye(conn)
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	// What is looked at and what is ended are the same by one statement.
	const sql = `
WITH holder AS MATERIALIZED (
	SELECT s.active_pid AS pid, a.application_name AS name, coalesce(a.application_name = $2, false) AS ours
	FROM pg_replication_slots s LEFT JOIN pg_stat_activity a ON a.pid = s.active_pid WHERE s.slot_name = $1)
SELECT coalesce(pid, 0), coalesce(name, ''), ours, CASE WHEN ours THEN pg_terminate_backend(pid, $3) ELSE false END FROM holder`
	var pid int32
	var name string
	var isOurs, ended bool
	err = conn.QueryRow(ctx, sql, slot, ours, goodbyeWithin.Milliseconds()).Scan(&pid, &name, &isOurs, &ended)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return false, fault.New(fault.Missing, "%s: there is no such slot", doing)
	case state(err) == noPrivilege:
		return false, fault.Wrap(fault.Denied, err, "%s: run GRANT pg_signal_backend TO %q", doing, conn.Config().User)
	case err != nil:
		return false, classify(err, doing, conn.Config().User)
	case pid == 0:
		return false, nil
	case !isOurs:
		return false, fault.New(fault.Conflict, "%s: process %d uses it, which calls itself %q and is not ours", doing, pid, name)
	case !ended:
		return false, fault.New(fault.Unavailable, "%s: process %d was asked to end %v ago and has not", doing, pid, goodbyeWithin)
	}
	return true, nil
}

// Superuser is the name of the role that the cluster was initialised with: it
// alone is sure to be there in a copy of the data directory.
func Superuser(ctx context.Context, c Config) (string, error) {
	const doing = "look up the bootstrap superuser"
	conn, err := c.session(ctx)
	if err != nil {
		return "", fault.While(err, "%s", doing)
	}
	defer goodbye(conn)
	var name string
	err = conn.QueryRow(ctx, "SELECT rolname FROM pg_roles WHERE oid = 10").Scan(&name)
	return name, classify(err, doing, conn.Config().User)
}

// session opens an ordinary session.
func (c Config) session(ctx context.Context) (*pgx.Conn, error) {
	config, _, err := c.parse()
	if err != nil {
		return nil, err
	}
	if config.Database == "" {
		config.Database = config.User
	}
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fault.Wrap(fault.KindOf(classify(err, "", config.User)), err, "connect to PostgreSQL")
	}
	return conn, nil
}

func goodbye(conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), goodbyeWithin)
	defer cancel()
	_ = conn.Close(ctx)
}

// Now is the server's clock.
func Now(ctx context.Context, c Config) (time.Time, error) {
	const doing = "ask the server for the time"
	conn, err := c.session(ctx)
	if err != nil {
		return time.Time{}, fault.While(err, "%s", doing)
	}
	defer goodbye(conn)
	var now time.Time
	err = conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now)
	return now.UTC(), classify(err, doing, conn.Config().User)
}
