package local

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// prometheus is a Prometheus server of its own, that answers queries and does
// nothing else: it scrapes nothing, alerts nobody, writes nothing anywhere, and
// keeps every block in its data folder as it is. Its one user has the password.
// A block that is put into the folder is served within a minute, and after
// MakeDurable at once.
type prometheus struct{}

// prometheusUser is the name that the password goes with.
const prometheusUser = "lifeboat"

// forEver is longer than any data is kept.
const forEver = "100y"

func (prometheus) accounts() []string { return []string{"prometheus"} }

func (prometheus) find(ctx context.Context, spec Spec) (found, error) {
	usual := []string{"/usr/bin", "/usr/local/bin", "/opt/prometheus", "/opt/prometheus-*"}
	return choose(ctx, "Prometheus", spec.Major, programsIn(spec.BinDir, usual, []string{"prometheus"}))
}

// blocks is the folder of the data, which the server itself tells by its API.
func (i *instance) blocks() string { return filepath.Join(i.data(), "tsdb") }

func (i *instance) prometheusConf() string { return filepath.Join(i.data(), "prometheus.yml") }

func (i *instance) prometheusWeb() string { return filepath.Join(i.data(), "web.yml") }

func (prometheus) create(_ context.Context, i *instance, o owner) error {
	return fault.Disk(o.mkdir(i.blocks()), "make the data folder of environment %s", i.id)
}

func (prometheus) configure(i *instance, o owner) error {
	hash, err := seal.BcryptHash(secret.String(i.rec.Password))
	if err != nil {
		return fmt.Errorf("hash the password of environment %s: %w", i.id, err)
	}
	// No scrape_configs, alerting, rule_files, remote_write or remote_read.
	if err := replaceFile(i.prometheusConf(), []byte("global: {}\n"), o); err != nil {
		return err
	}
	return replaceFile(i.prometheusWeb(), []byte("basic_auth_users:\n  "+prometheusUser+": "+hash+"\n"), o)
}

func (prometheus) args(i *instance) []string {
	args := []string{
		// A path by itself, by which the process is known.
		"--config.file", i.prometheusConf(), "--web.config.file", i.prometheusWeb(),
		"--web.listen-address", i.address(), "--storage.tsdb.path", i.blocks(), "--log.level", "warn",
		// Nothing is deleted, and no block becomes part of another.
		"--storage.tsdb.retention.time", forEver,
		"--storage.tsdb.min-block-duration", forEver, "--storage.tsdb.max-block-duration", forEver,
	}
	if i.rec.Major > 2 || i.rec.minor() >= overlapMinor {
		// Samples that came out of order make blocks that overlap, and those are merged otherwise.
		args = append(args, "--no-storage.tsdb.allow-overlapping-compaction")
	}
	return args
}

// overlapMinor is the release of Prometheus 2 that can be told to leave blocks that overlap alone.
const overlapMinor = 55

// minor is the second number of a version, 0 when there is none.
func (r record) minor() int {
	_, rest, _ := strings.Cut(r.Version, ".")
	digits, _, _ := strings.Cut(rest, ".")
	number, err := strconv.Atoi(digits)
	if err != nil {
		return 0
	}
	return number
}

func (prometheus) url(i *instance) secret.String {
	u := url.URL{Scheme: "http", User: url.UserPassword(prometheusUser, i.rec.Password), Host: i.address()}
	return secret.String(u.String())
}

// prometheusClient asks this host alone, whatever proxy the worker has.
var prometheusClient = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ask makes a request as somebody.
func (prometheus) ask(ctx context.Context, i *instance, l login, method, path string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://"+i.address()+path, http.NoBody)
	if err != nil {
		return nil, err
	}
	if l.user != "" || l.password != "" {
		request.SetBasicAuth(l.user, l.password)
	}
	return prometheusClient.Do(request)
}

func (prometheus) own(i *instance) login { return login{prometheusUser, i.rec.Password} }

func (p prometheus) ping(ctx context.Context, i *instance) error {
	answer, err := p.ask(ctx, i, p.own(i), http.MethodGet, "/-/ready")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %s", answer.Status)
	}
	return nil
}

// makeDurable restarts the server on what was put into its folder. Whoever put
// it there has flushed it to disk.
func (prometheus) makeDurable(ctx context.Context, i *instance) error {
	gently, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := i.quit(gently, syscall.SIGTERM); err != nil {
		if err := i.quit(ctx, syscall.SIGKILL); err != nil {
			return fault.Wrap(fault.Unavailable, err, "stop Prometheus")
		}
	}
	i.rec.State = stateDurable
	return i.launch(ctx)
}

func (prometheus) credentials(live secret.String) (login, bool) {
	u, err := url.Parse(live.Reveal())
	if err != nil || !strings.HasPrefix(u.Scheme, "http") || u.Host == "" {
		return login{}, false
	}
	password, _ := u.User.Password()
	return login{u.User.Username(), password}, true
}

func (p prometheus) login(ctx context.Context, i *instance, l login) error {
	answer, err := p.ask(ctx, i, l, http.MethodGet, "/api/v1/status/buildinfo")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized:
		return errRefused{answer.Status}
	default:
		return fmt.Errorf("it answers %s", answer.Status)
	}
}
