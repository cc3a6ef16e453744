package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

const (
	// piece is how much is copied at once: the context is looked at in between.
	piece = 1 << 20
	// nameable is how much of a key the name of its upload shows: file systems allow 255 bytes.
	nameable = 200
	// attempts bounds how often a folder is made again that a Delete has removed as empty.
	attempts = 100
)

// Put implements store.Store: a file is written and synced under another name,
// and then linked or renamed into its place.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, opts store.PutOptions) (store.Object, error) {
	name, err := s.name(key)
	if err != nil {
		return store.Object{}, err
	}
	if opts.IfAbsent {
		// Spare the caller writing what can't win; the link below decides.
		if _, err := s.root.Lstat(name); err == nil {
			return store.Object{}, s.fault(fs.ErrExist, "store", key)
		}
	}
	f, upload, err := s.newUpload(name)
	if err != nil {
		return store.Object{}, s.fault(err, "store", key)
	}
	info, err := s.write(ctx, f, r)
	if err == nil {
		err = s.place(upload, name, opts.IfAbsent)
	}
	if err != nil {
		return store.Object{}, s.fault(errors.Join(err, s.discard(upload)), "store", key)
	}
	return object(key, info), nil
}

// write fills and closes the file.
func (s *Store) write(ctx context.Context, f *os.File, r io.Reader) (fs.FileInfo, error) {
	err := copyContext(ctx, f, r)
	if err == nil {
		err = f.Sync()
	}
	var info fs.FileInfo
	if err == nil {
		info, err = f.Stat()
	}
	return info, errors.Join(err, f.Close())
}

func copyContext(ctx context.Context, w io.Writer, r io.Reader) error {
	buffer := make([]byte, piece)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, readErr := io.ReadFull(r, buffer)
		if _, err := w.Write(buffer[:n]); err != nil {
			return err
		}
		switch {
		case errors.Is(readErr, io.EOF), errors.Is(readErr, io.ErrUnexpectedEOF):
			return ctx.Err()
		case readErr != nil:
			return fault.While(readErr, "read what is to be stored")
		}
	}
}

// place gives a written file its name, durably.
func (s *Store) place(upload, name string, ifAbsent bool) error {
	err := s.link(upload, name, ifAbsent)
	for range attempts {
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err := s.root.MkdirAll(path.Dir(name), 0o700); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		err = s.link(upload, name, ifAbsent)
	}
	if err != nil {
		return err
	}
	// Any folder on the way may be new: made here, or by a writer that has not synced it yet.
	for dir := path.Dir(name); ; dir = path.Dir(dir) {
		if err := s.syncDir(dir); err != nil || dir == "." {
			return err
		}
	}
}

func (s *Store) link(upload, name string, ifAbsent bool) error {
	if !ifAbsent {
		return s.root.Rename(upload, name)
	}
	if err := s.root.Link(upload, name); err != nil {
		return err
	}
	return s.root.Remove(upload)
}

func (s *Store) syncDir(dir string) error {
	f, err := s.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// newUpload makes a file whose path tells for which key it is, as far as it fits.
func (s *Store) newUpload(name string) (f *os.File, upload string, err error) {
	if err := s.root.Mkdir(uploads, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, "", err
	}
	for {
		upload = fmt.Sprintf("%s/%s~%016x", uploads, uploadName(name), rand.Uint64())
		f, err = s.root.OpenFile(upload, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) {
			return f, upload, err
		}
	}
}

// uploadName is a key as one element of a path. What begins with a prefix does
// so after the change as well.
func uploadName(name string) string {
	escaped := strings.ReplaceAll(url.PathEscape(name), "~", "%7E")
	return escaped[:min(len(escaped), nameable)]
}

func inUploads(name string) bool {
	return name == uploads || strings.HasPrefix(name, uploads+"/")
}

func (s *Store) discard(upload string) error {
	if err := s.root.Remove(upload); !absent(err) {
		return err
	}
	return nil
}

// SweepUploads implements store.Store. An upload's age is that of its last
// write, so that a long one that still goes on is left alone. One for a key
// whose name doesn't show the whole prefix is left alone too.
func (s *Store) SweepUploads(ctx context.Context, prefix string, before time.Time) (int, error) {
	under, err := s.keys.Under(prefix)
	if err != nil {
		return 0, err
	}
	entries, err := s.readDir(uploads)
	if err != nil {
		return 0, s.fault(err, "sweep", prefix)
	}
	swept := 0
	escaped := strings.ReplaceAll(url.PathEscape(under), "~", "%7E")
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return swept, s.fault(err, "sweep", prefix)
		}
		if !strings.HasPrefix(e.Name(), escaped) {
			continue
		}
		info, err := e.Info()
		if absent(err) || err == nil && !info.ModTime().Before(before) {
			continue
		}
		if err == nil {
			err = s.root.Remove(uploads + "/" + e.Name())
		}
		if err != nil {
			return swept, s.fault(err, "sweep", prefix)
		}
		swept++
	}
	return swept, nil
}
