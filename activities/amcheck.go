package activities

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

const (
	// amcheckSchema is where the extension goes where it is ours. Whoever finds it
	// there, as after a worker that died, knows that it is to be taken out again.
	amcheckSchema = "lifeboat_amcheck"
	// checkOptions undo what production set for a database or a role, which must
	// not end a check half-way: that would look like damage.
	checkOptions = "-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_read_only=off"
)

// databasesOf lists those that can be connected to.
func databasesOf(ctx context.Context, u secret.String) (names []string, err error) {
	err = withConn(ctx, u, func(conn *pgx.Conn) error {
		// A limit of -2 is of one whose DROP was interrupted.
		rows, err := conn.Query(ctx, "SELECT datname FROM pg_database WHERE datallowconn AND datconnlimit <> -2 ORDER BY datname")
		if err != nil {
			return err
		}
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return names, err
}

// amcheck reads every heap and B-tree of the databases with PostgreSQL's own
// checker, where its extension is installed. The extension is taken out again.
func amcheck(ctx context.Context, server local.Server, databases []string) (RecoveryCheck, error) {
	out := RecoveryCheck{Name: "amcheck"}
	program := filepath.Join(server.BinDir, "pg_amcheck")
	if _, err := os.Stat(program); err != nil {
		out.Result, out.Outcome = "not checked: pg_amcheck is not installed", drill.Warn
		return out, nil
	}
	for _, database := range databases {
		u, err := inDatabase(server.URL, database)
		if err != nil {
			return out, err
		}
		err = amcheckOne(ctx, program, u)
		if fault.Is(err, fault.Unsupported) {
			out.Result, out.Outcome = "not checked: the extension amcheck is not installed", drill.Warn
			return out, nil
		}
		if err != nil {
			return out, fault.While(err, "check the database %s", database)
		}
	}
	out.Result = "every heap and B-tree is whole in " + strings.Join(databases, ", ")
	return out, nil
}

func amcheckOne(ctx context.Context, program string, u secret.String) error {
	if err := withConn(ctx, u, func(conn *pgx.Conn) error { return addAmcheck(ctx, conn) }); err != nil {
		return err
	}
	problems, err := runAmcheck(ctx, program, u)
	if bad := withConn(ctx, u, func(conn *pgx.Conn) error { return dropAmcheck(ctx, conn) }); err == nil {
		err = bad
	}
	if err == nil && problems != "" {
		err = fault.New(fault.Corrupt, "pg_amcheck found damage: %s", problems)
	}
	return err
}

// inDatabase is the URL of another database of the same server.
func inDatabase(server secret.String, database string) (secret.String, error) {
	u, err := url.Parse(server.Reveal())
	if err != nil {
		return "", fault.New(fault.Internal, "the URL of the recovered server is not well-formed")
	}
	u.Path = "/" + database
	return secret.String(u.String()), nil
}

// runAmcheck returns the first lines of what is damaged, empty for nothing.
func runAmcheck(ctx context.Context, program string, u secret.String) (string, error) {
	config, err := pgx.ParseConfig(u.Reveal())
	if err != nil {
		return "", fault.New(fault.Internal, "the URL of the recovered server is not well-formed")
	}
	cmd := exec.CommandContext(ctx, program, "--jobs=2", "--no-password", conninfo(config.Database))
	cmd.Env = []string{
		"PGHOST=" + config.Host, fmt.Sprintf("PGPORT=%d", config.Port), "PGUSER=" + config.User, "PGPASSWORD=" + config.Password,
		"PGOPTIONS=" + checkOptions, "PGSSLMODE=disable", "LC_ALL=C.UTF-8", "PATH=" + os.Getenv("PATH"),
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return "", nil
	case stdout.Len() > 0:
		lines := strings.SplitN(strings.TrimSpace(stdout.String()), "\n", 4)
		return strings.Join(lines[:min(3, len(lines))], "; "), nil
	default:
		return "", fault.New(fault.Internal, "pg_amcheck: %s", fault.Line(fmt.Errorf("%s", strings.TrimSpace(stderr.String()))))
	}
}

// conninfo names a database in a form that no tool takes for anything else.
func conninfo(database string) string {
	return "dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(database) + "'"
}

// addAmcheck puts the extension into a database that has none, in one transaction.
func addAmcheck(ctx context.Context, conn *pgx.Conn) error {
	var available, there bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'amcheck'),
		EXISTS (SELECT FROM pg_extension WHERE extname = 'amcheck')`).Scan(&available, &there)
	switch {
	case err != nil || there:
		return err
	case !available:
		return fault.New(fault.Unsupported, "amcheck is not installed")
	}
	_, err = conn.Exec(ctx, "BEGIN; CREATE SCHEMA "+amcheckSchema+"; CREATE EXTENSION amcheck SCHEMA "+amcheckSchema+"; COMMIT")
	return err
}

// dropAmcheck takes the extension out if it is ours.
func dropAmcheck(ctx context.Context, conn *pgx.Conn) error {
	var ours bool
	err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
		WHERE e.extname = 'amcheck' AND n.nspname = $1)`, amcheckSchema).Scan(&ours)
	if err != nil || !ours {
		return err
	}
	_, err = conn.Exec(ctx, "BEGIN; DROP EXTENSION amcheck; DROP SCHEMA "+amcheckSchema+"; COMMIT")
	return err
}

func withConn(ctx context.Context, u secret.String, do func(*pgx.Conn) error) error {
	config, err := pgx.ParseConfig(u.Reveal())
	if err != nil {
		return fault.New(fault.Internal, "the URL of the recovered server is not well-formed")
	}
	config.RuntimeParams["options"] = checkOptions
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "connect to the recovered server")
	}
	defer func() { _ = conn.Close(ctx) }()
	err = do(conn)
	if fault.KindOf(err) == fault.Unsupported {
		return err
	}
	return fault.Wrap(fault.Internal, err, "ask the recovered server")
}
