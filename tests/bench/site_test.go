//go:build bench

package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// site is one installation of Lifeboat.
type site struct {
	config, dataDir, storeDir, listen string
	recipient                         string
}

// settings are the configuration beyond what every site has. Points are not
// read back after they are made: the other tools don't do that either.
const settings = `
listen: %s
dataDir: %s
encryption: {identity: "%s"}
surfaces:
  main: %s
policies:
  main: {surface: main, store: folder, verify: never, paused: true}
%sstores:
  folder: {kind: local, dir: %s}
`

// s3Settings is a store named s3, as newSite takes it.
func s3Settings(c store.Config) string {
	return fmt.Sprintf("  s3: {kind: s3, bucket: %s, endpoint: %q, caFile: %s, accessKeyId: %q, secretAccessKey: %q}\n",
		c.Bucket, c.Endpoint, c.CAFile, c.AccessKeyID, c.SecretAccessKey.Reveal())
}

// newSite configures Lifeboat for a PostgreSQL server. Further stores and policies are lines of YAML.
func newSite(b *testing.B, url, stores string, policies ...string) *site {
	b.Helper()
	return newSiteOf(b, fmt.Sprintf(`{kind: postgres, url: "%s"}`, url), stores, policies...)
}

// newSiteOf is newSite for any surface, of which it takes the settings.
func newSiteOf(b *testing.B, surface, stores string, policies ...string) *site {
	b.Helper()
	dir, err := os.MkdirTemp("", "bench-site-*")
	if err != nil {
		b.Fatal(err)
	}
	// Restored servers run as another user.
	if err := os.Chmod(dir, 0o711); err != nil {
		b.Fatal(err)
	}
	identity, recipient, err := seal.GenerateIdentity()
	if err != nil {
		b.Fatal(err)
	}
	s := &site{
		config: filepath.Join(dir, "lifeboat.yaml"), dataDir: filepath.Join(dir, "data"), storeDir: filepath.Join(dir, "store"),
		listen: servers.Address(b), recipient: recipient,
	}
	b.Cleanup(func() {
		s.stopEnvironments(b)
		os.RemoveAll(dir)
	})
	if err := os.Mkdir(s.dataDir, 0o711); err != nil {
		b.Fatal(err)
	}
	text := fmt.Sprintf(settings, s.listen, s.dataDir, identity.Reveal(), surface, strings.Join(policies, ""), s.storeDir) + stores
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return s
}

func (s *site) stopEnvironments(b *testing.B) {
	b.Helper()
	env := local.New(s.dataDir)
	found, err := env.List()
	if err != nil {
		b.Error(err)
	}
	for _, server := range found {
		if err := env.Stop(context.Background(), server.ID); err != nil {
			b.Error(err)
		}
	}
}

func (s *site) command(args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "LIFEBOAT_") && !strings.HasPrefix(pair, "SNAPSHOTS_") {
			cmd.Env = append(cmd.Env, pair)
		}
	}
	cmd.Env = append(cmd.Env, "LIFEBOAT_CONFIG="+s.config, "LIFEBOAT_ADMIN_KEY=a-key-of-no-use-to-anybody")
	return cmd
}

// start runs a role of the binary until the benchmark ends.
func (s *site) start(b *testing.B, args ...string) *servers.Process {
	b.Helper()
	ready := func() error { return nil }
	if args[0] == "up" {
		ready = servers.Answering(http.DefaultClient, "http://"+s.listen+"/readyz")
	}
	return servers.Start(b, s.command(args...), ready)
}

// ask runs a command to its end, decodes what it prints, and returns its processor time.
func (s *site) ask(b *testing.B, into any, args ...string) time.Duration {
	b.Helper()
	cmd := s.command(append(args, "-o", "json")...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		b.Fatalf("lifeboat %s: %v: %s", strings.Join(args, " "), err, errOut.String())
	}
	if into != nil {
		if err := json.Unmarshal(out.Bytes(), into); err != nil {
			b.Fatalf("lifeboat %s: %v in %.200q", strings.Join(args, " "), err, out.String())
		}
	}
	return used(cmd)
}

// used is the processor time of a command that has ended, and of its descendants.
func used(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// point is what a snapshot prints.
type point struct {
	ID         string `json:"id"`
	Bytes      int64  `json:"bytes"`
	PlainBytes int64  `json:"plainBytes"`
	Parts      int    `json:"parts"`
}
