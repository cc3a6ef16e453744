package managedtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// run runs a command as the user and in the folder of the clusters.
func (c *Cloud) run(command ...string) error {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = c.PG.SocketDir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", command[0], err, out)
	}
	return nil
}

// stop ends a server without waiting for its sessions.
func stop(p *servers.Process) {
	_ = syscall.Kill(p.PID(), syscall.SIGINT)
	p.Stop()
}

// recover starts a server from the base backup at the time that was asked, or
// at the end of the log.
func (c *Cloud) recover(name, host string, at time.Time) (*servers.Process, error) {
	if err := c.archiveAll(); err != nil {
		return nil, err
	}
	if err := c.run("cp", "-a", "base", name); err != nil {
		return nil, err
	}
	settings := []string{
		"", "listen_addresses = '" + host + "'", "unix_socket_directories = ''", "archive_mode = off",
		"restore_command = 'cp ../archive/%f %p'", "recovery_target_action = promote",
	}
	if !at.IsZero() && at.Before(time.Now()) {
		settings = append(settings, "recovery_target_time = '"+at.UTC().Format("2006-01-02 15:04:05.999999+00")+"'")
	}
	dir := filepath.Join(c.PG.SocketDir, name)
	for file, text := range map[string]string{
		"postgresql.conf": strings.Join(settings, "\n") + "\n",
		"pg_hba.conf":     "\nhost all postgres 127.0.0.0/8 scram-sha-256\n",
		"recovery.signal": "",
	} {
		if err := extend(filepath.Join(dir, file), text); err != nil {
			return nil, err
		}
	}
	cmd := exec.Command(c.PG.Tool("postgres"), "-D", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.owner}
	cmd.Dir = c.PG.SocketDir
	address := strings.Replace(c.PG.URL, "127.0.0.1", host, 1)
	return servers.Start(c.t, cmd, func() error {
		return query(address, func(ctx context.Context, conn *pgx.Conn) error {
			var recovering bool
			if err := conn.QueryRow(ctx, "select pg_is_in_recovery()").Scan(&recovering); err != nil {
				return err
			}
			if recovering {
				return fmt.Errorf("%s is in recovery", name)
			}
			return nil
		})
	}), nil
}

func extend(file, text string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// archiveAll ends the log with a commit, without which PostgreSQL does not know
// that a time before it is reached, and waits until it is archived.
func (c *Cloud) archiveAll() error {
	return query(c.PG.URL, func(ctx context.Context, conn *pgx.Conn) error {
		if _, err := conn.Exec(ctx, "select txid_current()"); err != nil {
			return err
		}
		var segment string
		if err := conn.QueryRow(ctx, "select pg_walfile_name(pg_switch_wal())").Scan(&segment); err != nil {
			return err
		}
		for deadline := time.Now().Add(time.Minute); ; {
			if _, err := os.Stat(filepath.Join(c.PG.SocketDir, "archive", segment)); err == nil {
				return nil
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("%s is not archived", segment)
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
}

func query(url string, do func(context.Context, *pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	return do(ctx, conn)
}
