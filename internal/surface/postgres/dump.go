package postgres

import (
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Dump implements surface.Surface.
func (s *Surface) Dump(ctx context.Context, text string, part surface.Part, w io.Writer) (surface.Fingerprint, error) {
	t, err := parseToken(text)
	if err != nil {
		return nil, err
	}
	piece, err := s.dump(ctx, s.source, t, part, w)
	return piece, classify(unlessEnded(ctx, err), "dump part "+part.Name)
}

func (s *Surface) dump(ctx context.Context, at *address, t token, part surface.Part, w io.Writer) (surface.Fingerprint, error) {
	conn, err := s.join(ctx, at, t, "")
	if err != nil {
		return nil, err
	}
	defer goodbye(conn)
	switch part.Name {
	case partSchema:
		return nil, s.dumpSchema(ctx, conn, at, t, w)
	case partGlobals:
		return nil, s.dumpGlobals(ctx, conn, at, w)
	case partDatabase:
		return nil, dumpDatabase(ctx, conn, w)
	case partLargeObjects:
		return s.dumpLargeObjects(ctx, conn, at, t, w)
	default:
		return dumpRows(ctx, conn, part, w)
	}
}

func dumpRows(ctx context.Context, conn *pgx.Conn, part surface.Part, w io.Writer) (surface.Fingerprint, error) {
	spec, err := readRowsSpec(part)
	if err != nil {
		return nil, err
	}
	list, err := tables(ctx, conn, spec.OIDs)
	if err != nil {
		return nil, err
	}
	if len(list) != len(spec.OIDs) {
		return nil, fault.New(fault.Lost, "of %d tables only %d are still there: the snapshot's tables are not locked any more", len(spec.OIDs), len(list))
	}
	encoding, err := clientEncoding(ctx, conn)
	if err != nil {
		return nil, err
	}
	out := newCopyOut(conn.PgConn(), w)
	if part.Format != FormatBinary {
		if err := out.text(fmt.Sprintf(scriptHead, encoding)); err != nil {
			return nil, err
		}
	}
	var piece surface.Fingerprint
	for _, t := range list {
		entry, err := dumpTable(ctx, out, t, spec, part.Format == FormatBinary, encoding)
		if err != nil {
			return nil, classify(err, "read table "+t.name)
		}
		piece = append(piece, entry)
	}
	return piece, out.flush()
}

func dumpTable(ctx context.Context, out *copyOut, t table, spec rowsSpec, binary bool, encoding string) (surface.Entry, error) {
	if binary {
		sum, err := out.copy(ctx, t.copyTo(spec, true), binaryHeader(t.binaryHead(encoding)))
		if err != nil {
			return surface.Entry{}, err
		}
		return sum.entry(entryTable, t.name, binarySum), nil
	}
	if err := out.text("\n" + t.copyFrom(false)); err != nil {
		return surface.Entry{}, err
	}
	sum, err := out.copy(ctx, t.copyTo(spec, false), nil)
	if err != nil {
		return surface.Entry{}, err
	}
	return sum.entry(entryTable, t.name, textSum), out.text(endOfRows)
}

// copyTo is the statement that reads a table's rows.
func (t table) copyTo(spec rowsSpec, binary bool) string {
	format := ""
	if binary {
		format = " WITH (FORMAT binary)"
	}
	var where string
	switch {
	case t.condition != "":
		where = " " + t.condition
	case spec.To != 0:
		where = fmt.Sprintf(" WHERE ctid >= '(%d,0)' AND ctid < '(%d,0)'", spec.From, spec.To)
	case spec.From != 0:
		where = fmt.Sprintf(" WHERE ctid >= '(%d,0)'", spec.From)
	case t.columns == "":
		return "COPY " + t.sql + " TO STDOUT" + format
	default:
		return "COPY " + t.sql + " (" + t.columns + ") TO STDOUT" + format
	}
	return "COPY (SELECT " + t.columns + " FROM ONLY " + t.sql + where + ") TO STDOUT" + format
}

func clientEncoding(ctx context.Context, conn *pgx.Conn) (string, error) {
	var encoding string
	err := conn.QueryRow(ctx, "SELECT current_setting('client_encoding')").Scan(&encoding)
	return encoding, classify(err, "ask for the encoding")
}
