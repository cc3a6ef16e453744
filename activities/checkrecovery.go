package activities

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// CheckRecoveryInput names what was recovered.
type CheckRecoveryInput struct {
	RecoveryRef
	Reached Reached `json:"reached"`
}

// RecoveryCheck is one thing that was looked at.
type RecoveryCheck struct {
	Name   string `json:"name"`
	Result string `json:"result"`
}

// RecoveryChecked is what was found.
type RecoveryChecked struct {
	Checks  []RecoveryCheck `json:"checks"`
	Reached Reached         `json:"reached"`
}

// CheckRecovery looks at what was recovered: that its tables and indexes are
// whole, which moment the source had marked last, and that nothing later than
// the target is there.
func (a *Activities) CheckRecovery(ctx context.Context, in CheckRecoveryInput) (RecoveryChecked, error) {
	p := startPulse(ctx, "check what was recovered", 0)
	defer p.end()
	out := RecoveryChecked{Reached: in.Reached, Checks: []RecoveryCheck{
		{"backup manifest", "every file of the base backup has the size and the checksum that PostgreSQL noted"},
	}}
	server, err := a.Environment.Get(in.RestoreID)
	if err != nil {
		return out, err
	}
	target := in.Plan.Target
	if target.Kind == pitr.AtTime && in.Reached.Time.After(target.Time) {
		return out, fault.New(fault.Mismatch, "a transaction of %s is there, and %s was asked for",
			in.Reached.Time.UTC().Format(timeLayout), target.Time.UTC().Format(timeLayout))
	}
	check, err := a.amcheck(ctx, in, server)
	if err != nil {
		return out, err
	}
	out.Checks = append(out.Checks, check)
	u, err := a.IsolatedURL(in.Surface, server.URL)
	if err != nil {
		return out, err
	}
	// It is zero for a target that is no time.
	check, err = a.markedAt(ctx, in.Surface, u, target.Time, &out.Reached)
	if err == nil && check.Name != "" {
		out.Checks = append(out.Checks, check)
	}
	return out, err
}

// amcheck reads every heap and index of the database in the URL with PostgreSQL's own checker, where its
// extension is installed. The extension is taken out again.
func (a *Activities) amcheck(ctx context.Context, in CheckRecoveryInput, server local.Server) (RecoveryCheck, error) {
	out := RecoveryCheck{Name: "amcheck"}
	u, err := a.IsolatedURL(in.Surface, server.URL)
	if err != nil {
		return out, err
	}
	program := filepath.Join(server.BinDir, "pg_amcheck")
	if _, err := os.Stat(program); err != nil {
		out.Result = "not checked: pg_amcheck is not installed"
		return out, nil
	}
	made, err := withAmcheck(ctx, u)
	if fault.Is(err, fault.Unsupported) {
		out.Result = "not checked: the extension amcheck is not installed"
		return out, nil
	}
	if err != nil {
		return out, err
	}
	problems, err := runAmcheck(ctx, program, u)
	if made {
		if bad := dropAmcheck(ctx, u); err == nil {
			err = bad
		}
	}
	if err == nil && problems != "" {
		err = fault.New(fault.Corrupt, "pg_amcheck found damage: %s", problems)
	}
	out.Result = "every heap and B-tree of the database in the URL is whole; the cluster's other databases were not read"
	return out, err
}

// runAmcheck returns the first lines of what is damaged, empty for nothing.
func runAmcheck(ctx context.Context, program string, u secret.String) (string, error) {
	config, err := pgx.ParseConfig(u.Reveal())
	if err != nil {
		return "", fault.New(fault.Internal, "the URL of the recovered server is not well-formed")
	}
	cmd := exec.CommandContext(ctx, program, "--jobs=2", "--no-password", conninfo(config.Database))
	cmd.Env = []string{
		"PGHOST=" + config.Host, fmt.Sprintf("PGPORT=%d", config.Port), "PGUSER=" + config.User, "PGPASSWORD=" + config.Password,
		// What production set for the database must not end the check half-way: that would look like damage.
		"PGOPTIONS=-c statement_timeout=0 -c lock_timeout=0 -c default_transaction_read_only=off",
		"PGSSLMODE=disable", "LC_ALL=C.UTF-8", "PATH=" + os.Getenv("PATH"),
	}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err == nil:
		return "", nil
	case stdout.Len() > 0:
		lines := strings.SplitN(strings.TrimSpace(stdout.String()), "\n", 4)
		return strings.Join(lines[:min(3, len(lines))], "; "), nil
	default:
		return "", fault.New(fault.Internal, "pg_amcheck: %s", fault.Line(fmt.Errorf("%s", strings.TrimSpace(stderr.String()))))
	}
}

// conninfo names a database in a form that no tool takes for anything else.
func conninfo(database string) string {
	return "dbname='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(database) + "'"
}

func withAmcheck(ctx context.Context, u secret.String) (made bool, err error) {
	err = withConn(ctx, u, func(conn *pgx.Conn) error {
		var available, there bool
		err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'amcheck'),
			EXISTS (SELECT FROM pg_extension WHERE extname = 'amcheck')`).Scan(&available, &there)
		switch {
		case err != nil || there:
			return err
		case !available:
			return fault.New(fault.Unsupported, "amcheck is not installed")
		}
		_, err = conn.Exec(ctx, "CREATE EXTENSION amcheck")
		made = err == nil
		return err
	})
	return made, err
}

func dropAmcheck(ctx context.Context, u secret.String) error {
	return withConn(ctx, u, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, "DROP EXTENSION amcheck")
		return err
	})
}

func withConn(ctx context.Context, u secret.String, do func(*pgx.Conn) error) error {
	conn, err := pgx.Connect(ctx, u.Reveal())
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "connect to the recovered server")
	}
	defer func() { _ = conn.Close(ctx) }()
	err = do(conn)
	if fault.KindOf(err) == fault.Unsupported {
		return err
	}
	return fault.Wrap(fault.Internal, err, "ask the recovered server")
}

// markedAt reads the time that the source had written last: how much was lost
// of what there was at the target, unless that is zero, is then measured, not guessed.
func (a *Activities) markedAt(ctx context.Context, surfaceName string, u secret.String, target time.Time, reached *Reached) (RecoveryCheck, error) {
	marker, ok := a.Surfaces[surfaceName].(surface.Marker)
	if !ok {
		return RecoveryCheck{}, nil
	}
	at, err := marker.Marked(ctx, surface.Target{URL: u})
	if fault.Is(err, fault.Missing) {
		return RecoveryCheck{}, nil
	}
	if err != nil {
		return RecoveryCheck{}, err
	}
	reached.Marker = at.UTC()
	result := "the source had written the time " + at.UTC().Format(timeLayout)
	if !target.IsZero() {
		loss := target.Sub(at).Seconds()
		reached.LossSeconds = &loss
		result += fmt.Sprintf(", %v before the moment asked for", (time.Duration(loss * float64(time.Second))).Round(time.Millisecond))
	}
	return RecoveryCheck{Name: "marker", Result: result}, nil
}
