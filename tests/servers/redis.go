package servers

import (
	"context"
	"net"
	"net/url"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// RedisPassword is the password of the default user on every test server.
const RedisPassword = "p@ss-word:/?#[]%"

// RedisTestClient is the name of the connections that tests open on a server.
const RedisTestClient = "test"

// RedisServer is a Redis server of its own.
type RedisServer struct {
	// URL connects to database 0 as the default user.
	URL string
	// Address is 127.0.0.1:PORT, Dir is the server's working folder.
	Address, Dir string

	process *Process
}

// Redis starts a Redis server that saves nothing by itself and starts a
// replication at once. Further settings are given as on its command line:
// "--appendonly", "yes".
func Redis(t testing.TB, args ...string) *RedisServer {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		t.Fatal("no Redis server is installed: apt-get install redis-server")
	}
	port := strconv.Itoa(FreePort(t))
	r := &RedisServer{Address: net.JoinHostPort("127.0.0.1", port), Dir: t.TempDir()}
	r.URL = r.As("default", RedisPassword)
	settings := append([]string{
		"--bind", "127.0.0.1", "--port", port, "--dir", r.Dir, "--requirepass", RedisPassword,
		"--save", "", "--repl-diskless-sync-delay", "0",
	}, args...)
	client := r.Client(t)
	cmd := exec.Command(program, settings...)
	cmd.Dir = r.Dir
	r.process = Start(t, cmd, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return client.Ping(ctx).Err()
	})
	return r
}

// As is the URL for another user.
func (r *RedisServer) As(user, password string) string {
	u := url.URL{Scheme: "redis", User: url.UserPassword(user, password), Host: r.Address, Path: "/0"}
	return u.String()
}

// Client connects to database 0 as the default user until the test ends.
func (r *RedisServer) Client(t testing.TB) *redis.Client { return r.Database(t, 0) }

// Database connects to a database as the default user until the test ends.
func (r *RedisServer) Database(t testing.TB, db int) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{
		Addr: r.Address, Password: RedisPassword, DB: db, Protocol: 2,
		ClientName: RedisTestClient, DisableIdentity: true,
	})
	t.Cleanup(func() { client.Close() })
	return client
}

// Kill ends the server at once.
func (r *RedisServer) Kill() { r.process.Kill() }

// Output is the end of the server's log.
func (r *RedisServer) Output() string { return r.process.Output() }
