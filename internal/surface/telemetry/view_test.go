package telemetry_test

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func window(d time.Duration) func(*surface.Telemetry) {
	return func(c *surface.Telemetry) { own := drill.Duration(d); c.Window = &own }
}

// samples are how many a view has of blocks that end before the last day, and of all others.
func samples(t *testing.T, view surface.View) (old, young int64) {
	t.Helper()
	for _, part := range view.Parts() {
		var spec struct {
			Until   time.Time
			Samples int64
		}
		if err := json.Unmarshal(part.Spec, &spec); err != nil {
			t.Fatal(err)
		}
		if spec.Until.Before(time.Now().Add(-24 * time.Hour)) {
			old += spec.Samples
		} else {
			young += spec.Samples
		}
	}
	return old, young
}

func TestAPointReachesBackAsFarAsIsWanted(t *testing.T) {
	t.Parallel()
	live := newPrometheus(t, map[int]int{50: 1, 51: 2, 100: 3, 101: 4, 102: 5}, adminAPI)
	live.sell(t, 5)
	for name, c := range map[string]struct {
		change []func(*surface.Telemetry)
		old    int64
	}{
		"by default three days": {nil, 2},
		"everything":            {[]func(*surface.Telemetry){window(0)}, 5},
		"one hour":              {[]func(*surface.Telemetry){window(time.Hour)}, 0},
	} {
		view, err := live.surface(t, c.change...).Hold(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if old, young := samples(t, view); old != c.old || young == 0 {
			t.Errorf("%s: %d old samples, not %d, and %d young", name, old, c.old, young)
		}
		if err := view.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestSourcesThatMakeNoSnapshot(t *testing.T) {
	t.Parallel()
	off := newPrometheus(t, nil)
	if _, err := off.surface(t).Hold(t.Context()); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "--web.enable-admin-api") {
		t.Errorf("without the admin API: %v", err)
	}
	live := newPrometheus(t, nil, adminAPI)
	live.sell(t, 2)
	elsewhere := live.surface(t, func(c *surface.Telemetry) { c.Dir = t.TempDir() })
	if _, err := elsewhere.Hold(t.Context()); !fault.Is(err, fault.Missing) || !strings.Contains(err.Error(), "telemetry.dir") {
		t.Errorf("with another folder: %v", err)
	}
	gone := live.surface(t, func(c *surface.Telemetry) { c.URL = "http://user:hush-hush@127.0.0.1:1/prefix" })
	if _, err := gone.Hold(t.Context()); !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "hush") {
		t.Errorf("without a server: %v", err)
	}
}

func TestASnapshotWhoseHolderDiedIsRemoved(t *testing.T) {
	t.Parallel()
	live := newPrometheus(t, nil, adminAPI)
	live.sell(t, 2)
	surf := live.surface(t)
	held, err := surf.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	// One of another program, and one of a worker that was killed.
	snapshots := filepath.Join(live.dir, "snapshots")
	theirs, dead := filepath.Join(snapshots, "20260101T000000Z-00"), filepath.Join(snapshots, "20260101T000000Z-01")
	for _, dir := range []string{theirs, dead} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dead, "lifeboat-holder"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	other, err := surf.Hold(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := held.Check(t.Context()); err != nil {
		t.Errorf("the view that is held: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	left := live.snapshots(t)
	if len(left) != 2 || left[0] != theirs || left[1] == dead {
		t.Errorf("left: %v", left)
	}

	mine := left[1]
	if err := os.RemoveAll(mine); err != nil {
		t.Fatal(err)
	}
	if err := held.Check(t.Context()); !fault.Is(err, fault.Lost) {
		t.Errorf("a snapshot that somebody removed: %v", err)
	}
	if _, err := surf.Dump(t.Context(), held.Token(), held.Parts()[0], io.Discard); !fault.Is(err, fault.Lost) {
		t.Errorf("dump of a snapshot that somebody removed: %v", err)
	}
	blind := live.surface(t, func(c *surface.Telemetry) { c.Dir = "/nonexistent/data" })
	if _, err := blind.Dump(t.Context(), held.Token(), held.Parts()[0], io.Discard); !fault.Is(err, fault.Missing) {
		t.Errorf("dump on a host that does not see the data: %v", err)
	}
	for _, token := range []string{"", "{}", `{"snapshot":"../../etc"}`} {
		if _, err := surf.Dump(t.Context(), token, held.Parts()[0], io.Discard); !fault.Is(err, fault.Invalid) {
			t.Errorf("token %q: %v", token, err)
		}
	}
}
