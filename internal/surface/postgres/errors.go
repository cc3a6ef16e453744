package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// classify gives an error of a connection its kind, and says what was being
// done. Errors that are classified already, and nil, stay as they are.
func classify(err error, doing string) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return fault.While(err, "%s", doing)
	}
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		if server.Code == lockTimeout {
			doing += ": another session has locked a table, or waits to: try again when it has finished"
		}
		return fault.Wrap(kindOfState(server.Code), err, "%s", doing)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fault.Wrap(fault.Internal, err, "%s", doing)
	}
	var connecting *pgconn.ConnectError
	var network net.Error
	if errors.As(err, &connecting) || errors.As(err, &network) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pgconn.SafeToRetry(err) {
		return fault.Wrap(fault.Unavailable, err, "%s", doing)
	}
	return fault.Wrap(fault.Internal, err, "%s", doing)
}

const lockTimeout = "55P03"

// kindOfState maps a SQLSTATE (PostgreSQL manual, appendix A).
func kindOfState(state string) fault.Kind {
	switch {
	case state == "42501", strings.HasPrefix(state, "28"):
		return fault.Denied
	case state == "3D000", state == "3F000", state == "42P01", state == "42704", state == "42883":
		return fault.Missing
	case state == "0A000":
		return fault.Unsupported
	case state == "53300", state == lockTimeout, strings.HasPrefix(state, "08"), strings.HasPrefix(state, "57P"), strings.HasPrefix(state, "40"):
		return fault.Unavailable
	case strings.HasPrefix(state, "53"), state == "54000":
		return fault.Exhausted
	case strings.HasPrefix(state, "XX"):
		return fault.Corrupt
	default:
		return fault.Internal
	}
}

// unlessEnded prefers the reason why ctx ended, if it did, to what that caused.
func unlessEnded(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// state is the SQLSTATE of an error, empty where it is not the server's.
func state(err error) string {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return server.Code
	}
	return ""
}
