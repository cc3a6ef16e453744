package local

import (
	"context"
	"fmt"
	"strings"

	client "github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

func (r redis) observe(ctx context.Context, i *instance) []drill.Attempt {
	const (
		replication, alone = "replication with other servers", "role master, no replicas"
		cluster, none      = "part in a cluster", "none"
	)
	ctx, cancel := context.WithTimeout(ctx, cleanupWithin)
	defer cancel()
	c := r.connect(i)
	defer c.Close()
	text, err := c.Info(ctx).Result()
	if err != nil {
		return []drill.Attempt{unseen(replication, alone, err), unseen(cluster, none, err)}
	}
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			info[name] = value
		}
	}
	role, replicas, enabled := info["role"], info["connected_slaves"], info["cluster_enabled"]
	takesPart := "cluster_enabled " + enabled
	return []drill.Attempt{
		attempt(replication, alone, fmt.Sprintf("role %s, %s replicas", role, replicas), role == "master" && replicas == "0"),
		attempt(cluster, none, takesPart, enabled == "0"),
	}
}

func (r redis) login(ctx context.Context, i *instance, l login) error {
	logging.Disable()
	c := client.NewClient(&client.Options{
		Addr: i.address(), Username: l.user, Password: l.password, Protocol: 2,
		MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, PoolSize: 1, DisableIdentity: true,
	})
	defer c.Close()
	err := c.Ping(ctx).Err()
	for _, code := range []string{"NOAUTH", "WRONGPASS", "NOPERM"} {
		if err != nil && strings.HasPrefix(err.Error(), code) {
			return errRefused{code}
		}
	}
	return err
}

func (redis) credentials(live secret.String) (login, bool) {
	options, err := client.ParseURL(live.Reveal())
	if err != nil {
		return login{}, false
	}
	return login{options.Username, options.Password}, true
}
