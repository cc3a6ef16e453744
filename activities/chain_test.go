package activities

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/basebackup"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	stores "github.com/lifeboat-dr/lifeboat/internal/store/all"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// A chain of base backups is fetched link by link, each beside the data
// directory, and combined into it by PostgreSQL's own tool. Here the tools are
// scripts, as incremental backups want PostgreSQL 17.
func TestAChainIsCombined(t *testing.T) {
	t.Parallel()
	dir := passable(t)
	tools := filepath.Join(dir, "bin")
	script(t, filepath.Join(tools, "postgres"), `echo "postgres (PostgreSQL) 17.2"`)
	script(t, filepath.Join(tools, "pg_combinebackup"), `out=${1#--output=}; shift
		for d; do test -s "$d/backup_manifest" || exit 3; cat "$d/PG_VERSION" >> "$out/PG_VERSION"; done`)
	st, err := stores.Open(t.Context(), store.Config{Kind: "local", Dir: filepath.Join(dir, "store")})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.NewKeyring(seal.Config{Unencrypted: true})
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o711); err != nil {
		t.Fatal(err)
	}
	a := &Activities{
		Config: &config.Config{Surfaces: map[string]config.Surface{"main": {Config: surface.Config{Kind: "postgres", BinDir: tools}}}},
		Stores: map[string]store.Store{"primary": st}, Keys: keys, Environment: local.New(data), Host: "here", Slots: NewSlots(2),
	}
	full := basePoint(t, st, "full\n", "")
	first := basePoint(t, st, "first\n", full.ID)
	ref := RecoveryRef{RestoreID: archive.NewID(time.Now()), Surface: "main", Store: "primary", Plan: pitr.Plan{Base: first, Chain: []pitr.Base{full, first}}}
	t.Cleanup(func() {
		if err := a.Environment.Stop(context.Background(), ref.RestoreID); err != nil {
			t.Error(err)
		}
	})
	var prepared PreparedRecovery
	run(t, func(ctx context.Context) (err error) {
		prepared, err = a.PrepareRecovery(ctx, PrepareRecoveryInput{RecoveryRef: ref})
		return err
	})
	if prepared.Parts != 2 {
		t.Fatalf("%+v", prepared)
	}
	for i := range prepared.Parts {
		run(t, func(ctx context.Context) error { _, err := a.FetchPart(ctx, FetchInput{ref, i}); return err })
	}
	// A second call, as after a worker that died, finds it done.
	for range 2 {
		run(t, func(ctx context.Context) error { return a.CheckBase(ctx, ref) })
		made, err := os.ReadFile(filepath.Join(prepared.Dir, "PG_VERSION"))
		if err != nil || string(made) != "full\nfirst\n" {
			t.Errorf("combined to %q, %v", made, err)
		}
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(prepared.Dir), "chain")); !os.IsNotExist(err) {
		t.Errorf("the chain is still there: %v", err)
	}
}

// run runs a step as a worker would.
func run(t *testing.T, step func(context.Context) error) {
	t.Helper()
	env := (&testsuite.WorkflowTestSuite{}).NewTestActivityEnvironment()
	env.RegisterActivity(step)
	if _, err := env.ExecuteActivity(step); err != nil {
		t.Fatal(err)
	}
}

// basePoint seals a base backup of one file.
func basePoint(t *testing.T, st store.Store, version, parent string) pitr.Base {
	t.Helper()
	id := archive.NewID(time.Now())
	base := pitr.Base{ID: id, Store: "primary", Dir: archive.Dir("points", "main", id), Major: 17, Parent: parent}
	var files bytes.Buffer
	w := tar.NewWriter(&files)
	if err := w.WriteHeader(&tar.Header{Name: "PG_VERSION", Mode: 0o600, Size: int64(len(version)), Format: tar.FormatUSTAR}); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, version); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	manifest := fmt.Sprintf(`{ "PostgreSQL-Backup-Manifest-Version": 1,
"Files": [{ "Path": "PG_VERSION", "Size": %d, "Last-Modified": "2026-01-01 00:00:00 GMT" }],
"WAL-Ranges": [{ "Timeline": 1, "Start-LSN": "0/2000028", "End-LSN": "0/2000100" }],
`, len(version))
	manifest += fmt.Sprintf(`"Manifest-Checksum": "%s"}`+"\n", seal.SHA256([]byte(manifest)))
	writer := archive.PartWriter{Store: st, Dir: base.Dir}
	var entries []archive.PartEntry
	for _, part := range []struct {
		surface.Part
		body []byte
	}{
		{surface.Part{Name: "base-0001", Role: surface.RoleData, Format: basebackup.Format}, files.Bytes()},
		{surface.Part{Name: baseManifestPart, Role: surface.RoleMeta, Format: basebackup.ManifestFormat}, []byte(manifest)},
	} {
		entry, err := writer.Write(t.Context(), part.Part, nil, func(out io.Writer) error { _, err := out.Write(part.body); return err })
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry)
	}
	now := time.Now().UTC()
	_, err := archive.SealPoint(t.Context(), st, base.Dir, archive.Manifest{
		ID: id, Surface: "main", SurfaceKind: "postgres", Kind: archive.KindBase, CreatedAt: now, SealedAt: now,
		Server:      surface.Server{Product: "PostgreSQL", Version: "17.2", Major: 17},
		Compression: "zstd", Encryption: archive.Encryption{Scheme: "none"}, Parts: entries, Tool: "a test",
		Base: &archive.Base{
			SystemID: 1, Timeline: 1, StartLSN: 0x2000028, StopLSN: 0x2000100, StartedAt: now, StoppedAt: now,
			SegmentSize: 16 << 20, Superuser: "postgres", Parent: parent,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return base
}

func script(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/sh\nset -e\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// passable is a temporary folder that the account of a server may enter.
func passable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "chain-*")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
