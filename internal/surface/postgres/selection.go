package postgres

import (
	"context"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// beginSelection prepares a database, a new one or one that holds other
// things, for some tables or schemas. What comes with a table: its columns,
// defaults, owner, privileges, comments and partitions, the sequences that it
// owns; later its indexes, constraints, triggers and policies. Foreign keys
// come if the other table is selected, too. What it needs (its schema, types,
// functions, extensions, other sequences) is made where it does not exist, and
// otherwise left as it is. A schema comes with everything in it.
//
// What is selected must not exist in the target, unless it may be replaced: then it is
// dropped, but never with anything else that depends on it.
func (r *restore) beginSelection(ctx context.Context, server *pgx.Conn, spec schemaSpec, src surface.Source) error {
	all, err := r.readContents(ctx)
	if err != nil {
		return err
	}
	chosen, err := r.choose(ctx, all)
	if err != nil {
		return err
	}
	if err := r.openForSelection(ctx, server, spec, src); err != nil {
		return err
	}
	conn, err := r.at.connect(ctx, "UTF8")
	if err != nil {
		return err
	}
	defer goodbye(conn)
	if err := r.clearSelection(ctx, conn); err != nil {
		return err
	}
	if err := r.restoreNeeded(ctx, conn, all, chosen); err != nil {
		return err
	}
	list, err := r.scratch.write("own.list", all.lines(chosen.own))
	if err != nil {
		return err
	}
	if err := r.pgRestore(ctx, "--section=pre-data", "--exit-on-error", "--use-list="+list); err != nil {
		return err
	}
	return noteSelected(ctx, conn, r.target.Selection)
}

// openForSelection makes sure that there is a database. A throw-away server
// gets a fresh one, and the globals.
func (r *restore) openForSelection(ctx context.Context, server *pgx.Conn, spec schemaSpec, src surface.Source) error {
	if r.target.Throwaway {
		globals, err := readScript(ctx, src, partGlobals)
		if err != nil {
			return err
		}
		if err := r.makeDatabase(ctx, server, spec); err != nil {
			return err
		}
		return runGlobals(ctx, server, globals)
	}
	found, err := r.occupancy(ctx, server)
	if err != nil || found != absent {
		return err
	}
	return createDatabase(ctx, server, r.at.config.Database, spec)
}

// clearSelection makes room for what is selected. What an unfinished attempt
// has left may always go: it had found nothing there, or leave to replace it.
func (r *restore) clearSelection(ctx context.Context, conn *pgx.Conn) error {
	begun, err := underRestore(ctx, conn)
	if err != nil {
		return err
	}
	if begun {
		var partial bool
		err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+bookkeeping+".done WHERE part = $1)", markSelection).Scan(&partial)
		if err != nil {
			return classify(err, "look for an earlier attempt")
		}
		if !partial && !r.target.Replace {
			return fault.New(fault.Conflict, "another restore of the whole database %s has begun and is not finished", r.at.config.Database)
		}
		if err := execute(ctx, conn, "DROP SCHEMA "+bookkeeping+" CASCADE"); err != nil {
			return classify(err, "start over")
		}
	}
	for _, schema := range r.target.Selection.Schemas {
		if err := r.clearSchema(ctx, conn, schema, begun || r.target.Replace); err != nil {
			return err
		}
	}
	for _, table := range r.target.Selection.Tables {
		if err := r.clearTable(ctx, conn, table, begun || r.target.Replace); err != nil {
			return err
		}
	}
	if err := makeBookkeeping(ctx, conn); err != nil {
		return err
	}
	_, err = claim(ctx, conn, markSelection)
	return err
}

// noteSelected records which tables Load shall load: those selected, with
// their partitions, and all of a selected schema.
func noteSelected(ctx context.Context, conn *pgx.Conn, sel surface.Selection) error {
	_, err := conn.Exec(ctx, `
		INSERT INTO `+bookkeeping+`.selected
		WITH RECURSIVE wanted AS (
			SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname || '.' || c.relname = ANY($1) OR n.nspname = ANY($2)
			UNION
			SELECT i.inhrelid FROM wanted JOIN pg_inherits i ON i.inhparent = wanted.oid JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
		)
		SELECT n.nspname, c.relname FROM wanted JOIN pg_class c ON c.oid = wanted.oid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'p')`, sel.Tables, sel.Schemas)
	return classify(err, "note what is selected")
}

// selected reports whether the rows of a table are wanted.
func selected(ctx context.Context, conn *pgx.Conn, c copyStatement) (bool, error) {
	var wanted bool
	err := conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+bookkeeping+".selected WHERE schema = $1 AND name = $2)", c.schema, c.table).Scan(&wanted)
	return wanted, classify(err, "look whether the table is selected")
}

// selectedEntries are the entries of sequences and materialized views that
// belong to what was selected.
func selectedEntries(ctx context.Context, conn *pgx.Conn, f surface.Fingerprint, sel surface.Selection) (surface.Fingerprint, error) {
	rows, err := conn.Query(ctx, `
		SELECT `+qualified+`
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'S' AND (n.nspname = ANY($1) OR EXISTS (
			SELECT FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid JOIN pg_namespace tn ON tn.oid = t.relnamespace
			JOIN `+bookkeeping+`.selected s ON s.schema = tn.nspname AND s.name = t.relname
			WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')))`,
		sel.Schemas)
	if err != nil {
		return nil, classify(err, "list the sequences of what is selected")
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, classify(err, "list the sequences of what is selected")
	}
	return slices.DeleteFunc(slices.Clone(f), func(e surface.Entry) bool {
		return !(e.Kind == entrySequence && slices.Contains(names, e.Name) || e.Kind == entryMatview && inSelection(sel, e.Name))
	}), nil
}
