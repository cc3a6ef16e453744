package config

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// A plan that is kept has no value of a variable in the texts of its steps.
func TestPublicPlanHasNoSecrets(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("hush-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(write(t, usable+`drills:
  q:
    surfaces: ["${SURFACE}", redis]
    owner: ${OWNER}
    sanitize: [{surface: "${SURFACE}", sql: "ALTER USER app PASSWORD '${PW}'"}]
    start:
      - {name: api, command: [api, --token, "${TOKEN}", "postgres://app:hush-too@db/x"], env: {KEY: "${PW}"}, dir: "/srv/${PW}"}
    checks:
      - {name: web, kind: http, url: "http://bob:${PW}@127.0.0.1/", method: POST, body: "p=${PW}&q=$${x", expectHeaders: {X: "${TOKEN}"}}
      - {kind: http, url: "http://bob:hush-literal@127.0.0.1/x"}
      - {kind: http, url: "http://{{redis.user}}:{{redis.password}}@127.0.0.1/x"}
      - {kind: redis, surface: redis, command: [GET, "${PW}"]}
    reconcile:
      - {kind: query, surface: "${SURFACE}", query: "SELECT '${PW}'", with: {surface: redis, query: "GET ${PW}"}}
      - {kind: chain, surface: main, chain: {url: "https://node/${PW}", chainId: 1, height: "SELECT '${PW}'"}}
    routeSwitch: curl ${PW}
`), []string{"PW=hush-hush", "TOKEN_FILE=" + file, "SURFACE=main", "OWNER=ops", "LIFEBOAT_DATA_DIR=/d"})
	if err != nil {
		t.Fatal(err)
	}
	before := c.PlanDigest("q")
	public := c.PublicPlan("q")
	text, err := json.Marshal(public)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hush") {
		t.Errorf("the plan that is kept has a secret: %s", text)
	}
	for name, c := range map[string][2]string{
		"the URL":           {public.Checks[0].URL, "http://bob:${PW}@127.0.0.1/"},
		"the body":          {public.Checks[0].Body, "p=${PW}&q=$${x"},
		"a literal one":     {public.Checks[1].URL, "http://bob:**redacted**@127.0.0.1/x"},
		"a placeholder":     {public.Checks[2].URL, "http://{{redis.user}}:{{redis.password}}@127.0.0.1/x"},
		"a word":            {public.Start[0].Command[2], "${TOKEN}"},
		"the surface":       {public.Surfaces[0], "main"},
		"a step's surface":  {public.Sanitize[0].Surface, "main"},
		"the other side":    {public.Reconcile[0].With.Query, "GET ${PW}"},
		"the owner":         {public.Owner, "ops"},
		"the route's words": {public.RouteSwitch, "curl ${PW}"},
	} {
		if c[0] != c[1] {
			t.Errorf("%s is %q, want %q", name, c[0], c[1])
		}
	}
	// The plan that is carried out is as it was.
	if c.PlanDigest("q") != before || c.Drills["q"].Checks[0].URL != "http://bob:hush-hush@127.0.0.1/" || c.Drills["q"].Reconcile[0].With.Query != "GET hush-hush" {
		t.Errorf("the plan was changed: %+v", c.Drills["q"])
	}
	if got := c.PlanSecrets("q"); !slices.Equal(got, []secret.String{"hush-file", "hush-hush"}) {
		t.Errorf("%d secrets", len(got))
	}
	var told int
	for _, warning := range c.Warnings() {
		if strings.Contains(warning, "hush") {
			t.Error("a warning has a secret")
		}
		if strings.Contains(warning, "drills.q.checks.1.url has a password in it") || strings.Contains(warning, "drills.q.start.0.command.3 has a password in it") {
			told++
		}
	}
	if told != 2 {
		t.Errorf("of the passwords in URLs is said: %q", c.Warnings())
	}
}

// A plan without variables is shown as it is, whatever it has.
func TestPublicPlanIsThePlan(t *testing.T) {
	t.Parallel()
	for name, plan := range everyPlan() {
		c := &Config{Drills: everyPlan()}
		if diff := cmp.Diff(plan, c.PublicPlan(name)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
