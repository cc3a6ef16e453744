package archive

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func exampleBase() *Base {
	return &Base{
		SystemID: 18446744073709551615, Timeline: 2, StartLSN: 0x3000028, StopLSN: 0x3000100,
		StartedAt: time.Date(2026, 1, 2, 3, 4, 5, 678_000_000, time.UTC), StoppedAt: time.Date(2026, 1, 2, 3, 4, 9, 0, time.UTC),
		SegmentSize: 16 << 20, Superuser: "postgres", Parent: "20260101T030405.678Z-abc234",
		Tablespaces: []BaseTablespace{{OID: 16384, Location: "/srv/fast"}, {OID: 16385, Location: "pg_tblspc/16385"}},
	}
}

func basePoint(t *testing.T) *bundle {
	t.Helper()
	b := newBundle(t, newKeys(t, seal.Config{Unencrypted: true}), "fix234")
	b.manifest.Kind, b.manifest.Base = KindBase, exampleBase()
	b.write(t, surface.Part{Name: "base-0001", Role: surface.RoleData, Format: "tar"}, []byte("a tar archive"))
	b.write(t, surface.Part{Name: "manifest", Role: surface.RoleMeta, Format: "backup-manifest"}, []byte("{}"))
	return b
}

func TestVectorOfABase(t *testing.T) {
	folder := filepath.Join(vectorDir, "base")
	if *update {
		b := basePoint(t)
		if _, err := SealPoint(t.Context(), b.store, b.dir, b.manifest); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		for key, data := range b.store.objects {
			if err := os.WriteFile(filepath.Join(folder, filepath.Base(key)), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	st, dir := readVector(t, "base")
	p, err := OpenPoint(t.Context(), st, dir, newKeys(t, seal.Config{Unencrypted: true}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(exampleBase(), p.Base); diff != "" {
		t.Errorf("base (-want +read):\n%s", diff)
	}
	if got, err := readPart(t.Context(), p, "base-0001"); err != nil || string(got) != "a tar archive" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestBaseIsValidated(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*Manifest){
		"it has no base":                    func(m *Manifest) { m.Base = nil },
		`kind "snapshot" has no base`:       func(m *Manifest) { m.Kind = KindSnapshot },
		"it has no systemId":                func(m *Manifest) { m.Base.SystemID = 0 },
		"it has no timeline":                func(m *Manifest) { m.Base.Timeline = 0 },
		"segments of 3000000 bytes":         func(m *Manifest) { m.Base.SegmentSize = 3_000_000 },
		"segments of 0 bytes":               func(m *Manifest) { m.Base.SegmentSize = 0 },
		"from 0/3000028 to 0/1":             func(m *Manifest) { m.Base.StopLSN = 1 },
		"from 0/0 to 0/3000100":             func(m *Manifest) { m.Base.StartLSN = 0 },
		"it has no startedAt":               func(m *Manifest) { m.Base.StoppedAt = m.Base.StartedAt.Add(-time.Second) },
		"its parent":                        func(m *Manifest) { m.Base.Parent = "../x" },
		"itself as parent":                  func(m *Manifest) { m.Base.Parent = m.ID },
		`tablespace 16385 at "../x"`:        func(m *Manifest) { m.Base.Tablespaces[1].Location = "../x" },
		`tablespace 16384 at "/srv/second"`: func(m *Manifest) { m.Base.Tablespaces[1] = BaseTablespace{16384, "/srv/second"} },
		`tablespace 0 at "/srv/fast"`:       func(m *Manifest) { m.Base.Tablespaces[0].OID = 0 },
	} {
		b := basePoint(t)
		change(&b.manifest)
		if _, err := SealPoint(t.Context(), b.store, b.dir, b.manifest); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want …%s…", err, want)
		}
	}
}

func TestSealingLeavesTheCallersBaseAlone(t *testing.T) {
	t.Parallel()
	b := basePoint(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, time.UTC)
	b.manifest.Base.StartedAt = at
	m, err := SealPoint(t.Context(), b.store, b.dir, b.manifest)
	if err != nil || !m.Base.StartedAt.Equal(at.Truncate(time.Millisecond)) || !b.manifest.Base.StartedAt.Equal(at) {
		t.Errorf("%v: sealed %v, caller's %v", err, m.Base, b.manifest.Base.StartedAt)
	}
}
