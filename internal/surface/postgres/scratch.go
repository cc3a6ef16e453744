package postgres

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// scratch is a folder for the archive of the schema, which pg_restore must
// read from a file to work in parallel. No rows come into it.
type scratch struct{ dir string }

func openScratch(parent string) (*scratch, error) {
	dir, err := os.MkdirTemp(parent, "lifeboat-restore-")
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "make a scratch folder")
	}
	return &scratch{dir: dir}, nil
}

// close removes the folder. What can't be removed is left to the caller of the
// restore, whose folder it is in.
func (s *scratch) close() { _ = os.RemoveAll(s.dir) }

// fetch copies a part into a file that only we can read, to its very end: its
// bytes are those that were written.
func (s *scratch) fetch(ctx context.Context, src surface.Source, part string) (path string, err error) {
	r, err := src.Open(ctx, part)
	if err != nil {
		return "", fault.While(err, "open part %s", part)
	}
	defer r.Close()
	path = filepath.Join(s.dir, part)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return "", fault.Wrap(fault.Internal, err, "make a scratch file")
	}
	if _, err := io.Copy(f, r); err != nil {
		_ = f.Close()
		return "", fault.While(err, "fetch part %s", part)
	}
	if err := f.Close(); err != nil {
		return "", fault.Wrap(fault.Internal, err, "write a scratch file")
	}
	return path, nil
}

// write makes a file of lines.
func (s *scratch) write(name string, lines []string) (path string, err error) {
	path = filepath.Join(s.dir, name)
	text := strings.Join(lines, "\n") + "\n"
	return path, fault.Wrap(fault.Internal, os.WriteFile(path, []byte(text), 0o600), "write a scratch file")
}
