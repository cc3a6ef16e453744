package local

import (
	"context"
	"fmt"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"

	client "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// redis is a Redis or Valkey server of its own; its default user has the password.
type redis struct{}

// savePoints are Redis's own default for when it saves by itself.
const savePoints = "3600 1 300 100 60 10000"

// databases is more than any server is known to use: a snapshot of a higher
// database than the server has can't be loaded.
const databases = 4096

func (redis) accounts() []string { return []string{"redis", "valkey"} }

func (redis) find(ctx context.Context, spec Spec) (found, error) {
	names := []string{"redis-server", "valkey-server"}
	if spec.Product == "Valkey" {
		names = []string{"valkey-server", "redis-server"}
	}
	usual := []string{"/usr/bin", "/usr/local/bin", "/opt/redis-stack/bin"}
	var first error
	for _, name := range names {
		f, err := choose(ctx, "Redis or Valkey", spec.Major, programsIn(spec.BinDir, usual, []string{name}))
		if err == nil {
			return f, nil
		}
		if first == nil {
			first = err
		}
	}
	return found{}, first
}

func (redis) create(context.Context, *instance, owner) error { return nil }

func (i *instance) redisConf() string { return filepath.Join(i.data(), "redis.conf") }

func (redis) configure(i *instance, o owner) error {
	save := ""
	if i.rec.State == stateDurable {
		save = savePoints
	}
	settings := []string{
		"bind 127.0.0.1",
		"port " + strconv.Itoa(i.rec.Port),
		"requirepass " + i.rec.Password,
		"dir " + strconv.Quote(i.data()),
		"databases " + strconv.Itoa(databases),
		"save " + strconv.Quote(save),
		"appendonly no",
		"daemonize no",
		// The command line stays as it was started: processesIn looks for the folder there.
		"set-proc-title no",
		// What a replica is sent goes from the socket into memory, never to a file.
		"repl-diskless-load on-empty-db",
		// A copy begins at once: no second replica is waited for.
		"repl-diskless-sync-delay 0",
	}
	return replaceFile(i.redisConf(), []byte(strings.Join(settings, "\n")+"\n"), o)
}

func (redis) args(i *instance) []string { return []string{i.redisConf()} }

func (redis) url(i *instance) secret.String {
	u := url.URL{Scheme: "redis", User: url.UserPassword("default", i.rec.Password), Host: i.address(), Path: "/0"}
	return secret.String(u.String())
}

func (r redis) connect(i *instance) *client.Client {
	// A server that does not answer yet is no news worth printing.
	logging.Disable()
	return client.NewClient(&client.Options{
		Addr: i.address(), Username: "default", Password: i.rec.Password, Protocol: 2,
		MaxRetries: -1, DialerRetries: 1, ReadTimeout: -1, ContextTimeoutEnabled: true, PoolSize: 1, DisableIdentity: true,
	})
}

func (r redis) ping(ctx context.Context, i *instance) error {
	c := r.connect(i)
	defer c.Close()
	return c.Ping(ctx).Err()
}

func (r redis) makeDurable(ctx context.Context, i *instance) error {
	if i.rec.State == stateDurable {
		return i.launch(ctx)
	}
	if !i.answers(ctx) {
		return fault.New(fault.Lost, "the server has ended and kept nothing on disk: restore again")
	}
	c := r.connect(i)
	defer c.Close()
	// SAVE answers when all is written; only closing the connection ends the wait.
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	if err := c.ConfigSet(ctx, "save", savePoints).Err(); err != nil {
		return fmt.Errorf("set save points: %w", err)
	}
	if err := c.Save(ctx).Err(); err != nil {
		return fmt.Errorf("save to %s (the server's log says more): %w", i.data(), err)
	}
	o, err := ownerNamed(i.rec.Account)
	if err != nil {
		return fmt.Errorf("look up the user of environment %s: %w", i.id, err)
	}
	i.rec.State = stateDurable
	if err := r.configure(i, o); err != nil {
		return err
	}
	return i.save()
}
