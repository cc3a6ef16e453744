package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"text/template"
	"time"

	"github.com/spf13/cobra"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/worker"
)

func (a *app) demoCommand() *cobra.Command {
	var exit bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the main job on servers and data of its own, in a temporary folder",
		Args:  noArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.demo(cmd.Context(), exit) },
	}
	cmd.Flags().BoolVar(&exit, "exit", false, "end by itself when the job is done")
	return cmd
}

// demoIDs name the demo's own servers in its environment.
const (
	demoPostgresID = "demo-postgres"
	demoRedisID    = "demo-redis"
	demoDatabase   = "shop"
)

// demonstration is one run of the demo.
type demonstration struct {
	*app
	dir     string
	started time.Time
	sources *local.Environment
	// report is the path of the drill's report, which stays.
	report string
}

func (a *app) demo(ctx context.Context, exit bool) (err error) {
	dir, err := os.MkdirTemp("", "lifeboat-demo-*")
	if err != nil {
		return fault.Wrap(fault.Exhausted, err, "make a temporary folder")
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		return fault.Wrap(fault.Denied, err, "open the temporary folder to the servers")
	}
	d := &demonstration{app: a, dir: dir, started: time.Now(), sources: local.New(filepath.Join(dir, "sources"))}
	defer func() {
		if bad := d.cleanUp(context.WithoutCancel(ctx)); err == nil {
			err = bad
		}
	}()
	fmt.Fprintf(a.out, "Lifeboat demo in %s\n\n", dir)
	c, err := d.prepare(ctx)
	if err != nil {
		return err
	}
	return d.serveAndRun(ctx, c, exit)
}

// prepare starts and fills the sources, and writes the configuration.
func (d *demonstration) prepare(ctx context.Context) (*config.Config, error) {
	if err := os.Mkdir(filepath.Join(d.dir, "sources"), 0o711); err != nil {
		return nil, fault.Wrap(fault.Exhausted, err, "make the sources' folder")
	}
	pg, err := d.sources.Start(ctx, demoPostgresID, local.Spec{Kind: "postgres"})
	if err != nil {
		return nil, err
	}
	rd, err := d.sources.Start(ctx, demoRedisID, local.Spec{Kind: "redis"})
	if err != nil {
		return nil, err
	}
	d.step("start PostgreSQL "+pg.Version+" and Redis "+rd.Version, time.Since(d.started), pg.Address+", "+rd.Address)
	begun := time.Now()
	bytes, err := fillDemoPostgres(ctx, pg.URL, demoDatabase)
	if err != nil {
		return nil, err
	}
	keys, err := fillDemoRedis(ctx, rd.URL)
	if err != nil {
		return nil, err
	}
	// Without it the server writes no WAL that could be shipped.
	if pg, err = d.sources.MakeDurable(ctx, demoPostgresID); err != nil {
		return nil, err
	}
	d.step("fill them with a shop's data", time.Since(begun), fmt.Sprintf("%s in PostgreSQL, %d keys in Redis", size(bytes), keys))
	return d.configure(ctx, pg, rd)
}

var demoConfig = template.Must(template.New("").Parse(`listen: {{.Listen}}
dataDir: {{.DataDir}}
encryption: {identity: {{.Identity}}}
stores:
  primary: {kind: local, dir: {{.Store}}}
surfaces:
  main:  {kind: postgres, url: "{{.Postgres}}"}
  redis: {kind: redis, url: "{{.Redis}}"}
policies:
  main-daily:  {surface: main, kind: snapshot, cron: "0 2 * * *", store: primary, keep: {days: 30, last: 7}}
  main-base:   {surface: main, kind: base, cron: "0 1 * * *", store: primary, keep: {days: 30}}
  main-wal:    {surface: main, kind: wal, store: primary, interval: 1s, marker: true}
  redis-daily: {surface: redis, kind: snapshot, cron: "30 2 * * *", store: primary, keep: {days: 30, last: 7}}
drills:
  quarterly:
    cron: "0 6 1 1,4,7,10 *"
    surfaces: [main, redis]
    targets: {rto: 10m, rpo: 10m}
    owner: ops@example.com
    scenario: The database host is lost, with everything on it.
    sanitize: [{name: mask e-mail addresses, surface: main, sql: "UPDATE shop.customers SET email = 'customer-' || id || '@example.invalid'"}]
    checks:
      - {name: customers are there, kind: sql, surface: main, query: "SELECT count(*) FROM shop.customers", expect: ">= 1"}
      - {name: nobody's address is left, kind: sql, surface: main, query: "SELECT count(*) FROM shop.customers WHERE email NOT LIKE '%@example.invalid'", expect: "0"}
      - {name: PostgreSQL accepts connections, kind: tcp, surface: main}
      - {name: Redis answers, kind: redis, surface: redis, command: [PING], expect: PONG}
`))

