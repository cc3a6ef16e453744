package servers

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// PGPassword is the password of the role postgres on every test cluster.
const PGPassword = "p@ss word:/?#[]%"

// PG is a PostgreSQL cluster of its own. Its only role is the superuser
// postgres, who needs a password over TCP and over the socket.
type PG struct {
	// URL connects to the database postgres over TCP.
	URL string
	// SocketURL connects to the database postgres over the Unix socket.
	SocketURL string
	// Dir is the data directory, SocketDir holds the socket, BinDir the server's tools.
	Dir, SocketDir, BinDir string
	Port                   int

	process *Process
	owner   *syscall.Credential
}

// Postgres starts a cluster of the newest installed PostgreSQL with locale
// C.UTF-8. Further settings are given as lines of postgresql.conf.
func Postgres(t testing.TB, settings ...string) *PG {
	t.Helper()
	root, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	pg := &PG{
		Dir: filepath.Join(root, "data"), SocketDir: root, BinDir: postgresBinDir(t),
		Port: FreePort(t), owner: unprivileged(t),
	}
	pg.URL = pg.DatabaseURL("postgres")
	socket := url.Values{"host": {root}, "port": {strconv.Itoa(pg.Port)}}
	pg.SocketURL = fmt.Sprintf("postgres://%s@/postgres?%s", url.UserPassword("postgres", PGPassword), socket.Encode())
	pg.initialise(t, settings)
	pg.start(t)
	return pg
}

// Standby starts a standby that streams from the cluster. Roles and passwords are the same.
func (pg *PG) Standby(t testing.TB) *PG {
	t.Helper()
	root, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	standby := &PG{Dir: filepath.Join(root, "data"), SocketDir: root, BinDir: pg.BinDir, Port: FreePort(t), owner: pg.owner}
	standby.URL = standby.DatabaseURL("postgres")
	if pg.owner != nil {
		if err := os.Chown(root, int(pg.owner.Uid), int(pg.owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(pg.Tool("pg_basebackup"), "-d", pg.URL, "-D", standby.Dir, "-R", "-c", "fast", "--no-sync")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: pg.owner}
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	standby.configure(t, nil)
	standby.start(t)
	return standby
}

// DatabaseURL connects to a database of the cluster over TCP.
func (pg *PG) DatabaseURL(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword("postgres", PGPassword),
		Host: "127.0.0.1:" + strconv.Itoa(pg.Port), Path: "/" + database,
	}
	return u.String()
}

// Tool is the path of one of the server's own tools.
func (pg *PG) Tool(name string) string { return filepath.Join(pg.BinDir, name) }

// Kill ends the cluster at once, as a power cut would end its processes.
func (pg *PG) Kill() { pg.process.Kill() }

// Restart stops the cluster, ending its sessions, and starts it again on the same port.
func (pg *PG) Restart(t testing.TB) {
	t.Helper()
	pg.stop()
	pg.start(t)
}

func (pg *PG) initialise(t testing.TB, settings []string) {
	t.Helper()
	password := filepath.Join(pg.SocketDir, "password")
	if err := os.WriteFile(password, []byte(PGPassword), 0o600); err != nil {
		t.Fatal(err)
	}
	if pg.owner != nil {
		for _, path := range []string{pg.SocketDir, password} {
			if err := os.Chown(path, int(pg.owner.Uid), int(pg.owner.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	cmd := exec.Command(pg.Tool("initdb"), "-D", pg.Dir, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", password,
		"-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: pg.owner}
	cmd.Dir = pg.SocketDir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	pg.configure(t, append([]string{"fsync = off", "shared_buffers = 64MB", "max_connections = 60"}, settings...))
}

// configure says where the server is to listen, and adds settings.
func (pg *PG) configure(t testing.TB, settings []string) {
	t.Helper()
	lines := append([]string{
		"listen_addresses = '127.0.0.1'",
		fmt.Sprintf("port = %d", pg.Port),
		fmt.Sprintf("unix_socket_directories = '%s'", pg.SocketDir),
	}, settings...)
	conf, err := os.OpenFile(filepath.Join(pg.Dir, "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer conf.Close()
	if _, err := conf.WriteString("\n" + strings.Join(lines, "\n") + "\n"); err != nil {
		t.Fatal(err)
	}
}

func (pg *PG) start(t testing.TB) {
	t.Helper()
	cmd := exec.Command(pg.Tool("postgres"), "-D", pg.Dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: pg.owner}
	cmd.Dir = pg.SocketDir
	pg.process = Start(t, cmd, func() error {
		ready := exec.Command(pg.Tool("pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(pg.Port))
		return ready.Run()
	})
	t.Cleanup(pg.stop)
}

// stop asks for a fast shutdown, which ends the sessions that a plain
// termination would wait for.
func (pg *PG) stop() {
	if pg.process.signal(syscall.SIGINT) {
		select {
		case <-pg.process.exited:
		case <-time.After(stopWithin):
		}
	}
	pg.process.Kill()
}

// postgresBinDir finds the newest server: Debian's folders, then PATH.
func postgresBinDir(t testing.TB) string {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		t.Fatal(err)
	}
	if len(found) > 0 {
		major := func(path string) int {
			n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
			return n
		}
		newest := slices.MaxFunc(found, func(a, b string) int { return major(a) - major(b) })
		return filepath.Dir(newest)
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		t.Fatal("no PostgreSQL server is installed: apt-get install postgresql")
	}
	return filepath.Dir(path)
}

// unprivileged is the user to run a server as that refuses root: postgres, or
// else nobody. It is nil where the test doesn't run as root.
func unprivileged(t testing.TB) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		}
	}
	t.Fatal("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
	return nil
}
