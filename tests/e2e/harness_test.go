package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/engine"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

const adminKey = "an-admin-key-for-tests-0123456789"

// site is one installation: a data folder, a configuration, and what runs on it.
type site struct {
	dir, config, dataDir, storeDir, listen string
	env                                    []string
	// codecKey is the one of the configuration, where it has one.
	codecKey secret.String
	link     *link
}

// newSite writes a configuration. The text has %DATA%, %STORE% and %LISTEN% for
// the folders and the address.
func newSite(t *testing.T, config string) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "site-*")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	s := &site{
		dir: dir, config: filepath.Join(dir, "lifeboat.yaml"), dataDir: filepath.Join(dir, "data"), storeDir: filepath.Join(dir, "store"),
		listen: fmt.Sprintf("127.0.0.1:%d", servers.FreePort(t)), link: &link{},
	}
	t.Cleanup(func() {
		s.link.close()
		s.stopEnvironments(t)
		os.RemoveAll(dir)
	})
	if err := os.Mkdir(s.dataDir, 0o711); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("%DATA%", s.dataDir, "%STORE%", s.storeDir, "%LISTEN%", s.listen).Replace(config)
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.env = append(cleanEnv(), "LIFEBOAT_CONFIG="+s.config, "LIFEBOAT_ADMIN_KEY="+adminKey)
	return s
}

// cleanEnv is this process's environment without what would configure Lifeboat.
func cleanEnv() []string {
	var env []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		switch {
		case strings.HasPrefix(name, "LIFEBOAT_"), strings.HasPrefix(name, "SNAPSHOTS_"), strings.HasPrefix(name, "SNAPHOSTS_"),
			name == "POSTGRES_URL", name == "REDIS_URL":
		default:
			env = append(env, pair)
		}
	}
	return env
}

func (s *site) stopEnvironments(t *testing.T) {
	t.Helper()
	env := local.New(s.dataDir)
	servers, err := env.List()
	if err != nil {
		t.Error(err)
	}
	for _, server := range servers {
		// The test's own context has ended by now.
		if err := env.Stop(context.Background(), server.ID); err != nil {
			t.Error(err)
		}
	}
}

// start runs a long-lived role of the binary until the test ends.
func (s *site) start(t *testing.T, args ...string) *servers.Process {
	t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Env = s.env
	ready := s.ready
	switch {
	case args[0] == "worker":
		ready = func() error { return nil }
	case slices.Contains(args, "--api=false"):
		ready = func() error { _, err := engine.Find(filepath.Join(s.dataDir, "engine")); return err }
	}
	return servers.Start(t, cmd, ready)
}

// ready asks the API whether everything runs.
func (s *site) ready() error {
	resp, err := http.Get("http://" + s.listen + "/readyz")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("readyz answers %s", resp.Status)
	}
	return nil
}

// run runs a command to its end.
func (s *site) run(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Env = s.env
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("lifeboat %s: %v", strings.Join(args, " "), err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// ask runs a command that must succeed and decodes what it prints with -o json.
func (s *site) ask(t *testing.T, into any, args ...string) {
	t.Helper()
	stdout, stderr, code := s.run(t, append(args, "-o", "json")...)
	if code != 0 {
		t.Fatalf("lifeboat %s: exit %d: %s", strings.Join(args, " "), code, stderr)
	}
	if err := json.Unmarshal([]byte(stdout), into); err != nil {
		t.Fatalf("lifeboat %s: %v in %q", strings.Join(args, " "), err, stdout)
	}
}

// call makes one request to the API and decodes the answer.
func (s *site) call(t *testing.T, method, path, body string, into any, headers ...string) int {
	t.Helper()
	status, err := s.try(method, path, body, into, headers...)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return status
}

func (s *site) try(method, path, body string, into any, headers ...string) (int, error) {
	req, err := http.NewRequest(method, "http://"+s.listen+path, strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if into == nil {
		return resp.StatusCode, nil
	}
	return resp.StatusCode, json.NewDecoder(resp.Body).Decode(into)
}

// loaded is how many times as long a machine may take that has much else to do.
const loaded = 3

// eventually polls until the condition holds. It gives up when a loaded machine
// would have had the time.
func eventually(t *testing.T, within time.Duration, what string, condition func() bool) {
	t.Helper()
	within *= loaded
	deadline := time.Now().Add(within)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", within, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
