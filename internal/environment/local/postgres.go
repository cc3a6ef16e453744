package local

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// postgres is a cluster of its own. Its superuser is lifeboat; nobody else may
// log in, whichever roles are restored into it.
type postgres struct{}

const (
	superuser = "lifeboat"
	// settingsFile is included at the end of initdb's postgresql.conf.
	settingsFile = "lifeboat.conf"
)

func (postgres) accounts() []string { return []string{"postgres"} }

func (postgres) find(ctx context.Context, spec Spec) (found, error) {
	usual := []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/local/pgsql/bin", "/usr/local/bin"}
	f, err := choose(ctx, "PostgreSQL", spec.Major, programsIn(spec.BinDir, usual, []string{"postgres"}))
	if err != nil {
		return found{}, err
	}
	// initdb is beside the real program, not beside a link to it.
	if f.path, err = filepath.EvalSymlinks(f.path); err != nil {
		return found{}, fault.Disk(err, "find the PostgreSQL server")
	}
	return f, nil
}

func (postgres) create(ctx context.Context, i *instance, o owner) (err error) {
	passwordFile := filepath.Join(i.dir, "password")
	if err := replaceFile(passwordFile, []byte(i.rec.Password+"\n"), o); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(passwordFile)) }()
	if err := o.mkdir(i.socketDir()); err != nil {
		return fault.Disk(err, "make the socket folder of environment %s", i.id)
	}
	err = i.runTool(ctx, o, i.initdb(), "-D", i.data(), "-U", superuser, "--pwfile", passwordFile,
		"--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	if err != nil {
		return err
	}
	if err := appendTo(filepath.Join(i.data(), "postgresql.conf"), "\ninclude '"+settingsFile+"'\n"); err != nil {
		return fault.Disk(err, "configure environment %s", i.id)
	}
	return i.admit(o, ownAccess)
}

const (
	// ownAccess lets the role of every isolated server in, with its password.
	ownAccess = "local all " + superuser + " scram-sha-256\n" +
		"host all " + superuser + " 127.0.0.1/32 scram-sha-256\n" +
		"host replication " + superuser + " 127.0.0.1/32 scram-sha-256\n"
	// recoveryAccess lets in who may enter the socket's folder, as nobody has a password yet.
	recoveryAccess = "local all all trust\n"
)

// admit says who may log in from the next start on.
func (i *instance) admit(o owner, access string) error {
	return replaceFile(filepath.Join(i.data(), "pg_hba.conf"), []byte(access), o)
}

func (i *instance) initdb() string { return filepath.Join(i.rec.BinDir, "initdb") }

func (i *instance) socketDir() string { return filepath.Join(i.dir, "run") }

