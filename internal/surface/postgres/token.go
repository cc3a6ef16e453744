package postgres

import (
	"context"
	"encoding/json"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// token names an exported snapshot, and the one session that keeps it alive. A
// snapshot's own name is not enough: a restarted server gives the same names again.
type token struct {
	Snapshot string    `json:"snapshot"`
	PID      int32     `json:"pid"`
	Since    time.Time `json:"since"`
	Database string    `json:"database"`
}

func (t token) String() string {
	text, err := json.Marshal(t)
	if err != nil {
		panic(err) // plain values always marshal
	}
	return string(text)
}

// snapshotName is what pg_export_snapshot returns. It stands in statements and
// argument lists as it is.
var snapshotName = regexp.MustCompile(`^[0-9A-Fa-f]+(-[0-9A-Fa-f]+)+$`)

func parseToken(text string) (token, error) {
	var t token
	if err := json.Unmarshal([]byte(text), &t); err != nil || !snapshotName.MatchString(t.Snapshot) {
		return t, fault.New(fault.Invalid, "the token of the view is not one of PostgreSQL's")
	}
	return t, nil
}

// errLost says that a view is gone.
func errLost(cause error) error {
	if cause == nil {
		return fault.New(fault.Lost, "the snapshot is gone: the session that held it has ended")
	}
	return fault.Wrap(fault.Lost, cause, "the snapshot is gone")
}

// export makes the transaction of conn a snapshot that others can join.
func export(ctx context.Context, conn *pgx.Conn) (token, error) {
	t := token{Database: conn.Config().Database}
	err := conn.QueryRow(ctx, `
		SELECT pg_export_snapshot(), pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()`).
		Scan(&t.Snapshot, &t.PID, &t.Since)
	return t, classify(err, "export a snapshot")
}

// requireAlive fails with fault.Lost unless the exporting session still runs.
func requireAlive(ctx context.Context, conn *pgx.Conn, t token) error {
	var alive bool
	err := conn.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2 AND datname = current_database())`,
		t.PID, t.Since).Scan(&alive)
	if err != nil {
		return classify(err, "look for the session that holds the snapshot")
	}
	if !alive {
		return errLost(nil)
	}
	return nil
}

// join opens a session that sees what the token's session sees. An empty
// encoding is the database's own.
func (s *Surface) join(ctx context.Context, at *address, t token, encoding string) (*pgx.Conn, error) {
	conn, err := at.connect(ctx, encoding)
	if err != nil {
		return nil, err
	}
	if err := joinSnapshot(ctx, conn, t, s.limits); err != nil {
		goodbye(conn)
		return nil, err
	}
	return conn, nil
}

func joinSnapshot(ctx context.Context, conn *pgx.Conn, t token, l limits) error {
	if err := requireAlive(ctx, conn, t); err != nil {
		return err
	}
	if err := setLockTimeout(ctx, conn, l.dumpLockWait); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"); err != nil {
		return classify(err, "begin a transaction")
	}
	if _, err := conn.Exec(ctx, "SET TRANSACTION SNAPSHOT '"+t.Snapshot+"'"); err != nil {
		if state(err) != "" && kindOfState(state(err)) != fault.Unavailable {
			return errLost(err)
		}
		return classify(err, "join the snapshot")
	}
	return nil
}
