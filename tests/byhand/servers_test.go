package byhand

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/local"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/postgres"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// What was restored by hand has the fingerprint that was taken of the source.
func TestPostgres(t *testing.T) {
	t.Parallel()
	need(t, "jq", "age", "zstd", "psql")
	pg := servers.Postgres(t)
	run(t, download(t, "encrypted"), commands(t, "all parts")+commands(t, "postgres"),
		"PGHOST=127.0.0.1", "PGPORT="+strconv.Itoa(pg.Port), "PGUSER=postgres", "PGPASSWORD="+servers.PGPassword,
		"PATH="+pg.BinDir+":"+os.Getenv("PATH"))
	want := fingerprint(t)
	s, err := postgres.New("main", surface.Config{Kind: "postgres", URL: secret.String(pg.DatabaseURL("restored"))})
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Fingerprint(t.Context(), surface.Target{URL: secret.String(pg.DatabaseURL("restored")), Expected: want})
	if err != nil {
		t.Fatal(err)
	}
	if len(want) < 20 {
		t.Errorf("the fingerprint has %d entries only", len(want))
	}
	for _, d := range want.Compare(got) {
		t.Error(d)
	}
}

// fingerprint reads that of the vectors.
func fingerprint(t *testing.T) surface.Fingerprint {
	t.Helper()
	const id = "20260102T030405.678Z-abc234"
	root := t.TempDir()
	if err := os.CopyFS(filepath.Join(root, "points/main", id), os.DirFS(filepath.Join(vectors, "encrypted"))); err != nil {
		t.Fatal(err)
	}
	st, err := local.Open(t.Context(), store.Config{Kind: "local", Dir: root})
	if err != nil {
		t.Fatal(err)
	}
	identity, err := os.ReadFile(filepath.Join(vectors, "identity.txt"))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.NewKeyring(seal.Config{Identity: secret.String(identity)})
	if err != nil {
		t.Fatal(err)
	}
	p, err := archive.OpenPoint(t.Context(), st, archive.Dir("points", "main", id), keys)
	if err != nil {
		t.Fatal(err)
	}
	return p.Fingerprint()
}

func TestRedis(t *testing.T) {
	t.Parallel()
	need(t, "redis-server")
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "plain"), 0o755); err != nil {
		t.Fatal(err)
	}
	source := servers.FreePort(t)
	serve(t, source, fmt.Sprintf("redis-server --port %d --bind 127.0.0.1 --dir %s --dbfilename rdb.rdb --save ''", source, filepath.Join(dir, "plain")))
	command(t, source, "SET greeting ahoy")
	command(t, source, "SAVE")
	restored := servers.FreePort(t)
	serve(t, restored, fmt.Sprintf("cd %s; PORT=%d; exec %s", dir, restored, commands(t, "redis")))
	if got := command(t, restored, "GET greeting"); got != "$4\r\nahoy\r\n" {
		t.Errorf("the restored server answers %q", got)
	}
}

func serve(t *testing.T, port int, script string) {
	t.Helper()
	servers.Start(t, exec.Command("sh", "-euc", strings.TrimSpace(script)), func() error {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			err = conn.Close()
		}
		return err
	})
}

// command sends one inline command and returns what comes back at once.
func command(t *testing.T, port int, text string) string {
	t.Helper()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte(text + "\r\n")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 100)
	n, err := conn.Read(answer)
	if err != nil || answer[0] == '-' {
		t.Fatalf("%s: %q, %v", text, answer[:n], err)
	}
	return string(answer[:n])
}
