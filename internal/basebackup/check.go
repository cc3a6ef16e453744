package basebackup

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// CheckExtracted compares what Extract put in place, all parts together, with
// the manifest, without reading a file again. A file that is missing, or
// extra, or of another size or checksum is fault.Corrupt.
func (m *Manifest) CheckExtracted(parts ...Extracted) error {
	seen := make(map[string]bool, len(m.Files))
	for _, part := range parts {
		for _, got := range part.Files {
			if err := m.check(got); err != nil {
				return err
			}
			if seen[got.Path] {
				return fault.New(fault.Corrupt, "%q is in the backup twice", got.Path)
			}
			seen[got.Path] = true
		}
	}
	return m.complete(seen)
}

func (m *Manifest) check(got Sum) error {
	want, listed := m.Files[got.Path]
	switch {
	case !listed && beside(got.Path):
		return nil
	case !listed:
		return fault.New(fault.Corrupt, "%q is not in the backup manifest", got.Path)
	case got.Size != want.Size:
		return fault.New(fault.Corrupt, "%q has %d bytes, the backup manifest says %d", got.Path, got.Size, want.Size)
	case want.Summed && got.CRC32C != want.CRC32C:
		return fault.New(fault.Corrupt, "%q was altered: its checksum is %08x, the backup manifest says %08x", got.Path, got.CRC32C, want.CRC32C)
	}
	return nil
}

func (m *Manifest) complete(seen map[string]bool) error {
	missing, first := 0, ""
	for name := range m.Files {
		if !seen[name] {
			if missing++; first == "" || name < first {
				first = name
			}
		}
	}
	if missing == 0 {
		return nil
	}
	return fault.New(fault.Corrupt, "%q is missing, and %d more of the %d files in the backup manifest", first, missing-1, len(m.Files))
}

// beside reports whether a file may be in a data directory without being in
// the manifest, as pg_verifybackup has it.
func beside(name string) bool {
	switch name {
	case "backup_manifest", "postgresql.auto.conf", "standby.signal", "recovery.signal":
		return true
	}
	return strings.HasPrefix(name, "pg_wal/")
}

// CheckManifest reads every file of the data directory dir, on all cores, and
// compares it with the manifest as CheckExtracted does. Tablespaces are the
// folders by OID that Extract was given. The server must not have run on it.
func CheckManifest(ctx context.Context, dir string, manifest io.Reader, tablespaces map[uint32]string) error {
	m, err := ReadManifest(manifest)
	if err != nil {
		return err
	}
	files, err := list(dir, tablespaces)
	if err != nil {
		return fault.While(err, "listing %s", dir)
	}
	seen := make(map[string]bool, len(files))
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(runtime.GOMAXPROCS(0))
	for name, place := range files {
		seen[name] = true
		if _, listed := m.Files[name]; !listed && beside(name) {
			continue
		}
		readers.Go(func() error {
			got, err := sumFile(ctx, name, place)
			if err != nil {
				return fault.While(err, "checking %q", name)
			}
			return m.check(got)
		})
	}
	if err := readers.Wait(); err != nil {
		return err
	}
	return m.complete(seen)
}

// list finds the files of a data directory: where they are, by their path in the manifest.
func list(dir string, tablespaces map[uint32]string) (map[string]string, error) {
	found := make(map[string]string)
	if err := listInto(found, dir, ""); err != nil {
		return nil, err
	}
	for oid, place := range tablespaces {
		if err := listInto(found, place, "pg_tblspc/"+strconv.FormatUint(uint64(oid), 10)); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func listInto(found map[string]string, dir, prefix string) error {
	return filepath.WalkDir(dir, func(place string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, place)
		if err != nil {
			return err
		}
		name = path.Join(prefix, filepath.ToSlash(name))
		switch {
		case entry.Type().IsRegular():
			found[name] = place
		case entry.Type() != fs.ModeSymlink || path.Dir(name) != "pg_tblspc":
			return fault.New(fault.Corrupt, "%q is neither a file nor a folder", name)
		}
		return nil
	})
}

var readBuffers = sync.Pool{New: func() any { return new([writeBuffer]byte) }}

func sumFile(ctx context.Context, name, place string) (Sum, error) {
	file, err := os.Open(place)
	if err != nil {
		return Sum{}, err
	}
	defer file.Close()
	buffer := readBuffers.Get().(*[writeBuffer]byte)
	defer readBuffers.Put(buffer)
	got := Sum{Path: name}
	for {
		if err := ctx.Err(); err != nil {
			return Sum{}, err
		}
		n, err := file.Read(buffer[:])
		got.Size += int64(n)
		got.CRC32C = crc32.Update(got.CRC32C, castagnoli, buffer[:n])
		if errors.Is(err, io.EOF) {
			return got, nil
		} else if err != nil {
			return Sum{}, fmt.Errorf("reading: %w", err)
		}
	}
}
