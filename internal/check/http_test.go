package check_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/check"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const statusDocument = `{"status":"ok","components":[{"name":"db","lag":0.5,"block":9007199254740993},{"name":"cache","lag":12,"block":7}],
	"wei":123456789012345678901234567890,"ready":true,"none":null,"text":"a <b> \"c\"","empty":"","list":[]}`

// application answers as an application would, rightly and wrongly.
func application(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	answer := func(path, body string) {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })
	}
	answer("/status", statusDocument)
	answer("/version", "v1.2.3\n")
	answer("/not-json", "{")
	answer("/two-documents", "{} {}")
	answer("/long", strings.Repeat("x", check.MaxRead+1))
	answer("/just-short-enough", strings.Repeat("x", check.MaxRead))
	mux.HandleFunc("/empty", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/down", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "the database\nis away", http.StatusServiceUnavailable)
	})
	mux.HandleFunc("/moved", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "https://joe@production.example.com/login")
		w.WriteHeader(http.StatusFound)
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["X-Version"] = []string{"17"}
		w.Header()["X-Twice"] = []string{"a", "b"}
		w.Header()["X-Empty"] = []string{""}
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s host=%s agent=%s", r.Method, body, r.Host, r.UserAgent())
		for _, name := range []string{"Authorization", "X-Key"} {
			fmt.Fprintf(w, " %s=%s", name, r.Header.Get(name))
		}
		if name, password, ok := r.BasicAuth(); ok {
			fmt.Fprintf(w, " %s knows %s", name, password)
		}
	})
	mux.HandleFunc("/broken", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	mux.HandleFunc("/half", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "half")
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	server, r := application(t), &check.Runner{DrillID: "D-1"}
	for name, c := range map[string]struct {
		check drill.Check
		want  want
	}{
		"any 2xx":       {drill.Check{URL: "/version"}, want{drill.Pass, "GET " + server.URL + "/version", "status 200 to 299", "200 OK: v1.2.3", ""}},
		"no content":    {drill.Check{URL: "/empty"}, pass("204 No Content")},
		"HEAD":          {drill.Check{URL: "/version", Method: "HEAD"}, want{drill.Pass, "HEAD http", "", "200 OK", ""}},
		"asked status":  {drill.Check{URL: "/down", Status: 503}, want{drill.Pass, "", "status 503", "503", ""}},
		"down":          {drill.Check{URL: "/down"}, want{drill.Fail, "", "", "503 Service Unavailable: the database is away", "status 503, expected 200 to 299"}},
		"wrong 2xx":     {drill.Check{URL: "/empty", Status: 200}, fail("status 204, expected 200")},
		"redirect":      {drill.Check{URL: "/moved"}, fail("status 302, a redirect to https://production.example.com/login, which a check does not follow")},
		"asked 302":     {drill.Check{URL: "/moved", Status: 302, ExpectHeaders: map[string]string{"Location": "*= production"}}, pass("302 Found; Location: ")},
		"body":          {drill.Check{URL: "/version", Expect: "v1.2.3"}, want{drill.Pass, "", "status 200 to 299; body = v1.2.3", "200 OK: v1.2.3", ""}},
		"regex":         {drill.Check{URL: "/version", Expect: `~ ^v1\.`}, pass("v1.2.3")},
		"other body":    {drill.Check{URL: "/version", Expect: "v2"}, fail("expected the body = v2, observed v1.2.3")},
		"down and body": {drill.Check{URL: "/down", Expect: "*= away"}, fail("status 503")},
		"empty body":    {drill.Check{URL: "/empty", Expect: "*= x"}, fail("expected the body *= x, observed")},
		"long":          {drill.Check{URL: "/long"}, pass("200 OK: xxx")},
		"long, judged":  {drill.Check{URL: "/long", Expect: "*= x"}, fail("the body is longer than 1048576 bytes")},
		"all of it":     {drill.Check{URL: "/just-short-enough", Expect: "~ ^x+$"}, pass("200 OK: xxx")},
		"headers": {
			drill.Check{URL: "/headers", ExpectHeaders: map[string]string{"x-version": ">= 9", "X-Twice": "a, b", "X-Empty": ""}},
			want{drill.Pass, "", "X-Empty =; X-Twice = a, b; x-version >= 9", "X-Twice: a, b; x-version: 17", ""},
		},
		"header missing":   {drill.Check{URL: "/headers", ExpectHeaders: map[string]string{"X-None": "!= x"}}, fail("the answer has no header X-None")},
		"header wrong":     {drill.Check{URL: "/headers", ExpectHeaders: map[string]string{"X-Version": "18"}}, fail("expected the header X-Version = 18, observed 17")},
		"header not empty": {drill.Check{URL: "/headers", ExpectHeaders: map[string]string{"X-Version": ""}}, fail("expected the header X-Version =, observed 17")},
		"POST":             {drill.Check{URL: "/echo", Method: "POST", Body: "of {{drill.id}}", Expect: "*= POST of D-1 "}, pass("agent=lifeboat")},
		"host":             {drill.Check{URL: "/echo", Headers: map[string]secret.String{"host": "api.example.com"}, Expect: "*= host=api.example.com"}, pass("")},
		"broken off":       {drill.Check{URL: "/broken"}, want{drill.Fail, "", "", "no answer", "EOF"}},
		"half a body":      {drill.Check{URL: "/half"}, want{drill.Fail, "", "", "200 OK: half", "read the body: unexpected EOF"}},
		"no URL":           {drill.Check{URL: "/%zz"}, fail("url is not well-formed")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.check.Kind, c.check.URL = drill.CheckHTTP, server.URL+c.check.URL
			try(t, r, c.check, c.want)
		})
	}
}

func TestJSONPath(t *testing.T) {
	t.Parallel()
	server, r := application(t), &check.Runner{}
	for _, c := range []struct {
		path, expect string
		want         want
	}{
		{"$.status", "ok", want{drill.Pass, "", "$.status = ok", "200 OK: ok", ""}},
		{"$.status", "", want{drill.Pass, "", "a value at $.status", "200 OK: ok", ""}},
		{"$['status']", "!= down", pass("200 OK: ok")},
		{"$.components[0].name", "db", pass("db")},
		{"$.components[-1].name", "cache", pass("cache")},
		{"$.components[0].lag", "< 1", pass("0.5")},
		{"$.components[0].block", "9007199254740993", pass("9007199254740993")},
		{"$.components[?@.name == 'cache'].lag", "12", pass("12")},
		{"$.components[?(@.lag > 1)].name", "cache", pass("cache")},
		{"$.components[?@.block == 9007199254740993].name", "db", pass("db")},
		{"$.components[*].name", `["db","cache"]`, pass(`["db","cache"]`)},
		{"$..lag", "*= 0.5", pass("12")},
		{"$.wei", "> 123456789012345678901234567889", pass("123456789012345678901234567890")},
		{"$.ready", "true", pass("true")},
		{"$.none", "null", pass("null")},
		{"$.text", `a <b> "c"`, pass(`a <b> "c"`)},
		{"$.empty", "=", pass("200 OK:")},
		{"$.list", "[]", pass("[]")},
		{"$.components[1]", `*= {"block":7,"lag":12,"name":"cache"}`, pass("cache")},
		{"$", `*= "ready":true`, pass("")},
		{"$.status", "down", want{drill.Fail, "", "", "200 OK: ok", "expected $.status = down, observed ok"}},
		{"$.components[0].lag", "> 1", fail("expected $.components[0].lag > 1, observed 0.5")},
		{"$.nothing", "!= x", fail("the body has nothing at $.nothing")},
		{"$.components[9]", "", fail("the body has nothing at $.components[9]")},
		{"$.list[*]", "", fail("the body has nothing at")},
		{"$.components[", "", fail("jsonPath $.components[ is wrong")},
	} {
		try(t, r, drill.Check{Kind: drill.CheckHTTP, URL: server.URL + "/status", JSONPath: c.path, Expect: c.expect}, c.want)
	}
	for path, detail := range map[string]string{"/not-json": "the body is not JSON", "/two-documents": "more after its end", "/version": "the body is not JSON"} {
		try(t, r, drill.Check{Kind: drill.CheckHTTP, URL: server.URL + path, JSONPath: "$.a"}, fail(detail))
	}
}

func TestLogDigest(t *testing.T) {
	t.Parallel()
	server, r := application(t), &check.Runner{}
	short := try(t, r, drill.Check{Kind: drill.CheckHTTP, URL: server.URL + "/empty"}, pass("204 No Content"))
	if short.LogDigest != "" || short.Observed != "204 No Content" {
		t.Errorf("all was observed, and there is a digest: %+v", short)
	}
	long := try(t, r, drill.Check{Kind: drill.CheckHTTP, URL: server.URL + "/just-short-enough"}, pass("…"))
	if want := seal.SHA256([]byte("200 OK: " + strings.Repeat("x", check.MaxRead))); long.LogDigest != want {
		t.Errorf("the digest is %q, not %s", long.LogDigest, want)
	}
	part := try(t, r, drill.Check{Kind: drill.CheckHTTP, URL: server.URL + "/status", JSONPath: "$.status"}, pass("200 OK: ok"))
	if want := seal.SHA256([]byte("200 OK: " + statusDocument)); part.LogDigest != want {
		t.Errorf("the digest is %q, not %s", part.LogDigest, want)
	}
}

func TestHTTPUnreachable(t *testing.T) {
	t.Parallel()
	r := &check.Runner{}
	nobody := servers.Address(t)
	got := try(t, r, drill.Check{Kind: drill.CheckHTTP, URL: "http://joe:hunter22@" + nobody + "/x"},
		want{drill.Fail, "GET http://" + nobody + "/x", "", "no answer", "connection refused"})
	holdsNone(t, got, "hunter22")
	try(t, r, drill.Check{Kind: drill.CheckHTTP, URL: "http://" + mute(t) + "/", Timeout: impatience}, fail("no answer within 300ms"))
}

// TestHTTPHidesHeaders has a server that shows in every way what it was sent.
func TestHTTPHidesHeaders(t *testing.T) {
	t.Parallel()
	server := application(t)
	const token, key, password, restored = "tok-3n-value", "k&y with/signs\"", "basic-passw0rd", "p@ss/word"
	basic := base64.StdEncoding.EncodeToString([]byte("joe:" + password))
	r := &check.Runner{
		Secrets: []secret.String{"of-the-environment", "1"},
		Servers: map[string]drill.Server{"main": {Kind: "postgres", URL: "postgres://u:p%40ss%2Fword@127.0.0.1:1/db"}},
	}
	for _, headers := range []map[string]secret.String{
		{"Authorization": "Bearer " + token, "X-Key": key},
		{"Authorization": secret.String("Basic " + basic), "X-Key": token},
	} {
		got := try(t, r, drill.Check{
			Kind: drill.CheckHTTP, URL: server.URL + "/echo", Method: "POST", Headers: headers,
			Body: "of-the-environment {{main.password}} {{main.url}} 1", Expect: "*= " + token + restored,
		}, want{drill.Fail, "", "body *= **redacted****redacted**", "**redacted** **redacted** **redacted** 1", "**redacted**"})
		holdsNone(t, got, token, key, password, basic, "of-the-environment", restored, "p%40ss")
	}
	try(t, r, drill.Check{
		Kind: drill.CheckHTTP, URL: server.URL + "/echo", Headers: map[string]secret.String{"Accept": "POST", "X-Key": "{{main.password}}"},
		Expect: "*= X-Key=" + restored,
	}, pass("X-Key=**redacted**"))
}

func TestHTTPS(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "safe") }))
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	caFile := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(caFile, pemOf(server.Certificate()), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &check.Runner{}
	ask := func(caFile, serverName string) drill.Check {
		return drill.Check{Kind: drill.CheckHTTP, URL: server.URL, CAFile: caFile, ServerName: serverName, Expect: "safe"}
	}
	try(t, r, ask(caFile, ""), pass("200 OK: safe"))
	try(t, r, ask(caFile, "example.com"), pass("200 OK: safe"))
	try(t, r, ask(caFile, "example.org"), fail("certificate is valid for example.com"))
	try(t, r, ask("", ""), fail("certificate signed by unknown authority"))
	try(t, r, ask(caFile+".absent", ""), fail("read caFile"))
}
