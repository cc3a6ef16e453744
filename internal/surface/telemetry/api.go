package telemetry

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// api is that of one Prometheus server, version 1.
type api struct {
	client         *http.Client
	base           *url.URL
	user, password string
	// name is the URL without its credentials.
	name string
}

// answerWithin is how long a server may be silent: a snapshot writes all of its
// head to disk before it answers.
const answerWithin = 30 * time.Minute

func newAPI(at secret.String, c surface.Config) (*api, error) {
	base, err := url.Parse(at.Reveal())
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, fault.New(fault.Invalid, "the URL of a Prometheus must be like https://HOST:9090")
	}
	t, err := transport.New(transport.Options{CAFile: c.CAFile, Idle: answerWithin})
	if err != nil {
		return nil, err
	}
	if c.CertFile != "" {
		own, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fault.Wrap(fault.Invalid, err, "read certFile and keyFile")
		}
		t.TLSClientConfig.Certificates = []tls.Certificate{own}
	}
	a := &api{client: &http.Client{
		Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	a.user = base.User.Username()
	a.password, _ = base.User.Password()
	base.User = nil
	a.base, a.name = base, base.String()
	return a, nil
}

// mostAnswer is how large an answer may be.
const mostAnswer = 8 << 20

// call makes one request and reads the data of its answer.
func (a *api) call(ctx context.Context, method, path string, into any) error {
	at := a.base.JoinPath(path)
	request, err := http.NewRequestWithContext(ctx, method, at.String(), http.NoBody)
	if err != nil {
		return fault.New(fault.Invalid, "the URL of %s can't be asked", a.name)
	}
	if a.user != "" || a.password != "" {
		request.SetBasicAuth(a.user, a.password)
	}
	answer, err := a.client.Do(request)
	if err != nil {
		return transport.Fault(err, "ask Prometheus at "+a.name)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer+1))
	if err != nil {
		return transport.Fault(err, "read the answer of Prometheus at "+a.name)
	}
	var out struct {
		Status, Error string
		Data          json.RawMessage
	}
	err = json.Unmarshal(text, &out)
	switch {
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return fault.New(fault.Denied, "Prometheus at %s lets nobody in with these credentials: it answers %s", a.name, answer.Status)
	case err != nil && answer.StatusCode < http.StatusMultipleChoices:
		return fault.New(fault.Unsupported, "what answers at %s is no Prometheus", a.name)
	case answer.StatusCode != http.StatusOK || out.Status != "success":
		said := strings.Join(strings.Fields(out.Error), " ")
		if said == "" {
			said = answer.Status
		}
		return fault.Wrap(transport.KindOf(answer.StatusCode), &refusal{answer.StatusCode, said}, "Prometheus at %s", a.name)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(out.Data, into); err != nil {
		return fault.New(fault.Unsupported, "what answers at %s is no Prometheus", a.name)
	}
	return nil
}

// refusal is what a server said in place of an answer.
type refusal struct {
	status int
	said   string
}

func (r *refusal) Error() string { return r.said }

// server says what answers.
func (a *api) server(ctx context.Context) (surface.Server, error) {
	var info struct{ Version string }
	if err := a.call(ctx, http.MethodGet, "api/v1/status/buildinfo", &info); err != nil {
		return surface.Server{}, err
	}
	digits, _, _ := strings.Cut(info.Version, ".")
	major, err := strconv.Atoi(digits)
	if err != nil || major < 2 {
		return surface.Server{}, fault.New(fault.Unsupported, "Prometheus at %s says that it is version %q: 2 and newer are known", a.name, info.Version)
	}
	return surface.Server{Product: "Prometheus", Version: info.Version, Major: major}, nil
}

// dataDir is where the server says that its data is.
func (a *api) dataDir(ctx context.Context) (string, error) {
	var flags map[string]string
	if err := a.call(ctx, http.MethodGet, "api/v1/status/flags", &flags); err != nil {
		return "", err
	}
	dir := flags["storage.tsdb.path"]
	if !filepath.IsAbs(dir) {
		return "", fault.New(fault.Invalid, "Prometheus at %s keeps its data in %q, which is relative to a folder that it doesn't tell: set telemetry.dir", a.name, dir)
	}
	return filepath.Clean(dir), nil
}
