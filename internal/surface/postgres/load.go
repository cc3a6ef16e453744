package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Load implements surface.Surface. A part is loaded in one transaction that
// also notes it as loaded. Rows of whole tables are written frozen, which
// saves writing every page again later, and without WAL where the server's
// wal_level is minimal.
func (s *Surface) Load(ctx context.Context, t surface.Target, part surface.Part, r io.Reader) error {
	at, err := s.target(t.URL)
	if err != nil {
		return err
	}
	if part.Name == partLargeObjects {
		return classify(unlessEnded(ctx, s.loadLargeObjects(ctx, at, t, r)), "load the large objects")
	}
	spec, err := readRowsSpec(part)
	if err != nil {
		return err
	}
	conn, err := at.connect(ctx, "UTF8")
	if err != nil {
		return err
	}
	defer goodbye(conn)
	l := &loading{conn: conn, in: newCopyIn(conn.PgConn()), ranged: spec.ranged(), selective: !t.Selection.All()}
	return classify(unlessEnded(ctx, l.run(ctx, part, r)), "load part "+part.Name)
}

// loading is one part on its way into a database.
type loading struct {
	conn *pgx.Conn
	in   *copyIn
	// ranged is set where other parts have other rows of the same table.
	ranged bool
	// selective is set where only the selected tables are wanted.
	selective bool
}

func (l *loading) run(ctx context.Context, part surface.Part, r io.Reader) error {
	if err := execute(ctx, l.conn, "BEGIN"); err != nil {
		return err
	}
	fresh, err := claim(ctx, l.conn, part.Name)
	if err != nil || !fresh {
		return err
	}
	switch part.Format {
	case FormatSQL:
		err = l.script(ctx, newScript(r), nil)
	case FormatBinary:
		err = l.binary(ctx, r)
	default:
		err = fault.New(fault.Unsupported, "parts of format %q can't be loaded", part.Format)
	}
	if err != nil {
		return err
	}
	return execute(ctx, l.conn, "COMMIT")
}

// script runs the statements of a part, of which there are three kinds. Rows
// come from the script itself, or from binary where that is not nil.
func (l *loading) script(ctx context.Context, s *script, binary io.Reader) error {
	for {
		sql, err := s.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		c, isCopy := parseCopy(sql)
		switch {
		case isCopy && c.binary != (binary != nil):
			return fault.New(fault.Corrupt, "a part has rows in another format than it says")
		case isCopy && binary != nil:
			return l.table(ctx, c, binary)
		case isCopy:
			rows := s.rows()
			if err := l.table(ctx, c, rows); err != nil {
				return err
			}
			if _, err := io.Copy(io.Discard, rows); err != nil {
				return err
			}
		case setEncoding.MatchString(sql):
			if err := execute(ctx, l.conn, sql); err != nil {
				return err
			}
		case !setStatement.MatchString(sql):
			return fault.New(fault.Corrupt, "a part has a statement that is neither COPY nor a setting")
		}
	}
}

// binary loads the stream of one table; see FormatBinary.
func (l *loading) binary(ctx context.Context, r io.Reader) error {
	fixed := make([]byte, binaryFixedHeader)
	if _, err := io.ReadFull(r, fixed); err != nil {
		return badHeader(err)
	}
	size := binary.BigEndian.Uint32(fixed[binaryFixedHeader-4:])
	if !bytes.HasPrefix(fixed, binarySignature) || size == 0 || size > longestStatement {
		return badHeader(nil)
	}
	head := make([]byte, size)
	if _, err := io.ReadFull(r, head); err != nil {
		return badHeader(err)
	}
	return l.script(ctx, newScript(bytes.NewReader(head)), io.MultiReader(bytes.NewReader(binaryHeader("")), r))
}

func badHeader(err error) error {
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return err
	}
	return fault.New(fault.Corrupt, "a part in %s does not begin as it must", FormatBinary)
}

func (l *loading) table(ctx context.Context, c copyStatement, rows io.Reader) error {
	if l.selective {
		wanted, err := selected(ctx, l.conn, c)
		if err != nil || !wanted {
			return err
		}
	}
	append, err := l.appends(ctx, c)
	if err != nil {
		return err
	}
	options := " WITH (FORMAT text"
	if c.binary {
		options = " WITH (FORMAT binary"
	}
	if !append {
		if err := execute(ctx, l.conn, "TRUNCATE ONLY "+c.name); err != nil {
			return classify(err, "empty table "+display([]byte(c.name)))
		}
		options += ", FREEZE"
	}
	err = l.in.copy(ctx, "COPY "+c.name+c.columns+" FROM STDIN"+options+")", rows)
	return classify(err, "load table "+display([]byte(c.name)))
}

// appends reports whether the table may have other rows already: those of
// other ranges, or in a configuration table those of the extension itself.
func (l *loading) appends(ctx context.Context, c copyStatement) (bool, error) {
	if l.ranged {
		return true, nil
	}
	var member bool
	err := l.conn.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = $1::text::regclass AND deptype = 'e')`,
		c.name).Scan(&member)
	return member, classify(err, "look for table "+display([]byte(c.name)))
}
