package replication

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// The SQLSTATEs that are understood (PostgreSQL manual, appendix A). Messages
// come in the server's language and say nothing.
const (
	dataCorrupted       = "XX001"
	internalError       = "XX000"
	undefinedFile       = "58P01"
	undefinedObject     = "42704"
	duplicateObject     = "42710"
	objectInUse         = "55006"
	notInPrerequisite   = "55000"
	featureNotSupported = "0A000"
	tooManyConnections  = "53300"
	limitExceeded       = "53400"
	wrongPassword       = "28P01"
	noPrivilege         = "42501"
)

// state is the SQLSTATE of an error, empty where it is not the server's.
func state(err error) string {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return server.Code
	}
	return ""
}

func (c *Conn) classify(err error, doing string) error { return classify(err, doing, c.config.User) }

// classify gives an error of a connection its kind, and says what was being
// done. Errors that are classified already, and nil, stay as they are.
func classify(err error, doing, role string) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return fault.While(err, "%s", doing)
	}
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		kind, advice := judge(server.Code, role)
		return fault.Wrap(kind, err, "%s%s", doing, advice)
	}
	var network net.Error
	var connecting *pgconn.ConnectError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &connecting):
		return fault.Wrap(fault.Internal, err, "%s", doing)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fault.Wrap(fault.Unavailable, err, "%s: the server has fallen silent", doing)
	case errors.As(err, &connecting), errors.As(err, &network), errors.Is(err, net.ErrClosed),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), pgconn.SafeToRetry(err):
		return fault.Wrap(fault.Unavailable, err, "%s", doing)
	}
	return fault.Wrap(fault.Internal, err, "%s", doing)
}

// judge maps a SQLSTATE to a kind, and to what can be done about it.
func judge(code, role string) (kind fault.Kind, advice string) {
	switch {
	case code == wrongPassword:
		return fault.Denied, ": correct the password in the URL"
	case strings.HasPrefix(code, "28"):
		return fault.Denied, fmt.Sprintf(": let the role in, with ALTER ROLE %[1]q REPLICATION LOGIN and a line of pg_hba.conf "+
			`like "host replication %[1]s ADDRESS scram-sha-256"`, role)
	case code == noPrivilege:
		return fault.Denied, fmt.Sprintf(": run ALTER ROLE %q REPLICATION", role)
	case code == undefinedObject, code == "3D000":
		return fault.Missing, ""
	case code == featureNotSupported, code == "42601":
		return fault.Unsupported, ""
	case code == objectInUse:
		return fault.Conflict, ""
	case code == limitExceeded:
		return fault.Exhausted, ": raise max_replication_slots, or drop slots that nobody uses"
	case code == tooManyConnections, strings.HasPrefix(code, "08"), strings.HasPrefix(code, "57P"), strings.HasPrefix(code, "40"):
		return fault.Unavailable, ""
	case strings.HasPrefix(code, "53"), code == "54000":
		return fault.Exhausted, ""
	case code == dataCorrupted, code == "XX002":
		return fault.Corrupt, ""
	default:
		return fault.Internal, ""
	}
}

// refused says why the server gave no replication connection.
func (c Config) refused(ctx context.Context, err error, config *pgconn.Config) error {
	const doing = "connect to PostgreSQL for replication"
	if state(err) != tooManyConnections {
		return classify(err, doing, config.User)
	}
	level, senders := "", ""
	if conn, failed := c.session(ctx); failed == nil {
		defer goodbye(conn)
		row := conn.QueryRow(ctx, "SELECT current_setting('wal_level'), current_setting('max_wal_senders')")
		if row.Scan(&level, &senders) == nil && (level == "minimal" || senders == "0") {
			return fault.Wrap(fault.Invalid, err, "%s: set wal_level = replica and max_wal_senders = 10 in postgresql.conf (they are %s and %s) "+
				"and restart the server", doing, level, senders)
		}
	}
	return fault.Wrap(fault.Unavailable, err, "%s: raise max_wal_senders, or end WAL senders that nobody uses", doing)
}
