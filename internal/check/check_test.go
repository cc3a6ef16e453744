package check_test

import (
	"context"
	"encoding/json"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/check"
	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const (
	// patience is the timeout of attempts that are not to run into it.
	patience = drill.Duration(2 * time.Minute)
	// impatience is that of those that are.
	impatience = drill.Duration(300 * time.Millisecond)
)

// want is what a result must be: empty fields are not looked at.
type want struct{ result, subject, expected, observed, detail string }

func pass(observed string) want { return want{result: drill.Pass, observed: observed} }

func fail(detail string) want { return want{result: drill.Fail, detail: detail} }

// try makes an attempt and compares its result: each text must contain the one
// that is wanted. What every result must be is looked at, too.
func try(t *testing.T, r *check.Runner, c drill.Check, w want) drill.CheckResult {
	t.Helper()
	if c.Timeout == 0 {
		c.Timeout = patience
	}
	c.Name = "the check"
	got := r.Try(t.Context(), c)
	for _, text := range []struct{ name, got, want string }{
		{"result", got.Result, w.result}, {"subject", got.Subject, w.subject}, {"expected", got.Expected, w.expected},
		{"observed", got.Observed, w.observed}, {"detail", got.Detail, w.detail},
	} {
		if !strings.Contains(text.got, text.want) {
			t.Errorf("%s is %q, which has no %q; all of it: %+v", text.name, text.got, text.want, got)
		}
	}
	wellFormed(t, c, got)
	return got
}

func wellFormed(t *testing.T, c drill.Check, got drill.CheckResult) {
	t.Helper()
	if got.Name != c.Name || got.Kind != c.Kind || got.Optional != c.Optional || got.Attempts != 1 || got.Seconds <= 0 {
		t.Errorf("the result is of another check, or not of one attempt: %+v", got)
	}
	if (got.Result == drill.Fail) != (got.Detail != "") {
		t.Errorf("the result %s has the detail %q", got.Result, got.Detail)
	}
	for _, text := range []string{got.Subject, got.Expected, got.Observed, got.Detail} {
		if strings.ContainsAny(text, "\n\r\t\x00") || len([]rune(text)) > 400 {
			t.Errorf("not one short line: %q", text)
		}
	}
	if len([]rune(got.Observed)) > 200 {
		t.Errorf("observed has over 200 characters: %q", got.Observed)
	}
	if got.LogDigest != "" && len(got.LogDigest) != 64 {
		t.Errorf("the digest %q is no SHA-256", got.LogDigest)
	}
}

// holdsNone is for results that must not hold a secret.
func holdsNone(t *testing.T, got drill.CheckResult, secrets ...string) {
	t.Helper()
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	for _, value := range secrets {
		if strings.Contains(string(text), value) {
			t.Errorf("the result holds %q: %s", value, text)
		}
	}
}

// mute accepts connections, and says nothing.
func mute(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		var held []net.Conn
		for {
			conn, err := l.Accept()
			if err != nil {
				break
			}
			held = append(held, conn)
		}
		for _, conn := range held {
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

func TestTCP(t *testing.T) {
	t.Parallel()
	address := mute(t)
	r := &check.Runner{Servers: map[string]drill.Server{
		"main":  {Kind: "postgres", URL: secret.String("postgres://u:hunter22@" + address + "/db")},
		"cache": {Kind: "redis", URL: secret.String("redis://" + servers.Address(t))},
		"files": {Kind: "objects"},
	}}
	try(t, r, drill.Check{Kind: drill.CheckTCP, Address: address}, want{drill.Pass, address, "accepts a connection", "connected", ""})
	try(t, r, drill.Check{Kind: drill.CheckTCP, Address: "{{main.address}}"}, pass("connected"))
	try(t, r, drill.Check{Kind: drill.CheckTCP, Surface: "main", Optional: true}, want{drill.Pass, "main at " + address, "", "connected", ""})
	try(t, r, drill.Check{Kind: drill.CheckTCP, Surface: "cache"}, want{drill.Fail, "cache at 127.0.0.1:", "", "no connection", "connection refused"})
	try(t, r, drill.Check{Kind: drill.CheckTCP, Surface: "other"}, fail(`surface "other" was not restored in this drill; there is cache, files, main`))
	try(t, r, drill.Check{Kind: drill.CheckTCP, Surface: "files"}, fail("surface files is of kind objects, which a check of kind tcp can't ask"))
	try(t, r, drill.Check{Kind: drill.CheckTCP, Address: "no-such-host.invalid:1"}, fail("no-such-host.invalid"))
}

func TestWrongChecks(t *testing.T) {
	t.Parallel()
	r := &check.Runner{}
	try(t, r, drill.Check{Kind: "icmp"}, fail("the check is wrong: kind"))
	try(t, r, drill.Check{Kind: drill.CheckTCP}, fail("the check is wrong: address or surface"))
	try(t, r, drill.Check{Kind: drill.CheckTCP, Address: "{{main.address}}"}, fail("{{main.address}} names nothing that was restored: there is {{drill.id}}, and {{SURFACE.FIELD}} of no surface"))
	try(t, r, drill.Check{Kind: drill.CheckHTTP, URL: "http://{{drill.id}}.invalid/", Expect: "~ {{drill.id}}", JSONPath: "$.{{x}}"}, fail("{{x}} names nothing"))
}

func TestCancelledAttempt(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := &check.Runner{}
	got := r.Try(ctx, drill.Check{Kind: drill.CheckTCP, Address: mute(t)})
	if got.Result != drill.Fail || !strings.Contains(got.Detail, "the check was cancelled") {
		t.Errorf("%+v", got)
	}
}

func TestExpand(t *testing.T) {
	t.Parallel()
	const url = "postgres://joe:p%40ss@127.0.0.1:6001/shop?sslmode=disable"
	restored := map[string]drill.Server{
		"main":     {Kind: "postgres", URL: url},
		"six.east": {Kind: "redis", URL: "redis://:x@[::1]:7000/0"},
		"plain":    {Kind: "redis", URL: "redis://localhost"},
		"broken":   {Kind: "redis", URL: "redis://:hunter22@local host:%zz"},
	}
	for text, want := range map[string]string{
		"": "", "no placeholder": "no placeholder",
		"{{main.url}}": url, "{{main.host}}:{{main.port}}": "127.0.0.1:6001", "{{main.address}}": "127.0.0.1:6001",
		"{{main.user}}/{{main.password}}/{{main.database}}": "joe/p@ss/shop", "{{ main.port }}": "6001",
		"<{{drill.id}}>": "<D-1>", "{{six.east.address}} {{six.east.host}}": "[::1]:7000 ::1",
		"{{plain.address}}{{plain.user}}{{plain.database}}": "localhost:6379",
		"{{.State.Status}} {{ }} {{}} {{{":                  "{{.State.Status}} {{ }} {{}} {{{", `{"a":{"b":{}}}`: `{"a":{"b":{}}}`,
	} {
		got, err := check.Expand(text, restored, "D-1")
		if err != nil || got.Reveal() != want {
			t.Errorf("%s becomes %q, not %q: %v", text, got.Reveal(), want, err)
		}
	}
	for text, want := range map[string]string{
		"{{mian.url}}":    "there is {{drill.id}}, and {{SURFACE.FIELD}} of broken, main, plain, six.east",
		"{{main}}":        "{{main}} names nothing",
		"{{main.pass}}":   "no such field: there is address, database, host, password, port, url, user",
		"{{drill.name}}":  "names nothing",
		"{{broken.host}}": "the URL of the restored surface broken can't be parsed",
	} {
		got, err := check.Expand("x"+text, restored, "D-1")
		if err == nil || !strings.Contains(err.Error(), want) || got != "" || strings.Contains(err.Error(), "hunter22") {
			t.Errorf("%s becomes %q: %v", text, got.Reveal(), err)
		}
	}
}

func TestExpandPlaces(t *testing.T) {
	t.Parallel()
	place := func(namespaces map[string]string) drill.Server {
		return drill.Server{Kind: "kubernetes", URL: cluster.Place{
			Config: cluster.Config{Kubeconfig: "/etc/dr", Context: "dr"}, Namespaces: namespaces,
		}.URL()}
	}
	restored := map[string]drill.Server{
		"one":       place(map[string]string{"shop": "copy-shop"}),
		"two.east":  place(map[string]string{"shop": "copy-shop", "pay": "copy-pay"}),
		"two":       {Kind: "postgres", URL: "postgres://db/shop"},
		"git":       {Kind: "git", URL: "file:///var/lib/a%20b/values"},
		"malformed": {Kind: "kubernetes", URL: "kubernetes:///etc/dr?namespace=:x"},
	}
	for text, want := range map[string]string{
		"{{one.kubeconfig}} {{one.context}}":                     "/etc/dr dr",
		"{{one.namespace}}, {{one.namespace.shop}}":              "copy-shop, copy-shop",
		"{{two.east.namespace.pay}} {{two.east.namespace.shop}}": "copy-pay copy-shop",
		"{{two.host}}":                  "db",
		"{{git.path}} {{git.url}}":      "/var/lib/a b/values file:///var/lib/a%20b/values",
		"kubectl -n {{ one.namespace}}": "kubectl -n copy-shop",
	} {
		got, err := check.Expand(text, restored, "D-1")
		if err != nil || got.Reveal() != want {
			t.Errorf("%s becomes %q, not %q: %v", text, got.Reveal(), want, err)
		}
	}
	for text, want := range map[string]string{
		"{{two.east.namespace}}":       "there is context, kubeconfig, namespace.pay, namespace.shop, url",
		"{{one.namespace.pay}}":        "there is context, kubeconfig, namespace, namespace.shop, url",
		"{{one.host}}":                 "no such field",
		"{{git.host}}":                 "there is path, url",
		"{{two.path}}":                 "no such field",
		"{{malformed.namespace.shop}}": "the URL of the restored surface malformed can't be parsed",
	} {
		if got, err := check.Expand(text, restored, "D-1"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s becomes %q: %v", text, got.Reveal(), err)
		}
	}
}

// TestExpandedValuesAreNotExpanded has a password that looks like a placeholder.
func TestExpandedValuesAreNotExpanded(t *testing.T) {
	t.Parallel()
	restored := map[string]drill.Server{"main": {URL: "redis://:%7B%7Bdrill.id%7D%7D@localhost"}}
	if got, err := check.Expand("{{main.password}}", restored, "D-1"); err != nil || got.Reveal() != "{{drill.id}}" {
		t.Errorf("%q, %v", got.Reveal(), err)
	}
}
