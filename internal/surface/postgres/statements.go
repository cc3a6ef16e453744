package postgres

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// largestScript bounds the scripts that are read into memory: globals and
// properties of the database.
const largestScript = 64 << 20

// readScript reads a whole part that is a script, and so knows that its bytes
// are those that were written before any of it is run.
func readScript(ctx context.Context, src surface.Source, name string) ([]string, error) {
	r, err := src.Open(ctx, name)
	if err != nil {
		return nil, fault.While(err, "open part %s", name)
	}
	defer r.Close()
	text, err := io.ReadAll(io.LimitReader(r, largestScript+1))
	if err != nil {
		return nil, fault.While(err, "read part %s", name)
	}
	if len(text) > largestScript {
		return nil, fault.New(fault.Corrupt, "part %s is larger than %d bytes", name, largestScript)
	}
	return splitStatements(string(text)), nil
}

// splitStatements cuts a script as pg_dumpall and dumpDatabase write them into
// its statements. Comments and psql's own commands are left out. In such
// scripts backslashes in strings are doubled, so a quote is always a quote.
func splitStatements(script string) []string {
	var list []string
	var quote byte
	start := 0
	for i := 0; i < len(script); i++ {
		c := script[i]
		blank := strings.TrimSpace(script[start:i]) == ""
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case blank && (c == '\\' || strings.HasPrefix(script[i:], "--")):
			end := strings.IndexByte(script[i:], '\n')
			if end < 0 {
				return list
			}
			i += end
			start = i + 1
		case blank && c == ';':
			start = i + 1
		case blank:
			start = i
			if c == '\'' || c == '"' {
				quote = c
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ';':
			list = append(list, strings.TrimSpace(script[start:i]))
			start = i + 1
		}
	}
	return list
}

// runGlobals makes roles and tablespaces on a server that exists for this
// restore alone. What is there already stays. The role that we are connected
// as keeps its password and rights; tablespaces come into the data directory.
func runGlobals(ctx context.Context, conn *pgx.Conn, statements []string) error {
	var me string
	if err := conn.QueryRow(ctx, "SELECT quote_ident(current_user)").Scan(&me); err != nil {
		return classify(err, "ask for the user")
	}
	if _, err := conn.Exec(ctx, "SET allow_in_place_tablespaces = on"); err != nil {
		return classify(err, "permit tablespaces in the data directory")
	}
	for _, sql := range statements {
		if strings.HasPrefix(sql, "ALTER ROLE "+me+" WITH ") {
			continue
		}
		if err := runGlobal(ctx, conn, sql); err != nil {
			return classify(err, fmt.Sprintf("restore globals by %q", firstWords(sql)))
		}
	}
	return nil
}

var (
	tablespaceLocation = regexp.MustCompile(`^(CREATE TABLESPACE .*) LOCATION E?'(?:[^']|'')*'$`)
	grantedBy          = regexp.MustCompile(`^(GRANT .*) GRANTED BY (?:"(?:[^"]|"")*"|[^" ]+)$`)
)

func runGlobal(ctx context.Context, conn *pgx.Conn, sql string) error {
	if m := tablespaceLocation.FindStringSubmatch(sql); m != nil {
		sql = m[1] + " LOCATION ''"
	}
	err := execute(ctx, conn, sql)
	if state(err) == "42710" && strings.HasPrefix(sql, "CREATE ") {
		return nil
	}
	// A grantor that is a superuser of the source, but not the first one here,
	// may not be named from version 16 on.
	if m := grantedBy.FindStringSubmatch(sql); err != nil && m != nil {
		return execute(ctx, conn, m[1])
	}
	return err
}

// runDatabaseScript runs partDatabase in the database of conn.
func runDatabaseScript(ctx context.Context, conn *pgx.Conn, statements []string) error {
	name := pgx.Identifier{conn.Config().Database}.Sanitize()
	for _, sql := range statements {
		before, after, found := strings.Cut(sql, `:"DBNAME"`)
		if found {
			sql = before + name + after
		}
		if err := execute(ctx, conn, sql); err != nil {
			return classify(err, fmt.Sprintf("set up the database by %q", firstWords(sql)))
		}
	}
	return nil
}

func execute(ctx context.Context, conn *pgx.Conn, sql string) error {
	_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	return err
}

// firstWords shows which statement failed without what it holds: passwords.
func firstWords(sql string) string {
	words := strings.Fields(sql)
	return strings.ToValidUTF8(strings.Join(words[:min(3, len(words))], " "), "?") + " …"
}
