//go:build bench

package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// pgBackRest is the other side's installation, for the source's cluster. It
// works as the cluster's owner, as it must.
type pgBackRest struct {
	source       *source
	config, repo string
	owner        *syscall.Credential
}

// backRestSettings are those of the figures that pgBackRest is known by: two
// processes, an encrypted repository on the same disk, WAL in the background.
const backRestSettings = `[global]
repo1-path=%s
repo1-cipher-type=aes-256-cbc
repo1-cipher-pass=a-passphrase-of-no-use-to-anybody
repo1-retention-full=1
expire-auto=n
process-max=2
compress-type=zst
compress-level=1
start-fast=y
archive-async=y
archive-check=n
spool-path=%s
lock-path=%s
log-level-file=off
log-level-console=warn

[main]
pg1-path=%s
pg1-port=%d
pg1-socket-path=%s
pg1-user=postgres
`

func newPgBackRest(b *testing.B, s *source) *pgBackRest {
	b.Helper()
	adoptOrphans(b)
	dir, err := os.MkdirTemp("", "bench-peer-*")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	p := &pgBackRest{source: s, config: filepath.Join(dir, "pgbackrest.conf"), repo: filepath.Join(dir, "repo"), owner: ownerOf(b, s.Dir)}
	text := fmt.Sprintf(backRestSettings, p.repo, filepath.Join(dir, "spool"), filepath.Join(dir, "lock"), s.Dir, s.Port, s.SocketDir)
	if err := os.WriteFile(p.config, []byte(text), 0o644); err != nil {
		b.Fatal(err)
	}
	if err := os.Chown(dir, int(p.owner.Uid), int(p.owner.Gid)); err != nil {
		b.Fatal(err)
	}
	p.run(b, "stanza-create")
	return p
}

func ownerOf(b *testing.B, dir string) *syscall.Credential {
	b.Helper()
	info, err := os.Stat(dir)
	if err != nil {
		b.Fatal(err)
	}
	stat := info.Sys().(*syscall.Stat_t)
	return &syscall.Credential{Uid: stat.Uid, Gid: stat.Gid}
}

// command is what a shell is given.
func (p *pgBackRest) command(args ...string) string {
	return strings.Join(append([]string{"pgbackrest", "--config=" + p.config, "--stanza=main"}, args...), " ")
}

// run runs it to its end and returns its processor time.
func (p *pgBackRest) run(b *testing.B, args ...string) time.Duration {
	b.Helper()
	cmd := exec.Command("pgbackrest", append([]string{"--config=" + p.config, "--stanza=main"}, args...)...)
	cmd.Env = append(os.Environ(), "PGPASSWORD="+servers.PGPassword)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner}
	cmd.Dir = "/"
	return runCommand(b, cmd)
}

// folder makes an empty one that the owner may fill.
func (p *pgBackRest) folder(b *testing.B, name string) string {
	b.Helper()
	dir := filepath.Join(filepath.Dir(p.config), name)
	if err := os.Mkdir(dir, 0o700); err != nil {
		b.Fatal(err)
	}
	if err := os.Chown(dir, int(p.owner.Uid), int(p.owner.Gid)); err != nil {
		b.Fatal(err)
	}
	return dir
}

// ownAll gives everything below a folder to its owner.
func ownAll(dir string, owner *syscall.Credential) error {
	return filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, int(owner.Uid), int(owner.Gid))
	})
}

// start runs PostgreSQL on a restored data directory with settings of its own,
// on a free port, and returns a cluster to ask, whose log is that of the process.
func (p *pgBackRest) start(b *testing.B, dir string, settings ...string) (*servers.PG, *servers.Process) {
	b.Helper()
	pg := &servers.PG{Dir: dir, SocketDir: dir, BinDir: p.source.BinDir, Port: servers.FreePort(b)}
	pg.URL = pg.DatabaseURL("postgres")
	args := []string{"-D", dir}
	for _, setting := range append([]string{
		"port=" + strconv.Itoa(pg.Port), "unix_socket_directories=" + dir, "archive_mode=off", "log_line_prefix=%m [%p] ", "lc_messages=C",
	}, settings...) {
		args = append(args, "-c", setting)
	}
	cmd := exec.Command(pg.Tool("postgres"), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.owner}
	cmd.Dir = dir
	return pg, servers.Start(b, cmd, func() error { return nil })
}

// adoptOrphans makes this process the parent of what detaches itself, as
// pgBackRest's archiving in the background does: it is found, and its time is
// kept while nobody waits for it.
func adoptOrphans(b *testing.B) {
	b.Helper()
	const setChildSubreaper = 36 // prctl(2)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); errno != 0 {
		b.Fatal(errno)
	}
}

// orphansTime is the processor time of all orphans of a name so far.
func orphansTime(b *testing.B, name string) (total time.Duration) {
	b.Helper()
	all, err := processes()
	if err != nil {
		b.Fatal(err)
	}
	for _, pid := range all.children[os.Getpid()] {
		comm, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
		if err == nil && strings.TrimSpace(string(comm)) == name {
			total += all.below(pid)
		}
	}
	return total
}
