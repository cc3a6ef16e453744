package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// restoringName is the file in a data directory that says, while a restore into
// it is unfinished, which point it is of. Prometheus leaves it alone.
const restoringName = "lifeboat-restoring"

// target is the data directory of a Prometheus to restore into.
type target struct {
	dir string
	// name is the server's URL without its credentials.
	name string
	// own is set where the folder is known to be that server's, and liveKnown
	// where it is known which one the protected server's is.
	own, liveKnown bool
}

// target asks the server where its data is, which must be on this host.
func (s *Surface) target(ctx context.Context, t surface.Target) (target, error) {
	at, err := newAPI(t.URL, s.config)
	if err != nil {
		return target{}, err
	}
	if at.base.Host == s.source.base.Host {
		return target{}, fault.New(fault.Unsupported, "%s is the Prometheus that is protected: restore into another one", at.name)
	}
	dir, err := at.dataDir(ctx)
	if err != nil {
		return target{}, err
	}
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return target{}, fault.New(fault.Missing, "this host does not see %s, where Prometheus at %s keeps its data: restore on its host", dir, at.name)
	}
	known, err := s.notLive(ctx, dir)
	if err != nil {
		return target{}, err
	}
	return target{dir: dir, name: at.name, own: owns(ctx, at.base, dir), liveKnown: known}, nil
}

// mayBeCleared refuses to remove blocks, or to write where the protected server
// may have its own, from a folder that is perhaps another server's: the path that
// a Prometheus tells is one of its host, which need not be this one.
func (t target) mayBeCleared(blocks int) error {
	if t.own || blocks == 0 && t.liveKnown {
		return nil
	}
	return fault.New(fault.Unsupported, "no process on this host shows that %s is the data of Prometheus at %s: restore on that server's host, by the port that it listens on, or empty the folder yourself and set telemetry.dir to that of the protected one",
		t.dir, t.name)
}

// Begin implements surface.Surface. The target is a running Prometheus of this
// host that has no blocks; with Replace or Throwaway those that it has go.
func (s *Surface) Begin(ctx context.Context, t surface.Target, src surface.Source) error {
	into, err := s.target(ctx, t)
	if err != nil {
		return err
	}
	blocks, left, err := into.blocks()
	if err != nil {
		return err
	}
	point, err := identify(src)
	if err != nil {
		return err
	}
	unfinished, err := os.ReadFile(filepath.Join(into.dir, restoringName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fault.Disk(err, "look for an unfinished restore in %s", into.dir)
	}
	if !t.Replace && !t.Throwaway && string(unfinished) != point && len(blocks)+len(unfinished) > 0 {
		return fault.New(fault.Conflict, "%s has data already: restore into an empty Prometheus, or ask to replace what it holds", into.dir)
	}
	// An unfinished restore of the same point began in a folder that could be cleared, or was empty.
	if string(unfinished) != point {
		if err := into.mayBeCleared(len(blocks) + len(left)); err != nil {
			return err
		}
	}
	for _, name := range append(blocks, left...) {
		if err := os.RemoveAll(filepath.Join(into.dir, name)); err != nil {
			return fault.Disk(err, "remove block %s", name)
		}
	}
	return fault.Disk(os.WriteFile(filepath.Join(into.dir, restoringName), []byte(point), 0o600), "mark the restore in %s as begun", into.dir)
}

// identify makes a short name of a point's contents.
func identify(src surface.Source) (string, error) {
	text, err := json.Marshal(src.Fingerprint())
	return seal.DigestOf(text), err
}

// blocks are the folders of blocks, also of those that can't be read, and what
// is left of attempts to write some.
func (t target) blocks() (blocks, left []string, err error) {
	entries, err := os.ReadDir(t.dir)
	if err != nil {
		return nil, nil, fault.Disk(err, "list the blocks in %s", t.dir)
	}
	for _, entry := range entries {
		switch name := entry.Name(); {
		case ulid.MatchString(name):
			blocks = append(blocks, name)
		case strings.HasSuffix(name, unfinishedSuffix):
			left = append(left, name)
		}
	}
	return blocks, left, nil
}

// unfinishedSuffix is that of a folder in which a block is being written, as
// Prometheus itself has it: it does not read such a one.
const unfinishedSuffix = ".tmp-for-creation"

// Load implements surface.Surface. A block comes into place in one step, once
// it is whole and on disk, and belongs to whom the data directory belongs to.
func (s *Surface) Load(ctx context.Context, t surface.Target, part surface.Part, r io.Reader) error {
	into, err := s.target(ctx, t)
	if err != nil {
		return err
	}
	spec, err := specOf(part)
	if err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(into.dir, restoringName)); err != nil {
		return fault.Wrap(fault.Conflict, err, "%s is not prepared for a restore", into.dir)
	}
	give, err := into.giver()
	if err != nil {
		return err
	}
	// Attempts at the same part may be under way at the same time.
	holder, err := os.MkdirTemp(into.dir, "lifeboat-*"+unfinishedSuffix)
	if err != nil {
		return fault.Disk(err, "write to %s", into.dir)
	}
	defer func() { _ = os.RemoveAll(holder) }()
	fresh := filepath.Join(holder, spec.Block)
	if err := errors.Join(os.Mkdir(fresh, 0o700), give(fresh)); err != nil {
		return fault.Disk(err, "write to %s", into.dir)
	}
	if err := extract(&reading{ctx, r}, fresh, spec.Block, give); err != nil {
		return err
	}
	return into.put(fresh, filepath.Join(into.dir, spec.Block))
}

