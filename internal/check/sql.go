package check

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// sql runs one statement in a transaction that may only read, and rolls it
// back. The value is the first of the first row, as PostgreSQL writes it, but
// true and false in full and NULL for none. Rows are counted as they come, and
// not kept.
func (r *Runner) sql(ctx context.Context, c drill.Check) observation {
	o := observation{subject: c.Surface + ": " + c.Query, expected: expectedRows(c)}
	server, err := r.server(c, "postgres")
	if err != nil {
		o.err = err
		return o
	}
	conn, err := connect(ctx, server, c.Database)
	if err != nil {
		o.observed, o.err = "no connection", err
		return o
	}
	// The transaction is gone with the connection.
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadOnly})
	if err != nil {
		o.err = unreachable(err, "begin a transaction on %s", c.Surface)
		return o
	}
	rows, err := tx.Query(ctx, c.Query, pgx.QueryExecModeExec, pgx.QueryResultFormats{pgx.TextFormatCode})
	if err != nil {
		o.err = queryFailure(err, c.Surface)
		return o
	}
	first, count, err := read(rows)
	if err != nil {
		o.err = queryFailure(err, c.Surface)
		return o
	}
	o.observed = plural(count, "row")
	if first != nil {
		o.observed += ", first value " + *first
	}
	o.err = judgeRows(c, first, count)
	return o
}

// connect opens a session. The server ends a statement that is still running
// when the attempt is over.
func connect(ctx context.Context, server drill.Server, database string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(server.URL.Reveal())
	if err != nil {
		// The cause may quote the URL with its password.
		return nil, fault.New(fault.Internal, "the URL of the restored server can't be parsed")
	}
	if database != "" {
		config.Database = database
	}
	config.RuntimeParams["application_name"] = "lifeboat check"
	if deadline, limited := ctx.Deadline(); limited {
		// A second later, so that our own deadline is the one that is told of.
		left := time.Until(deadline) + time.Second
		config.RuntimeParams["statement_timeout"] = strconv.FormatInt(max(1, left.Milliseconds()), 10)
	}
	config.BuildFrontend = func(in io.Reader, out io.Writer) *pgproto3.Frontend {
		frontend := pgproto3.NewFrontend(in, out)
		frontend.SetMaxBodyLen(MaxRead)
		return frontend
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, unreachable(err, "connect to the restored PostgreSQL")
	}
	return conn, nil
}

// read takes the first value and the number of rows.
func read(rows pgx.Rows) (first *string, count int, err error) {
	defer rows.Close()
	for rows.Next() {
		if values := rows.RawValues(); count == 0 && len(values) > 0 {
			text := written(values[0], rows.FieldDescriptions()[0].DataTypeOID)
			first = &text
		}
		count++
	}
	return first, count, rows.Err()
}

func written(value []byte, oid uint32) string {
	switch {
	case value == nil:
		return "NULL"
	case oid == pgtype.BoolOID:
		return strconv.FormatBool(string(value) == "t")
	default:
		return string(value)
	}
}

func queryFailure(err error, surface string) error {
	if _, long := errors.AsType[*pgproto3.ExceededMaxBodyLenErr](err); long {
		return tooLong("a row")
	}
	if _, answered := errors.AsType[*pgconn.PgError](err); answered {
		return fault.Wrap(fault.Mismatch, err, "query %s", surface)
	}
	return unreachable(err, "query %s", surface)
}

func judgeRows(c drill.Check, first *string, count int) error {
	if c.Rows != "" {
		if err := judge("the number of rows", strconv.Itoa(count), c.Rows); err != nil {
			return err
		}
	}
	switch {
	case c.Expect == "":
		return nil
	case count == 0:
		return unlike("the query answered no row, expected a value")
	case first == nil:
		return unlike("the query answers no columns, expected a value")
	default:
		return judge("the first value", *first, c.Expect)
	}
}

func expectedRows(c drill.Check) string {
	var parts []string
	if c.Expect != "" {
		parts = append(parts, expects("first value", c.Expect))
	}
	if c.Rows != "" {
		parts = append(parts, expects("rows", c.Rows))
	}
	if parts == nil {
		return "the query succeeds"
	}
	return strings.Join(parts, "; ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
