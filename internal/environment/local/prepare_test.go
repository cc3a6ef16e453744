package local

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestPreparingAgainKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	e := New(dataDir(t))
	p := prepare(t, e, "pg")
	if err := os.WriteFile(filepath.Join(p.DataDir, "PG_VERSION"), []byte("14\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, mode := range map[string]os.FileMode{p.DataDir: 0o700, p.Spool: 0o700, filepath.Dir(p.TablespaceDir(1)): 0o700} {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != mode || (os.Geteuid() == 0 && info.Sys().(*syscall.Stat_t).Uid != uint32(p.Owner.UID)) {
			t.Errorf("%s: %v, %v", dir, info, err)
		}
	}
	again := prepare(t, e, "pg")
	if again != p || again.Begun || again.Rebooted {
		t.Errorf("prepared twice, %+v became %+v", p, again)
	}
	if _, err := os.Stat(filepath.Join(p.DataDir, "PG_VERSION")); err != nil {
		t.Error(err)
	}
	if _, err := e.Recover(t.Context(), "pg", Recovery{RestoreCommand: "false"}, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("recover a data directory of another version: %v", err)
	}
	if _, err := e.Start(t.Context(), "pg", Spec{Kind: "postgres"}); !fault.Is(err, fault.Conflict) {
		t.Errorf("start what is being prepared: %v", err)
	}
	if _, err := e.MakeDurable(t.Context(), "pg"); !fault.Is(err, fault.Conflict) {
		t.Errorf("make durable what is being prepared: %v", err)
	}
	start(t, e, "r", Spec{Kind: "redis"})
	for _, c := range []struct {
		id   string
		spec Spec
		want fault.Kind
	}{
		{"r", Spec{Kind: "postgres", Major: 15}, fault.Conflict},
		{"x", Spec{Kind: "redis", Major: 7}, fault.Invalid},
		{"x", Spec{Kind: "postgres"}, fault.Invalid},
		{"x", Spec{Kind: "postgres", Major: 14}, fault.Unsupported},
		{"x", Spec{Kind: "postgres", Major: 99}, fault.Unsupported},
		{"../x", Spec{Kind: "postgres", Major: 15}, fault.Invalid},
	} {
		if _, err := e.Prepare(t.Context(), c.id, c.spec); !fault.Is(err, c.want) {
			t.Errorf("prepare %s %+v: %v", c.id, c.spec, err)
		}
	}
	for _, r := range []Recovery{
		{},
		{RestoreCommand: "a\nb"},
		{RestoreCommand: strings.Repeat("x", 1000)},
		{RestoreCommand: "false", Settings: map[string]string{"archive_mode": "on"}},
		{RestoreCommand: "false", Settings: map[string]string{"recovery_target_action": "pause"}},
		{RestoreCommand: "false", Settings: map[string]string{"recovery_target_name": "a\nfsync = off"}},
		{RestoreCommand: "false", Preload: []string{"a','b"}},
	} {
		if _, err := e.Recover(t.Context(), "pg", r, nil); !fault.Is(err, fault.Invalid) {
			t.Errorf("recover with %+v: %v", r, err)
		}
	}
	if _, err := e.Recover(t.Context(), "r", Recovery{RestoreCommand: "false"}, nil); !fault.Is(err, fault.Conflict) {
		t.Errorf("recover a Redis server: %v", err)
	}
}
