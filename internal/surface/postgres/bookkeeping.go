package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// bookkeeping is the schema in a database under restore that says which parts
// are in place, and which tables are wanted where not all are. Begin makes it
// first of all and Finish drops it last of all: where it is, a restore of ours
// has not been finished.
const bookkeeping = "lifeboat_restore"

// Marks in the table of parts that are no parts.
const (
	markPostDataBegun = "#post-data-begun"
	markPostData      = "#post-data"
	// markSelection says that the restore is of selected tables or schemas only.
	markSelection = "#selection"
)

func makeBookkeeping(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.PgConn().Exec(ctx, `
		CREATE SCHEMA `+bookkeeping+`;
		CREATE TABLE `+bookkeeping+`.done (part text PRIMARY KEY);
		CREATE TABLE `+bookkeeping+`.selected (schema text, name text, PRIMARY KEY (schema, name));`).ReadAll()
	return classify(err, "prepare the bookkeeping of the restore")
}

// underRestore reports whether the database has the bookkeeping.
func underRestore(ctx context.Context, conn *pgx.Conn) (bool, error) {
	var there bool
	err := conn.QueryRow(ctx, "SELECT to_regclass('"+bookkeeping+".done') IS NOT NULL").Scan(&there)
	return there, classify(err, "look for the bookkeeping of the restore")
}

// claim notes that a part is in place, within the transaction that puts it
// there. It reports false where it was so before. Another session that is
// loading the same part is waited for.
func claim(ctx context.Context, conn *pgx.Conn, part string) (bool, error) {
	tag, err := conn.Exec(ctx, "INSERT INTO "+bookkeeping+".done VALUES ($1) ON CONFLICT DO NOTHING", part)
	if s := state(err); s == "42P01" || s == "3F000" {
		return false, fault.Wrap(fault.Missing, err, "the database is not being restored: it was never begun, or is finished")
	}
	return err == nil && tag.RowsAffected() == 1, classify(err, "note the part as loaded")
}

// claimed lists the parts that are in place, and the marks.
func claimed(ctx context.Context, conn *pgx.Conn) (map[string]bool, error) {
	rows, err := conn.Query(ctx, "SELECT part FROM "+bookkeeping+".done")
	if err != nil {
		return nil, classify(err, "list the parts that are loaded")
	}
	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, classify(err, "list the parts that are loaded")
	}
	set := make(map[string]bool, len(list))
	for _, part := range list {
		set[part] = true
	}
	return set, nil
}

// alone waits until no other session of ours does something that only one may
// do at a time in this database. The session's end gives way to the next.
func alone(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, "SELECT pg_advisory_lock(hashtext('"+bookkeeping+"'))")
	return classify(err, "wait for another restore of the same database")
}

// endOthers ends sessions that a killed worker has left in this database.
func endOthers(ctx context.Context, conn *pgx.Conn) error {
	const within = 10000 // milliseconds
	_, err := conn.Exec(ctx, `
		SELECT pg_terminate_backend(pid, $1) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user AND application_name = $2`,
		within, applicationName)
	return classify(err, "end the sessions of an earlier attempt")
}