func (d *demonstration) configure(ctx context.Context, pg, rd local.Server) (*config.Config, error) {
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		return nil, err
	}
	listen, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	dataDir := filepath.Join(d.dir, "data")
	if err := os.Mkdir(dataDir, 0o711); err != nil {
		return nil, fault.Wrap(fault.Exhausted, err, "make the data folder")
	}
	d.configPath = filepath.Join(d.dir, "lifeboat.yaml")
	f, err := os.OpenFile(d.configPath, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fault.Wrap(fault.Exhausted, err, "write the demo's configuration")
	}
	err = demoConfig.Execute(f, map[string]string{
		"Listen": listen, "DataDir": dataDir, "Identity": identity.Reveal(), "Store": filepath.Join(d.dir, "store"),
		"Postgres": strings.Replace(pg.URL.Reveal(), "/postgres", "/"+demoDatabase, 1), "Redis": rd.URL.Reveal(),
	})
	if err := f.Close(); err != nil {
		return nil, fault.Wrap(fault.Exhausted, err, "write the demo's configuration")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "write the demo's configuration")
	}
	// Only the file counts: variables that are set here for real must not reach the demo.
	return config.Load(d.configPath, []string{"LIFEBOAT_ADMIN_KEY=" + string(demoAdminKey)})
}

// demoAdminKey is no secret: the demo listens on loopback, for as long as somebody watches it.
const demoAdminKey secret.String = "lifeboat-demo-admin-key"

// serveAndRun starts engine, worker and API in this process, and runs the main job on them.
func (d *demonstration) serveAndRun(ctx context.Context, c *config.Config, exit bool) error {
	parts, err := worker.Open(ctx, c, version)
	if err != nil {
		return err
	}
	begun := time.Now()
	serving, stop := context.WithCancel(ctx)
	var served error
	ended := make(chan struct{})
	up := make(chan *session, 1)
	go func() {
		defer close(ended)
		served = d.serveParts(serving, parts, roles{engine: true, worker: true, api: true}, d.quietLogger(),
			func(s *session) { up <- s })
	}()
	defer func() {
		stop()
		<-ended
	}()
	select {
	case <-ended:
		return served
	case s := <-up:
		d.step("start Lifeboat: engine, worker, API", time.Since(begun), "http://"+c.Listen)
		if err := d.job(ctx, s, parts); err != nil {
			return err
		}
		d.whereToLook(s, c)
	}
	if exit {
		return nil
	}
	fmt.Fprintln(d.out, "\nServing until you press ^C.")
	select {
	case <-ctx.Done():
		return nil
	case <-ended:
		return served
	}
}

// step prints what was done and how long it took.
func (d *demonstration) step(what string, took time.Duration, detail string) {
	fmt.Fprintf(d.out, "%-46s %9s   %s\n", what, seconds(took.Seconds()), detail)
}

// cleanUp stops every server that the demo started and removes its folder.
func (d *demonstration) cleanUp(ctx context.Context) error {
	for _, env := range []*local.Environment{local.New(filepath.Join(d.dir, "data")), d.sources} {
		servers, err := env.List()
		if err != nil {
			return err
		}
		for _, s := range servers {
			if err := env.Stop(ctx, s.ID); err != nil {
				return err
			}
		}
	}
	if err := os.RemoveAll(d.dir); err != nil {
		return fault.Wrap(fault.Internal, err, "remove the demo's folder")
	}
	fmt.Fprintf(d.out, "\nEverything was stopped and removed.\n")
	if d.report != "" {
		fmt.Fprintf(d.out, "The report of the drill stays: %s\n", d.report)
	}
	return nil
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fault.Wrap(fault.Exhausted, err, "find a free port")
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String(), nil
}
