//go:build !slim

package engine

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	sqliteschema "go.temporal.io/server/schema/sqlite"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// The schema of files in the field. When a new server brings another one, write
// how an existing file gets there before these numbers change:
// docs/decisions/0007-upgrading-the-engine-file.md.
func TestSchemaIsTheOneInTheField(t *testing.T) {
	t.Parallel()
	if sqliteschema.Version != "0.11" || sqliteschema.VisibilityVersion != "0.1" {
		t.Errorf("the server's schema is %s/%s: existing files need a way there", sqliteschema.Version, sqliteschema.VisibilityVersion)
	}
}

func TestPrepareDatabase(t *testing.T) {
	t.Parallel()
	change := func(statement string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := prepareDatabase(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			err := withDatabase(path, func(db *sql.DB) error {
				_, err := db.Exec(statement)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	write := func(content string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			t.Helper()
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	cases := map[string]struct {
		before func(t *testing.T, path string)
		kind   fault.Kind
		says   string
	}{
		"no file":          {before: func(*testing.T, string) {}},
		"its own file":     {before: change(`SELECT 1`)},
		"an older server":  {before: change(`UPDATE lifeboat_engine SET server_version = '1.9.0'`)},
		"a newer server":   {change(`UPDATE lifeboat_engine SET server_version = '1.100.0'`), fault.Unsupported, "newer than"},
		"another schema":   {change(`UPDATE lifeboat_engine SET schema_version = '0.10'`), fault.Unsupported, "has schema 0.10/"},
		"no version":       {change(`UPDATE lifeboat_engine SET server_version = 'what'`), fault.Corrupt, "which server wrote"},
		"a foreign file":   {change(`DROP TABLE lifeboat_engine`), fault.Unsupported, "not made by this engine"},
		"not a database":   {write(strings.Repeat("not a database. ", 100)), fault.Corrupt, "is damaged"},
		"a truncated file": {truncated, fault.Corrupt, "is damaged"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), databaseFile)
			c.before(t, path)
			err := prepareDatabase(t.Context(), path)
			if c.kind == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v (%s), want fault.%s that says %q", err, fault.KindOf(err), c.kind, c.says)
			}
		})
	}
}

func truncated(t *testing.T, path string) {
	t.Helper()
	if err := prepareDatabase(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 5000); err != nil {
		t.Fatal(err)
	}
}

func TestDatabaseIsPrivateAndDurable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), databaseFile)
	if err := prepareDatabase(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file's mode is %v, want 0600", info.Mode().Perm())
	}
	err = withDatabase(path, func(db *sql.DB) error {
		for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "busy_timeout": "10000"} {
			var got string
			if err := db.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil {
				return err
			}
			if got != want {
				t.Errorf("%s is %s, want %s", pragma, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