// reading ends a copy from the store when ctx ends.
type reading struct {
	ctx context.Context
	r   io.Reader
}

func (r *reading) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, fault.Wrap(fault.Internal, err, "the restore was stopped")
	}
	return r.r.Read(p)
}

// giver gives files to the owner of the data directory, where this process may:
// a server that runs as somebody else could not read them.
func (t target) giver() (func(path string) error, error) {
	info, err := os.Stat(t.dir)
	if err != nil {
		return nil, fault.Disk(err, "look at %s", t.dir)
	}
	owner, known := info.Sys().(*syscall.Stat_t)
	if !known || int(owner.Uid) == os.Geteuid() {
		return func(string) error { return nil }, nil
	}
	return func(path string) error { return os.Lchown(path, int(owner.Uid), int(owner.Gid)) }, nil
}

// put moves a block into place, unless that very block is there.
func (t target) put(fresh, at string) error {
	for _, dir := range []string{filepath.Join(fresh, "chunks"), fresh} {
		if err := syncFolder(dir); err != nil {
			return err
		}
	}
	if _, err := os.Stat(at); err == nil {
		was, errWas := look(at)
		is, err := look(fresh)
		if errWas == nil && err == nil && was == is {
			return nil
		}
		if err := os.RemoveAll(at); err != nil {
			return fault.Disk(err, "replace block %s", filepath.Base(at))
		}
	}
	if err := os.Rename(fresh, at); err != nil {
		return fault.Disk(err, "put block %s into place", filepath.Base(at))
	}
	return syncFolder(t.dir)
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fault.Disk(err, "flush %s to disk", dir)
	}
	return fault.Disk(errors.Join(f.Sync(), f.Close()), "flush %s to disk", dir)
}

// Finish implements surface.Surface. Prometheus serves the blocks within a
// minute, and at once when it is restarted.
func (s *Surface) Finish(ctx context.Context, t surface.Target, _ surface.Source) error {
	into, err := s.target(ctx, t)
	if err != nil {
		return err
	}
	err = os.Remove(filepath.Join(into.dir, restoringName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fault.Disk(err, "mark the restore in %s as done", into.dir)
}

// Fingerprint implements surface.Surface: of every block in the target's data
// directory. What a target that is in use has in memory is not in it.
func (s *Surface) Fingerprint(ctx context.Context, t surface.Target) (surface.Fingerprint, error) {
	from, err := s.target(ctx, t)
	if err != nil {
		return nil, err
	}
	blocks, err := blocksIn(from.dir)
	if err != nil {
		return nil, err
	}
	var out surface.Fingerprint
	for _, b := range blocks {
		entry, err := writeTar(filepath.Join(from.dir, b.ULID), &stopping{ctx, io.Discard})
		if err != nil {
			return nil, err
		}
		out = append(out, entry)
	}
	out.Sort()
	return out, nil
}