// appendTo adds text to a file and leaves its owner and mode.
func appendTo(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func (postgres) configure(i *instance, o owner) error {
	settings := basicSettings(i)
	if r := i.rec.Recovery; r != nil {
		settings = append(settings, r.Limits.settings()...)
		settings = append(settings, "shared_preload_libraries = "+quoteSetting(strings.Join(r.Preload, ",")))
		access := ownAccess
		if i.rec.State != stateDurable {
			settings = append(settings, r.settings(i)...)
			access = recoveryAccess
		}
		if err := i.admit(o, access); err != nil {
			return err
		}
	} else if i.rec.State != stateDurable {
		settings = append(settings, loadingSettings(i.data())...)
	}
	return replaceFile(filepath.Join(i.data(), settingsFile), []byte(strings.Join(settings, "\n")+"\n"), o)
}

// basicSettings hold for the server's whole life. All else is PostgreSQL's default.
func basicSettings(i *instance) []string {
	// The system limits a socket's path to 107 bytes; the file's own name takes up to 18.
	sockets := i.socketDir()
	if len(sockets) > 107-18 {
		// As seen from the data folder, where the server works.
		sockets = filepath.Join("..", filepath.Base(sockets))
	}
	return []string{
		"listen_addresses = '127.0.0.1'",
		fmt.Sprintf("port = %d", i.rec.Port),
		"unix_socket_directories = " + quoteSetting(sockets),
		"unix_socket_permissions = 0700",
		"password_encryption = scram-sha-256",
		"logging_collector = off",
		"log_timezone = UTC",
		// The log of a recovery is read by programs, too.
		"log_line_prefix = '%m [%p] '",
		"lc_messages = 'C'",
		"timezone = UTC",
		// Subscriptions would take changes from production that are not theirs.
		"max_logical_replication_workers = 0",
		"archive_mode = off",
		fmt.Sprintf("shared_buffers = %dMB", share(memory(), 8, 32*mebibyte, 256*mebibyte)),
		// A restore locks every table of a schema in one transaction.
		"max_locks_per_transaction = 1024",
		// Tablespaces are restored inside the data folder: their own paths belong to another host.
		"allow_in_place_tablespaces = on",
	}
}

// loadingSettings spare a server everything that only matters if it must
// survive a crash of the host: it is filled anew in that case.
func loadingSettings(dir string) []string {
	return []string{
		"fsync = off",
		"synchronous_commit = off",
		"full_page_writes = off",
		// With minimal WAL, a table filled in the transaction that made it is not logged at all.
		"wal_level = minimal",
		"max_wal_senders = 0",
		"autovacuum = off",
		"checkpoint_timeout = 1h",
		fmt.Sprintf("max_wal_size = %dMB", share(freeDisk(dir), 8, gibibyte, 16*gibibyte)),
		fmt.Sprintf("maintenance_work_mem = %dMB", share(memory(), 16, 64*mebibyte, gibibyte)),
		fmt.Sprintf("max_parallel_maintenance_workers = %d", min(runtime.NumCPU(), 4)),
		"jit = off",
	}
}

// settings are those of a server that replays WAL. It is started anew from the
// base backup should the host go down, so that nothing of it need survive that.
func (r *recovery) settings(i *instance) []string {
	settings := []string{
		"fsync = off",
		"synchronous_commit = off",
		"full_page_writes = off",
		"autovacuum = off",
		"hot_standby = on",
		"max_standby_archive_delay = 0",
		"checkpoint_timeout = 30min",
		// What was replayed stays in pg_wal until a checkpoint: this bounds that, too.
		fmt.Sprintf("max_wal_size = %dMB", share(freeDisk(i.data()), 8, gibibyte, 8*gibibyte)),
		fmt.Sprintf("shared_buffers = %dMB", share(memory(), 8, 64*mebibyte, gibibyte)),
		// Nobody may connect by TCP before recovery has ended.
		"listen_addresses = ''",
		"restore_command = " + quoteSetting(r.Command),
		"recovery_target_action = promote",
	}
	if i.rec.Major >= 15 {
		settings = append(settings, "recovery_prefetch = try", "log_startup_progress_interval = 0")
	}
	for _, name := range slices.Sorted(maps.Keys(r.Settings)) {
		if name != "recovery_target_action" {
			settings = append(settings, name+" = "+quoteSetting(r.Settings[name]))
		}
	}
	return settings
}

// quoteSetting writes a value of one line for postgresql.conf.
func quoteSetting(value string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", "''").Replace(value) + "'"
}

// args name the folder on the command line, where processesIn looks for it.
func (postgres) args(i *instance) []string { return []string{"-D", i.data()} }

func (postgres) url(i *instance) secret.String {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, i.rec.Password), Host: i.address(),
		Path: "/postgres", RawQuery: "sslmode=disable",
	}
	if r := i.rec.Recovery; r != nil && r.Database != "" {
		u.Path = "/" + r.Database
	}
	return secret.String(u.String())
}

func (p postgres) ping(ctx context.Context, i *instance) error {
	conn, err := pgconn.Connect(ctx, p.url(i).Reveal())
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

func (postgres) makeDurable(ctx context.Context, i *instance) error {
	o, err := ownerNamed(i.rec.Account)
	if err != nil {
		return fmt.Errorf("look up the user of environment %s: %w", i.id, err)
	}
	// A fast shutdown ends sessions and writes a checkpoint, however long that takes.
	if err := i.quit(ctx, syscall.SIGINT); err != nil {
		return fmt.Errorf("stop PostgreSQL: %w", err)
	}
	if err := i.runTool(ctx, o, i.initdb(), "--sync-only", "-D", i.data()); err != nil {
		return fmt.Errorf("sync the data to disk: %w", err)
	}
	i.rec.State = stateDurable
	return i.launch(ctx)
}
