package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// clearSchema drops a schema with what is in it. An empty one goes without leave.
func (r *restore) clearSchema(ctx context.Context, conn *pgx.Conn, schema string, replace bool) error {
	var exists, used bool
	err := conn.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1),
			EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1)
			OR EXISTS (SELECT FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1)
			OR EXISTS (SELECT FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = $1)`, schema).Scan(&exists, &used)
	if err != nil || !exists {
		return classify(err, "look for schema "+schema)
	}
	if used && !replace {
		return fault.New(fault.Conflict, "the target has a schema %s that is not empty: permit to replace it, or name another database", schema)
	}
	return classify(dropSchema(ctx, conn, schema), "make room for schema "+schema)
}

// dropSchema drops a schema and takes it back where anything outside of it went with it.
func dropSchema(ctx context.Context, conn *pgx.Conn, schema string) error {
	if err := execute(ctx, conn, "BEGIN"); err != nil {
		return err
	}
	before, err := countOutside(ctx, conn, schema)
	if err != nil {
		return err
	}
	if err := execute(ctx, conn, "DROP SCHEMA "+pgx.Identifier{schema}.Sanitize()+" CASCADE"); err != nil {
		return err
	}
	after, err := countOutside(ctx, conn, schema)
	if err != nil {
		return err
	}
	if before == after {
		return execute(ctx, conn, "COMMIT")
	}
	if err := execute(ctx, conn, "ROLLBACK"); err != nil {
		return err
	}
	return fault.New(fault.Conflict, "something outside of the schema depends on what is in it: restore into another database")
}

// countOutside counts everything outside of a schema that dropping it might take along.
func countOutside(ctx context.Context, conn *pgx.Conn, schema string) (int64, error) {
	var count int64
	err := conn.QueryRow(ctx, `
		WITH outside AS (SELECT oid FROM pg_namespace WHERE nspname <> $1 AND nspname NOT LIKE 'pg\_toast%'),
		relations AS (SELECT oid FROM pg_class WHERE relnamespace IN (SELECT oid FROM outside))
		SELECT (SELECT count(*) FROM relations)
			+ (SELECT count(*) FROM pg_attribute WHERE NOT attisdropped AND attrelid IN (SELECT oid FROM relations))
			+ (SELECT count(*) FROM pg_attrdef WHERE adrelid IN (SELECT oid FROM relations))
			+ (SELECT count(*) FROM pg_constraint WHERE conrelid IN (SELECT oid FROM relations))
			+ (SELECT count(*) FROM pg_rewrite WHERE ev_class IN (SELECT oid FROM relations))
			+ (SELECT count(*) FROM pg_policy WHERE polrelid IN (SELECT oid FROM relations))
			+ (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN (SELECT oid FROM relations))
			+ (SELECT count(*) FROM pg_type WHERE typnamespace IN (SELECT oid FROM outside))
			+ (SELECT count(*) FROM pg_proc WHERE pronamespace IN (SELECT oid FROM outside))
			+ (SELECT count(*) FROM pg_event_trigger) + (SELECT count(*) FROM pg_extension)`, schema).Scan(&count)
	return count, classify(err, "look for what depends on the schema")
}

// clearTable drops a table, unless something else depends on it.
func (r *restore) clearTable(ctx context.Context, conn *pgx.Conn, table string, replace bool) error {
	schema, name, err := splitTable(table)
	if err != nil {
		return err
	}
	var exists bool
	err = conn.QueryRow(ctx, `
		SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2)`,
		schema, name).Scan(&exists)
	if err != nil || !exists {
		return classify(err, "look for table "+table)
	}
	if !replace {
		return fault.New(fault.Conflict, "the target has a table %s: permit to replace it, or name another database", table)
	}
	err = execute(ctx, conn, "DROP TABLE "+pgx.Identifier{schema, name}.Sanitize())
	if state(err) == "2BP01" {
		return fault.Wrap(fault.Conflict, err, "something in the target depends on table %s: restore into another database", table)
	}
	return classify(err, "make room for table "+table)
}

// splitTable splits schema.table at the first dot.
func splitTable(table string) (schema, name string, err error) {
	schema, name, found := strings.Cut(table, ".")
	if !found || schema == "" || name == "" {
		return "", "", fault.New(fault.Invalid, "%q does not name a table as schema.table", table)
	}
	return schema, name, nil
}
