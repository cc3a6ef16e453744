package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// The kinds of entries in a fingerprint. FORMAT.md says what each holds.
const (
	entryTable        = "table"
	entrySequence     = "sequence"
	entryExtension    = "extension"
	entrySchema       = "schema"
	entryMatview      = "materialized-view"
	entryPartition    = "partition"
	entryLargeObjects = "large-objects"
)

// aspect is one kind of object in the catalog: a query that yields a line for
// each, in names instead of OIDs, equal on any server of the same version.
type aspect struct {
	name string
	sql  string
	// printed is set where lines have definitions that the server prints from
	// parse trees; see canonical.
	printed bool
}

// own is the condition that an object was not made by an extension.
func own(class, oid string) string {
	return `NOT EXISTS (SELECT FROM pg_depend x WHERE x.classid = '` + class + `'::regclass AND x.objid = ` + oid +
		` AND x.objsubid = 0 AND x.deptype = 'e')`
}

// privileges is an expression for an ACL; the built-in default privileges of
// an object of a kind (as in acldefault) stand for an ACL that is null.
func privileges(acl, kind, owner string) string {
	return fmt.Sprintf(`coalesce((SELECT string_agg(concat_ws('/', CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END,
		pg_get_userbyid(a.grantor), a.privilege_type, a.is_grantable), ' '
		ORDER BY a.grantee = 0, pg_get_userbyid(a.grantee)::text COLLATE "C", a.privilege_type COLLATE "C", pg_get_userbyid(a.grantor)::text COLLATE "C")
		FROM aclexplode(coalesce(%s, acldefault('%s', %s))) a), '')`, acl, kind, owner)
}

// sorted is an expression for a text array in order.
func sorted(array string) string {
	return `coalesce((SELECT string_agg(o, ',' ORDER BY o COLLATE "C") FROM unnest(` + array + `) o), '')`
}

// catalogFingerprint takes everything but rows and large objects.
func catalogFingerprint(ctx context.Context, conn *pgx.Conn) (surface.Fingerprint, error) {
	var f surface.Fingerprint
	for _, a := range aspects {
		sum, err := a.digest(ctx, conn)
		if err != nil {
			return nil, err
		}
		f = append(f, sum.entry(entrySchema, a.name, linesSum))
	}
	for _, take := range []func(context.Context, *pgx.Conn) (surface.Fingerprint, error){
		extensionEntries, matviewEntries, partitionEntries, sequenceEntries, unloggedEntries,
	} {
		entries, err := take(ctx, conn)
		if err != nil {
			return nil, err
		}
		f = append(f, entries...)
	}
	f.Sort()
	return f, nil
}

func (a aspect) digest(ctx context.Context, conn *pgx.Conn) (rowSum, error) {
	var sum rowSum
	rows, err := conn.Query(ctx, a.sql)
	if err != nil {
		return sum, classify(err, "read the "+a.name+" in the catalog")
	}
	var line string
	_, err = pgx.ForEachRow(rows, []any{&line}, func() error {
		if a.printed {
			line = canonical(line)
		}
		sum.add([]byte(line))
		return nil
	})
	return sum, classify(err, "read the "+a.name+" in the catalog")
}

func extensionEntries(ctx context.Context, conn *pgx.Conn) (surface.Fingerprint, error) {
	return nameEntries(ctx, conn, entryExtension, "SELECT "+utf8Of("extname::text")+", extversion FROM pg_extension")
}

// matviewEntries say which materialized views hold rows. The rows themselves
// may be older than those of their tables; a restored copy has fresh ones.
func matviewEntries(ctx context.Context, conn *pgx.Conn) (surface.Fingerprint, error) {
	return nameEntries(ctx, conn, entryMatview, `
		SELECT `+utf8Of(qualified)+`, CASE WHEN c.relispopulated THEN 'populated' ELSE 'unpopulated' END
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'm' AND `+userSchema+` AND `+own("pg_class", "c.oid"))
}

// partitionEntries say which table each partition belongs to.
func partitionEntries(ctx context.Context, conn *pgx.Conn) (surface.Fingerprint, error) {
	return nameEntries(ctx, conn, entryPartition, `
		SELECT `+utf8Of(qualified)+`, (SELECT `+qualified+` FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = i.inhparent)
		FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relispartition AND c.relkind IN ('r', 'p', 'f') AND `+userSchema+` AND `+own("pg_class", "c.oid"))
}

// unloggedEntries are of the tables whose rows a standby does not have. A
// restored copy has them, without rows.
func unloggedEntries(ctx context.Context, conn *pgx.Conn) (surface.Fingerprint, error) {
	var none rowSum
	digest := none.entry(entryTable, "", textSum).Digest
	f, err := nameEntries(ctx, conn, entryTable, `
		SELECT `+utf8Of(qualified)+`, '`+digest+`'
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND c.relpersistence = 'u' AND pg_is_in_recovery() AND `+userSchema+` AND `+own("pg_class", "c.oid"))
	for i := range f {
		f[i].Count = 0
	}
	return f, err
}

func nameEntries(ctx context.Context, conn *pgx.Conn, kind, sql string) (surface.Fingerprint, error) {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return nil, classify(err, "list each "+kind)
	}
	f, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (surface.Entry, error) {
		var name []byte
		e := surface.Entry{Kind: kind, Count: 1}
		err := row.Scan(&name, &e.Digest)
		e.Name = display(name)
		return e, err
	})
	return f, classify(err, "list each "+kind)
}
