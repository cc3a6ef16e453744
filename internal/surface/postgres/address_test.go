package postgres

import (
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func TestToolsGetTheirConnectionFromTheEnvironment(t *testing.T) {
	t.Parallel()
	at, err := parseAddress("postgres://me:p%40ss%20word@h1:5433,h2/da%20ta?sslmode=require&connect_timeout=7&pool_max_conns=3", surface.Config{})
	if err != nil {
		t.Fatal(err)
	}
	env := at.toolEnv()
	for _, want := range []string{
		"PGHOST=h1,h2", "PGPORT=5433,5432", "PGUSER=me", "PGPASSWORD=p@ss word", "PGDATABASE=da ta", "PGSSLMODE=require", "PGCONNECT_TIMEOUT=7",
		"PGAPPNAME=lifeboat",
	} {
		if !slices.Contains(env, want) {
			t.Errorf("%s is not in %q", want, env)
		}
	}
	if slices.ContainsFunc(env, func(v string) bool { return strings.Contains(v, "pool") }) {
		t.Errorf("a setting that is none of libpq's is in %q", env)
	}
	other := at.database(`it's \ odd`)
	if !slices.Contains(other.toolEnv(), `PGDATABASE=it's \ odd`) || other.conninfo() != `dbname='it\'s \\ odd'` {
		t.Errorf("another database is %q, %s", other.toolEnv(), other.conninfo())
	}
	if at.config.Database != "da ta" {
		t.Error("the other database changed the first one's address")
	}
}
