package drill

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

func TestWhatNamesAnEndpoint(t *testing.T) {
	t.Parallel()
	const (
		pg     = "postgres://u:p@db.example/shop"
		other  = "postgres://u:p@db.example:5433/shop"
		redis  = "redis://127.0.0.1:6380/1"
		socket = "postgres:///shop?host=/run/postgresql&port=5432"
		six    = "redis://[2001:db8::1]:6379"
	)
	for _, c := range []struct {
		live  secret.String
		texts []string
		want  bool
	}{
		{pg, []string{"db.example:5432"}, true},
		{pg, []string{"DB.example.:5432"}, true},
		{pg, []string{"postgres://x:y@db.example/other?sslmode=disable"}, true},
		{pg, []string{"--dsn=postgresql://x:y@db.example:5432"}, true},
		{pg, []string{"host=db.example port=5432 dbname=shop"}, true},
		{pg, []string{"psql", "-h", "db.example"}, true},
		{pg, []string{"sh", "-c", `PGHOST="db.example" psql`}, true},
		{pg, []string{"http://db.example/health"}, false},
		{pg, []string{"postgres://x:y@127.0.0.1:41234/db.example"}, false},
		{pg, []string{"db.example.org:5432", "5432"}, false},
		{pg, []string{"127.0.0.1:5432"}, false},
		{pg, []string{"{{main.address}}", "{{main.host}}:5432"}, false},
		{pg, nil, false},
		{other, []string{"db.example"}, false},
		{other, []string{"db.example", "5433"}, true},
		{other, []string{"db.example:5432"}, false},
		{redis, []string{"localhost:6380"}, true},
		{redis, []string{"[::1]:6380"}, true},
		{redis, []string{"redis://localhost"}, false},
		{redis, []string{"redis-cli", "-h", "127.0.0.1", "-p", "6380"}, true},
		{redis, []string{"redis-cli", "-h", "127.0.0.1", "-p", "6381"}, false},
		{redis, []string{":6380", "6380"}, false},
		{"redis://127.0.0.1", []string{"127.0.0.1"}, false},
		{socket, []string{"psql", "-h", "/run/postgresql"}, true},
		{socket, []string{"/run/postgresql/other"}, false},
		{six, []string{"[2001:DB8:0::1]:6379"}, true},
		{six, []string{"2001:db8::1", "6379"}, true},
	} {
		e, ok := EndpointOf(c.live)
		if got := e.Named(c.texts...); !ok || got != c.want {
			t.Errorf("%s in %q: %v, %v", c.live.Reveal(), c.texts, got, ok)
		}
	}
	for _, text := range []secret.String{"", "::", "postgres:///shop"} {
		if e, ok := EndpointOf(text); ok {
			t.Errorf("%s is at %+v", text.Reveal(), e)
		}
	}
}

func TestWhatAStepReaches(t *testing.T) {
	t.Parallel()
	e, _ := EndpointOf("postgres://u:p@db.example/shop")
	const at = "db.example:5432"
	env := map[string]secret.String{"DSN": at}
	for name, c := range map[string]struct {
		texts []string
		want  bool
	}{
		"ready":            {Program{Ready: at}.Reaches(), true},
		"program":          {Program{Command: []string{"api", at}}.Reaches(), true},
		"variable":         {Program{Env: env}.Reaches(), true},
		"address":          {Check{Kind: CheckTCP, Address: at}.Reaches(), true},
		"URL":              {Check{Kind: CheckHTTP, URL: "http://" + at}.Reaches(), true},
		"command":          {Check{Kind: CheckCommand, Command: []string{"psql", at}}.Reaches(), true},
		"command variable": {Check{Kind: CheckCommand, Env: env}.Reaches(), true},
		"key of redis":     {Check{Kind: CheckRedis, Command: []string{"GET", at}}.Reaches(), false},
		"node":             {Reconcile{Chain: &Chain{URL: "http://" + at}}.Reaches(), true},
		"no node":          {Reconcile{Query: at}.Reaches(), false},
	} {
		if got := e.Named(c.texts...); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
