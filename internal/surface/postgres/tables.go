package postgres

import (
	"context"
	"strconv"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
)

// table is one table whose rows are dumped.
type table struct {
	oid uint32
	// sql is the qualified, quoted name, and columns the quoted list of columns
	// that COPY writes and reads, in the encoding of the session. Columns is
	// empty for a table without any.
	sql, columns string
	// name is the same as sql in UTF-8, as fingerprints show it.
	name string
	// bytes is the size of the rows, out-of-line values included; blocks how
	// many pages the table itself has.
	bytes, blocks int64
	// ranges is set where rows can be read by ranges of pages.
	ranges bool
	// builtin is set where every column is of a type with a stable binary form.
	builtin bool
	// extension is set for a configuration table of an extension; condition is
	// then the WHERE clause that tells the user's rows from the extension's, or empty.
	extension bool
	condition string
}

// binaryTypes are the types of package pg_catalog whose binary form is stable
// between servers and versions and stands for itself: no object identifiers,
// nothing that depends on the catalog.
var binaryTypes = []string{
	"bool", "int2", "int4", "int8", "float4", "float8", "numeric", "money",
	"text", "varchar", "bpchar", "name", "bytea", "json", "jsonb", "uuid",
	"date", "time", "timetz", "timestamp", "timestamptz", "interval",
	"bit", "varbit", "inet", "cidr", "macaddr", "macaddr8",
	"point", "line", "lseg", "box", "path", "polygon", "circle",
	"int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange",
}

// userSchema is the condition on pg_namespace n that leaves out what belongs
// to the server, and our own bookkeeping in a database that is being restored.
const userSchema = `n.nspname NOT LIKE 'pg\_%' AND n.nspname NOT IN ('information_schema', '` + bookkeeping + `')`

// quoted is an SQL expression that always quotes an identifier, so that no
// later version's keyword can change what a recorded name means.
func quoted(expression string) string { return `'"' || replace(` + expression + `, '"', '""') || '"'` }

// utf8Of is an SQL expression for text as bytes in UTF-8, or as stored where
// the database has no encoding.
func utf8Of(expression string) string {
	return `CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN textsend(` + expression + `) ELSE convert_to(` + expression + `, 'UTF8') END`
}

var qualified = quoted("n.nspname") + ` || '.' || ` + quoted("c.relname")

// tablesQuery yields tables with rows of their own: no partitioned parents, no
// foreign tables, no views; tables of an extension only where it says that
// they hold configuration. Columns come in the order of the table, except
// where a table inherits: a restored copy may then have another order, so
// they are sorted by name. $1 limits it to some OIDs, $2 are binaryTypes.
var tablesQuery = `
	SELECT c.oid, ` + qualified + `, ` + utf8Of(qualified) + `,
		coalesce(cols.list, ''), coalesce(cols.builtin, false),
		coalesce(pg_relation_size(c.oid), 0) + coalesce(pg_total_relation_size(nullif(c.reltoastrelid, 0)), 0),
		coalesce(pg_relation_size(c.oid), 0) / current_setting('block_size')::bigint,
		am.amname = 'heap' AND e.oid IS NULL AND cols.list IS NOT NULL,
		e.oid IS NOT NULL, coalesce(e.extcondition[array_position(e.extconfig, c.oid)], '')
	FROM pg_class c
	JOIN pg_namespace n ON n.oid = c.relnamespace
	LEFT JOIN pg_am am ON am.oid = c.relam
	LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0
		AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	LEFT JOIN pg_extension e ON e.oid = d.refobjid
	LEFT JOIN LATERAL (
		SELECT string_agg(` + quoted("a.attname") + `, ',' ORDER BY CASE WHEN i.inherits THEN 0 ELSE a.attnum END, a.attname COLLATE "C") AS list,
			bool_and(t.typnamespace = 'pg_catalog'::regnamespace
				AND (t.typname = ANY($2) OR t.typname = '_' || el.typname AND el.typname = ANY($2))) AS builtin
		FROM pg_attribute a
		JOIN pg_type t ON t.oid = a.atttypid
		LEFT JOIN pg_type el ON el.oid = t.typelem
		CROSS JOIN (SELECT NOT c.relispartition AND EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid) AS inherits) i
		WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
	) cols ON true
	WHERE c.relkind = 'r' AND c.relpersistence <> 't'
		AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())
		AND CASE WHEN e.oid IS NULL THEN ` + userSchema + ` ELSE c.oid = ANY(e.extconfig) END
		AND ($1::oid[] IS NULL OR c.oid = ANY($1))
	ORDER BY 6 DESC, 2`

// tables lists tables in descending order of size; oids limits it to some,
// nil means all.
func tables(ctx context.Context, conn *pgx.Conn, oids []uint32) ([]table, error) {
	rows, err := conn.Query(ctx, tablesQuery, oids, binaryTypes)
	if err != nil {
		return nil, classify(err, "list the tables")
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (table, error) {
		var t table
		var name []byte
		err := row.Scan(&t.oid, &t.sql, &name, &t.columns, &t.builtin, &t.bytes, &t.blocks, &t.ranges, &t.extension, &t.condition)
		t.name = display(name)
		return t, err
	})
	return list, classify(err, "list the tables")
}

// display makes a name presentable that may come from a database without encoding.
func display(name []byte) string {
	if utf8.Valid(name) {
		return string(name)
	}
	return strconv.QuoteToASCII(string(name))
}
