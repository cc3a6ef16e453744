package postgres

import (
	"context"
	"io"
	"strings"

	"github.com/jackc/pgx/v5"
)

// databaseSQL yields the statements of partDatabase in order. :"DBNAME" is
// psql's variable for the database it is connected to.
const databaseSQL = `
	WITH d AS (SELECT * FROM pg_database WHERE datname = current_database()),
	grants AS (
		SELECT privilege_type, is_grantable, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END AS grantee
		FROM d, aclexplode(coalesce(datacl, acldefault('d', datdba)))
	)
	SELECT sql FROM (
		SELECT 1 AS place, 'ALTER DATABASE :"DBNAME" OWNER TO ' || quote_ident(pg_get_userbyid(datdba)) AS sql FROM d
		UNION ALL
		SELECT 2, 'ALTER DATABASE :"DBNAME" CONNECTION LIMIT ' || datconnlimit FROM d WHERE datconnlimit >= 0
		UNION ALL
		SELECT 3, 'COMMENT ON DATABASE :"DBNAME" IS ' || quote_literal(description)
		FROM d JOIN pg_shdescription s ON s.objoid = d.oid AND s.classoid = 'pg_database'::regclass
		UNION ALL
		SELECT 4, 'REVOKE ALL ON DATABASE :"DBNAME" FROM PUBLIC, ' || quote_ident(pg_get_userbyid(datdba)) FROM d
		UNION ALL
		SELECT 5, 'GRANT ' || privilege_type || ' ON DATABASE :"DBNAME" TO ' || grantee || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END FROM grants
		UNION ALL
		SELECT 6, CASE setrole WHEN 0 THEN 'ALTER DATABASE :"DBNAME"' ELSE 'ALTER ROLE ' || quote_ident(pg_get_userbyid(setrole)) || ' IN DATABASE :"DBNAME"' END
			|| ' SET ' || (SELECT string_agg(quote_ident(word), '.' ORDER BY place) FROM unnest(string_to_array(split_part(setting, '=', 1), '.')) WITH ORDINALITY AS words(word, place))
			|| ' TO ' || CASE WHEN lower(split_part(setting, '=', 1)) = ANY('{search_path,temp_tablespaces,local_preload_libraries,session_preload_libraries}')
				THEN coalesce((SELECT string_agg(quote_literal(word), ', ' ORDER BY place) FROM unnest(parse_list.words) WITH ORDINALITY AS words(word, place)), '''''')
				ELSE quote_literal(value) END
		FROM d JOIN pg_db_role_setting s ON s.setdatabase = d.oid,
			unnest(setconfig) AS setting,
			LATERAL (SELECT substr(setting, strpos(setting, '=') + 1) AS value) v,
			LATERAL (SELECT array_agg(CASE WHEN trimmed LIKE '"%"' THEN replace(substr(trimmed, 2, length(trimmed) - 2), '""', '"') ELSE trimmed END ORDER BY place) AS words
				FROM (SELECT btrim(item[1]) AS trimmed, place
					FROM regexp_matches(value, '((?:"(?:[^"]|"")*"|[^,"])+)', 'g') WITH ORDINALITY AS items(item, place)) i
				WHERE trimmed <> '') parse_list
	) statements ORDER BY place, sql COLLATE "C"`

// dumpDatabase writes partDatabase.
func dumpDatabase(ctx context.Context, conn *pgx.Conn, w io.Writer) error {
	rows, err := conn.Query(ctx, databaseSQL)
	if err != nil {
		return classify(err, "read the properties of the database")
	}
	statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return classify(err, "read the properties of the database")
	}
	encoding, err := clientEncoding(ctx, conn)
	if err != nil {
		return err
	}
	var script strings.Builder
	script.WriteString("-- Owner, privileges and settings of the database that psql is connected to.\n")
	script.WriteString("SET client_encoding = '" + encoding + "';\nSET standard_conforming_strings = on;\n")
	for _, sql := range statements {
		script.WriteString(sql + ";\n")
	}
	_, err = io.WriteString(w, script.String())
	return err
}
