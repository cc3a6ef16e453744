package local

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	client "github.com/redis/go-redis/v9"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestRedisKeepsNothingUntilItIsDurable(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	s := start(t, e, "r", Spec{Kind: "redis", Major: 7})
	c := redisClient(t, s)
	if err := c.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	dump := filepath.Join(s.Dir, "data", "dump.rdb")
	if _, err := os.Stat(dump); !os.IsNotExist(err) {
		t.Errorf("a server that is being filled has written %s", dump)
	}
	durable, err := e.MakeDurable(t.Context(), "r")
	if err != nil {
		t.Fatal(err)
	}
	if durable.PID != s.PID || durable.URL != s.URL {
		t.Errorf("made durable, %+v became %+v", s, durable)
	}
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	again := start(t, e, "r", Spec{Kind: "redis", Major: 7})
	if again.URL != s.URL {
		t.Errorf("started again, %+v became %+v", s, again)
	}
	if v, err := redisClient(t, again).Get(t.Context(), "k").Result(); err != nil || v != "v" {
		t.Errorf("after a crash the key is %q: %v", v, err)
	}
	if err := e.Stop(t.Context(), "r"); err != nil {
		t.Fatal(err)
	}
	requireGone(t, s)
}

func TestRedisIsIsolated(t *testing.T) {
	t.Parallel()
	t.Run("secrets", func(t *testing.T) {
		e := New(dataDir(t))
		s := start(t, e, "r", Spec{Kind: "redis"})
		stranger := client.NewClient(&client.Options{Addr: s.Address})
		defer stranger.Close()
		if err := stranger.Ping(t.Context()).Err(); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
			t.Errorf("without the password: %v", err)
		}
		line, err := os.ReadFile(filepath.Join("/proc", itoa(s.PID), "cmdline"))
		if err != nil || strings.Contains(string(line), password(t, s)) {
			t.Errorf("the password is on the command line %q: %v", line, err)
		}
		bind, err := redisClient(t, s).ConfigGet(t.Context(), "bind").Result()
		if err != nil || bind["bind"] != "127.0.0.1" {
			t.Errorf("the server listens on %v: %v", bind, err)
		}
		conf, err := os.Stat(filepath.Join(s.Dir, "data", "redis.conf"))
		if err != nil || conf.Mode().Perm() != 0o600 {
			t.Errorf("the configuration with the password is not private: %v, %v", conf, err)
		}
	})
}

func TestRedisThatEndedBeforeItWasDurableIsLost(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	s := start(t, e, "r", Spec{Kind: "redis"})
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := e.MakeDurable(t.Context(), "r"); !fault.Is(err, fault.Lost) {
		t.Errorf("a server that lost everything was made durable: %v", err)
	}
	fresh := start(t, e, "r", Spec{Kind: "redis"})
	if fresh.URL == s.URL {
		t.Error("a server started over kept its credentials")
	}
}

func TestRedisThatCannotStartSaysWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	program := filepath.Join(dir, "redis-server")
	script := "#!/bin/sh\n[ \"$1\" = --version ] && { echo 'Redis server v=7.9.0'; exit; }\necho 'Fatal: no luck today'; exit 1\n"
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	e := New(dataDir(t))
	_, err := e.Start(t.Context(), "r", Spec{Kind: "redis", BinDir: dir})
	if err == nil || !strings.Contains(err.Error(), "no luck today") {
		t.Errorf("the reason is not told: %v", err)
	}
	if servers, err := e.List(); err != nil || len(servers) != 0 {
		t.Errorf("what failed to start is listed: %v, %v", servers, err)
	}
}
