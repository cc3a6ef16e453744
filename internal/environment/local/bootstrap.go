package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// maintenanceDatabases are those that every cluster has unless somebody dropped them.
var maintenanceDatabases = []string{"postgres", "template1"}

// quiet keeps what a session says out of the log, and keeps settings that
// production made for roles or databases from disturbing it.
var quiet = map[string]string{
	"log_statement": "none", "log_min_duration_statement": "-1", "log_min_error_statement": "panic",
	"password_encryption": "scram-sha-256", "default_transaction_read_only": "off",
	"statement_timeout": "0", "lock_timeout": "0", "session_preload_libraries": "",
	"timezone": "UTC", "datestyle": "ISO",
}

// asBootstrap connects as the source's bootstrap superuser through the socket,
// whose folder nobody else may enter, and writes down which database let it in.
func (i *instance) asBootstrap(ctx context.Context) (*pgconn.PgConn, error) {
	dir, err := os.Open(i.socketDir())
	if err != nil {
		return nil, fault.Disk(err, "open the socket's folder")
	}
	defer dir.Close()
	config, err := pgconn.ParseConfig("sslmode=disable")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "prepare a connection")
	}
	// The folder's own path may be longer than a socket's may be.
	config.Host = fmt.Sprintf("/proc/self/fd/%d", dir.Fd())
	config.Port = uint16(i.rec.Port)
	config.User = i.rec.Recovery.Superuser
	config.Fallbacks, config.RuntimeParams = nil, quiet
	for _, database := range maintenanceDatabases {
		config.Database = database
		conn, errConnect := pgconn.ConnectConfig(ctx, config)
		if errConnect == nil {
			i.rec.Recovery.Database = database
			return conn, nil
		}
		err = errConnect
		if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || (refused.Code != "3D000" && refused.Code != "55000") {
			break
		}
	}
	return nil, err
}

// admitSuperuser gives the role lifeboat everything that the administrator of
// an isolated server has, and its password, whether the source had a role of
// that name or not. The server may be stopped afterwards.
func (i *instance) admitSuperuser(ctx context.Context, o owner) error {
	statements := []string{
		"DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = '" + superuser + "')" +
			" THEN CREATE ROLE " + superuser + "; END IF; END $$",
		"DELETE FROM pg_catalog.pg_db_role_setting WHERE setrole =" +
			" (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = '" + superuser + "')",
		"ALTER ROLE " + superuser + " SUPERUSER CREATEDB CREATEROLE INHERIT LOGIN REPLICATION BYPASSRLS" +
			" CONNECTION LIMIT -1 VALID UNTIL 'infinity' PASSWORD '" + i.rec.Password + "'",
	}
	if i.rec.Recovery.Superuser != "" && i.pid() != 0 {
		attempt, cancel := context.WithTimeout(ctx, startWithin)
		defer cancel()
		conn, err := i.asBootstrap(attempt)
		if err == nil {
			_, err = conn.Exec(attempt, strings.Join(statements, ";\n")).ReadAll()
			err = errors.Join(err, conn.Close(attempt))
		}
		// A role that is gone by then, or was renamed, or may not log in, is no obstacle.
		if _, refused := errors.AsType[*pgconn.PgError](err); !refused {
			return err
		}
	}
	return i.admitAlone(ctx, o, statements)
}

// admitAlone runs the statements in a server of one user, which asks for no role.
func (i *instance) admitAlone(ctx context.Context, o owner, statements []string) error {
	if err := i.quit(ctx, syscall.SIGINT); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	if err := i.endOrphans(ctx); err != nil {
		return err
	}
	args := []string{"--single", "-D", i.data()}
	for name, value := range quiet {
		if value != "" {
			args = append(args, "-c", name+"="+value)
		}
	}
	var err error
	for _, database := range maintenanceDatabases {
		var out string
		out, err = i.toolOutput(ctx, o, strings.Join(statements, "\n")+"\n", i.rec.Program, append(args, database)...)
		if err == nil && strings.Contains(out, "ERROR:  ") {
			err = outputFault(filepath.Base(i.rec.Program), out)
		}
		if err == nil {
			i.rec.Recovery.Database = database
			return nil
		}
	}
	return err
}
