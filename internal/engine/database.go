//go:build !slim

package engine

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strconv"
	"time"

	"github.com/blang/semver/v4"
	"go.temporal.io/server/common/headers"
	"go.temporal.io/server/common/persistence/sql/sqlplugin"
	sqliteschema "go.temporal.io/server/schema/sqlite"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// busyTimeout is how long a write waits for another connection's.
const busyTimeout = 10 * time.Second

// connectAttributes are those of every connection to the database. Commits are
// flushed to the disk: what the engine acknowledged survives a power cut.
func connectAttributes() map[string]string {
	return map[string]string{
		"mode":         "rw",
		"journal_mode": "wal",
		"synchronous":  "full",
		"busy_timeout": strconv.FormatInt(busyTimeout.Milliseconds(), 10),
	}
}

// databaseName is path as SQLite reads it in a URI.
func databaseName(path string) string { return (&url.URL{Path: path}).EscapedPath() }

func openDatabase(path string) (*sql.DB, error) {
	query := url.Values{}
	for name, value := range connectAttributes() {
		if name == "mode" {
			query.Set(name, value)
			continue
		}
		query.Add("_pragma", name+"="+value)
	}
	db, err := sql.Open("sqlite", "file:"+databaseName(path)+"?"+query.Encode())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "opening %s", path)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

// prepareDatabase makes the file when it is missing, in one transaction: a
// crash leaves no half-made schema. It refuses a file that another program, a
// newer server or another schema made.
func prepareDatabase(ctx context.Context, path string) error {
	// SQLite gives its journals the permissions of the file.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "making the engine's file")
	}
	if err := f.Close(); err != nil {
		return fault.Wrap(fault.Internal, err, "making the engine's file")
	}
	return withDatabase(path, func(db *sql.DB) error {
		var tables int
		if err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
			return err
		}
		if tables == 0 {
			return createSchema(ctx, db)
		}
		return checkVersions(ctx, db, path)
	})
}

func withDatabase(path string, use func(*sql.DB) error) error {
	db, err := openDatabase(path)
	if err != nil {
		return err
	}
	return classify(errors.Join(use(db), db.Close()), path)
}

// schemaTarget is the one method of AdminDB by which the server's schema gets written.
type schemaTarget struct {
	sqlplugin.AdminDB
	exec func(statement string, args ...any) (sql.Result, error)
}

// Exec implements sqlplugin.AdminDB.
func (t schemaTarget) Exec(statement string, args ...any) error {
	_, err := t.exec(statement, args...)
	return err
}

func createSchema(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if err := sqliteschema.SetupSchemaOnDB(schemaTarget{exec: tx.Exec}); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `CREATE TABLE lifeboat_engine (
		only INTEGER PRIMARY KEY CHECK (only = 1),
		server_version TEXT NOT NULL, schema_version TEXT NOT NULL, visibility_version TEXT NOT NULL)`)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO lifeboat_engine VALUES (1, ?, ?, ?)`,
		headers.ServerVersion, sqliteschema.Version, sqliteschema.VisibilityVersion)
	if err != nil {
		return err
	}
	return tx.Commit()
}

// checkVersions compares who wrote the file last with this build's server.
func checkVersions(ctx context.Context, db *sql.DB, path string) error {
	var known bool
	err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name = 'lifeboat_engine'`).Scan(&known)
	if err != nil {
		return err
	}
	if !known {
		return fault.New(fault.Unsupported, "%s was not made by this engine: move it aside, or use another data folder", path)
	}
	var server, schema, visibility string
	err = db.QueryRowContext(ctx, `SELECT server_version, schema_version, visibility_version FROM lifeboat_engine`).
		Scan(&server, &schema, &visibility)
	if err != nil {
		return err
	}
	wrote, err := semver.Parse(server)
	if err != nil {
		return fault.Wrap(fault.Corrupt, err, "reading which server wrote %s", path)
	}
	if wrote.GT(semver.MustParse(headers.ServerVersion)) {
		return fault.New(fault.Unsupported, "%s was written by Temporal %s, newer than the %s in this build: run a newer lifeboat on it",
			path, server, headers.ServerVersion)
	}
	if schema != sqliteschema.Version || visibility != sqliteschema.VisibilityVersion {
		return fault.New(fault.Unsupported,
			"%s has schema %s/%s, this build needs %s/%s: move it aside (points are on their stores, schedules come back from the configuration)",
			path, schema, visibility, sqliteschema.Version, sqliteschema.VisibilityVersion)
	}
	return nil
}

// recordServer notes that this build's server has written the file.
func recordServer(ctx context.Context, path string) error {
	return withDatabase(path, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, `UPDATE lifeboat_engine SET server_version = ?1 WHERE server_version <> ?1`, headers.ServerVersion)
		return err
	})
}

// checkpoint moves the journal into the file, so that the file alone is all there is.
func checkpoint(ctx context.Context, path string) error {
	return withDatabase(path, func(db *sql.DB) error {
		_, err := db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
		return err
	})
}

// classify gives a failure of SQLite its kind.
func classify(err error, path string) error {
	var failed *sqlite.Error
	if !errors.As(err, &failed) {
		return fault.While(err, "opening the engine's file")
	}
	switch failed.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fault.Wrap(fault.Corrupt, err,
			"%s is damaged: move it aside (points are on their stores, schedules come back from the configuration)", path)
	case sqlite3.SQLITE_FULL:
		return fault.Wrap(fault.Exhausted, err, "writing %s", path)
	default:
		return fault.Wrap(fault.Unavailable, err, "using %s", path)
	}
}
