package activities

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/basebackup"
	"github.com/lifeboat-dr/lifeboat/internal/environment/local"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// link is one base backup of a plan with the folders that it is put into.
type link struct {
	loads
	base pitr.Base
	// dir is its data directory, marks remembers which parts are in place.
	dir, marks  string
	tablespaces map[uint32]string
}

// chain opens the base backups of a plan, the full one first. A single one goes
// into the data directory itself; several go beside it, to be combined.
func (a *Activities) chain(ctx context.Context, in RecoveryRef, prepared local.Prepared) ([]link, error) {
	bases := in.Plan.Chain
	if len(bases) == 0 {
		bases = []pitr.Base{in.Plan.Base}
	}
	out := make([]link, 0, len(bases))
	for n, base := range bases {
		l := link{base: base, dir: prepared.DataDir, marks: filepath.Join(prepared.Dir, "extracted"), tablespaces: map[uint32]string{}}
		if len(bases) > 1 {
			l.dir = filepath.Join(chainDir(prepared), strconv.Itoa(n))
			l.marks = filepath.Join(prepared.Dir, "extracted", strconv.Itoa(n))
		}
		var err error
		l.loads, err = a.loads(ctx, Located{Store: in.Store, Dir: base.Dir, ID: base.ID}, archive.OpenParts)
		if err != nil {
			return nil, err
		}
		for _, t := range l.point.Base.Tablespaces {
			l.tablespaces[t.OID] = prepared.TablespaceDir(t.OID)
			if len(bases) > 1 {
				l.tablespaces[t.OID] = filepath.Join(chainDir(prepared), strconv.Itoa(n)+"-tablespaces", strconv.Itoa(int(t.OID)))
			}
		}
		out = append(out, l)
	}
	return out, nil
}

// open makes the folders above those that the link is put into, such that the
// server's account gets through.
func (l link) open(prepared local.Prepared) error {
	above := map[string]bool{filepath.Dir(l.dir): true}
	for _, dir := range l.tablespaces {
		above[filepath.Dir(dir)] = true
	}
	for dir := range above {
		if _, err := os.Stat(dir); err == nil || dir == prepared.Dir {
			continue
		}
		if err := os.MkdirAll(dir, 0o711); err != nil {
			return fault.Wrap(fault.Exhausted, err, "make %s", dir)
		}
		// Whatever the umask is.
		for d := dir; d != prepared.Dir && len(d) > len(prepared.Dir); d = filepath.Dir(d) {
			if err := os.Chmod(d, 0o711); err != nil {
				return fault.Wrap(fault.Denied, err, "open %s", d)
			}
		}
	}
	return nil
}

// chainDir is where the base backups are that are to be combined.
func chainDir(prepared local.Prepared) string { return filepath.Join(prepared.Dir, "chain") }

// partOf is a part by its place among those of all links.
func partOf(links []link, index int) (link, surface.Part, error) {
	left := index
	for _, l := range links {
		if left >= 0 && left < len(l.parts) {
			return l, l.parts[left], nil
		}
		left -= len(l.parts)
	}
	return link{}, surface.Part{}, fault.New(fault.Internal, "part %d is not in the plan", index)
}

// manifest reads PostgreSQL's own manifest of the backup.
func (l link) manifest(ctx context.Context) ([]byte, error) {
	r, err := l.point.Open(ctx, baseManifestPart)
	if err != nil {
		return nil, err
	}
	defer func() { _ = r.Close() }()
	return io.ReadAll(r)
}

// check compares what is in place with the manifest.
func (l link) check(ctx context.Context) error {
	text, err := l.manifest(ctx)
	if err != nil {
		return err
	}
	manifest, err := basebackup.ReadManifest(bytes.NewReader(text))
	if err != nil {
		return err
	}
	var all []basebackup.Extracted
	for _, part := range l.parts {
		found, done, err := basebackup.Done(l.marks, part.Name)
		if err != nil {
			return err
		}
		if !done {
			return fault.New(fault.Unavailable, "part %s is not in place yet", part.Name)
		}
		all = append(all, found)
	}
	return manifest.CheckExtracted(all...)
}

// combinedName is the file in an environment's folder that says that its chain was combined.
const combinedName = "combined"

func combined(prepared local.Prepared) bool {
	_, err := os.Stat(filepath.Join(prepared.Dir, combinedName))
	return err == nil
}

// combine makes the data directory out of the chain, and removes the chain. A
// repeated call begins again with an empty data directory.
func combine(ctx context.Context, prepared local.Prepared, links []link) error {
	dirs := make([]string, len(links))
	for n, l := range links {
		dirs[n] = l.dir
		if err := l.putManifest(ctx, prepared.Owner); err != nil {
			return err
		}
	}
	if err := empty(prepared.DataDir); err != nil {
		return fault.Wrap(fault.Internal, err, "empty %s", prepared.DataDir)
	}
	c := basebackup.Combination{BinDir: prepared.BinDir, Tablespaces: map[string]string{}}
	if prepared.Owner.UID >= 0 {
		c.Owner = &syscall.Credential{Uid: uint32(prepared.Owner.UID), Gid: uint32(prepared.Owner.GID)}
	}
	for oid, from := range links[len(links)-1].tablespaces {
		to := prepared.TablespaceDir(oid)
		if err := os.RemoveAll(to); err != nil {
			return fault.Wrap(fault.Internal, err, "empty %s", to)
		}
		c.Tablespaces[from] = to
	}
	if err := basebackup.Combine(ctx, c, prepared.DataDir, dirs...); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(prepared.Dir, combinedName), nil, 0o600); err != nil {
		return fault.Wrap(fault.Exhausted, err, "remember that the chain was combined")
	}
	return fault.Wrap(fault.Internal, os.RemoveAll(chainDir(prepared)), "remove what was combined")
}

// putManifest puts the manifest where pg_combinebackup looks for it.
func (l link) putManifest(ctx context.Context, owner local.Owner) error {
	text, err := l.manifest(ctx)
	if err != nil {
		return err
	}
	path := filepath.Join(l.dir, "backup_manifest")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return fault.Wrap(fault.Exhausted, err, "write %s", path)
	}
	return fault.Wrap(fault.Denied, os.Lchown(path, owner.UID, owner.GID), "give %s away", path)
}

// empty removes what a folder holds, and not the folder.
func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}
