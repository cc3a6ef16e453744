package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// matviewOrder yields materialized views so that each comes after those that
// it reads, through whatever views lie between.
const matviewOrder = `
	WITH RECURSIVE reads AS (
		SELECT DISTINCT r.ev_class AS reader, d.refobjid AS read
		FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
		JOIN pg_class c ON c.oid = d.refobjid AND c.relkind IN ('v', 'm')
		WHERE r.rulename = '_RETURN' AND d.refobjid <> r.ev_class
	), depth(oid, level) AS (
		SELECT oid, 0 FROM pg_class WHERE relkind IN ('v', 'm')
		UNION
		SELECT reads.reader, depth.level + 1 FROM depth JOIN reads ON reads.read = depth.oid
	)
	SELECT c.oid::regclass::text, `

// refreshMatviews fills the materialized views that held rows on the source.
func refreshMatviews(ctx context.Context, conn *pgx.Conn, f surface.Fingerprint) error {
	populated := map[string]bool{}
	for _, e := range f {
		if e.Kind == entryMatview && e.Digest == "populated" {
			populated[e.Name] = true
		}
	}
	if len(populated) == 0 {
		return nil
	}
	rows, err := conn.Query(ctx, matviewOrder+utf8Of(qualified)+`
		FROM depth JOIN pg_class c ON c.oid = depth.oid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'm' GROUP BY c.oid, n.nspname, c.relname ORDER BY max(depth.level), 1`)
	if err != nil {
		return classify(err, "list the materialized views")
	}
	type matview struct {
		SQL  string
		Name []byte
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[matview])
	if err != nil {
		return classify(err, "list the materialized views")
	}
	for _, m := range list {
		name := display(m.Name)
		if !populated[name] {
			continue
		}
		if err := execute(ctx, conn, "REFRESH MATERIALIZED VIEW "+m.SQL); err != nil {
			return classify(err, "refresh materialized view "+name)
		}
	}
	return nil
}
