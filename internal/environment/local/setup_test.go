package local

import (
	"context"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	client "github.com/redis/go-redis/v9"
)

// dataDir is a data folder that other users can pass through, as a host's would be.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// start starts a server that is stopped when the test ends.
func start(t *testing.T, e *Environment, id string, spec Spec) Server {
	t.Helper()
	stopAtEnd(t, e, id)
	s, err := e.Start(t.Context(), id, spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stopAtEnd(t *testing.T, e *Environment, id string) {
	t.Helper()
	t.Cleanup(func() {
		if err := e.Stop(context.Background(), id); err != nil {
			t.Errorf("stop %s: %v", id, err)
		}
	})
}

// query runs one statement on a PostgreSQL server and returns its one value as text.
func query(t *testing.T, s Server, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.URL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	results, err := conn.PgConn().Exec(t.Context(), sql).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	last := results[len(results)-1]
	if len(last.Rows) == 0 {
		return ""
	}
	return string(last.Rows[0][0])
}

// redisClient connects to a Redis server by its URL.
func redisClient(t *testing.T, s Server) *client.Client {
	t.Helper()
	options, err := client.ParseURL(s.URL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	c := client.NewClient(options)
	t.Cleanup(func() { c.Close() })
	return c
}

func password(t *testing.T, s Server) string {
	t.Helper()
	u, err := url.Parse(s.URL.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	p, _ := u.User.Password()
	return p
}

// requireGone fails the test unless neither processes nor files of a server are left.
func requireGone(t *testing.T, s Server) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		pids, err := processesIn(s.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(pids) == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("processes %v still work in %s", pids, s.Dir)
		}
		time.Sleep(pollEvery)
	}
	if _, err := os.Lstat(s.Dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", s.Dir, err)
	}
}
