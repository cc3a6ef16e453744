// Package local is a store in a folder: objects are files, and keys are their
// paths, so that a key can't also be the folder of another. The folder may be
// shared by many processes of one host.
package local

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/keyspace"
)

// uploads is the folder of files being written. It lies in the root, so that
// finishing one is a link or a rename on the same file system.
const uploads = ".lifeboat-uploads"

// Store is one folder.
type Store struct {
	keys keyspace.Keyspace
	dir  string
	// root keeps every access inside of dir, symbolic links included.
	root *os.Root
}

// Open opens the folder c.Dir, and makes it when it is missing. Errors are of
// kind fault.Invalid for a bad configuration, or say why the folder can't be used.
func Open(_ context.Context, c store.Config) (store.Store, error) {
	keys, err := keyspace.New(c.Prefix)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(c.Dir) {
		return nil, fault.New(fault.Invalid, "a local store needs dir, as an absolute path; it is %q", c.Dir)
	}
	s := &Store{keys: keys, dir: filepath.Clean(c.Dir)}
	if err := makeDurably(s.dir); err != nil {
		return nil, s.fault(err, "make the folder", "")
	}
	if s.root, err = os.OpenRoot(s.dir); err != nil {
		return nil, s.fault(err, "open the folder", "")
	}
	return s, nil
}

// makeDurably makes a folder with its parents, and writes their entries to disk.
func makeDurably(dir string) error {
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		return syscall.ENOTDIR
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeDurably(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Check implements store.Store by making a file that never gets a name in the listing.
func (s *Store) Check(context.Context) error {
	opened, err := s.root.Stat(".")
	if err != nil {
		return s.fault(err, "check", "")
	}
	now, err := os.Stat(s.dir)
	if err != nil {
		return s.fault(err, "check", "")
	}
	if !os.SameFile(opened, now) {
		return fault.New(fault.Unavailable, "%s is another folder than the one that was opened, as after mounting: start again", s.dir)
	}
	f, upload, err := s.newUpload("check")
	if err != nil {
		return s.fault(err, "check", "")
	}
	return s.fault(errors.Join(f.Close(), s.root.Remove(upload)), "check", "")
}

// Features implements store.Store.
func (s *Store) Features(context.Context) (store.Features, error) { return store.Features{}, nil }

// Stat implements store.Store.
func (s *Store) Stat(_ context.Context, key string) (store.Object, error) {
	name, err := s.name(key)
	if err != nil {
		return store.Object{}, err
	}
	info, err := s.root.Stat(name)
	if absent(err) || err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err != nil {
		return store.Object{}, s.fault(err, "stat", key)
	}
	return object(key, info), nil
}

func object(key string, info fs.FileInfo) store.Object {
	return store.Object{Key: key, Size: info.Size(), Modified: info.ModTime()}
}

// Get implements store.Store.
func (s *Store) Get(_ context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	name, err := s.name(key)
	if err != nil {
		return nil, err
	}
	// Opening a named pipe would wait for its writer without O_NONBLOCK.
	f, err := s.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if absent(err) {
		err = fs.ErrNotExist
	}
	if err != nil {
		return nil, s.fault(err, "open", key)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fs.ErrNotExist
	}
	if err == nil && (offset < 0 || offset > info.Size()) {
		err = fault.New(fault.Invalid, "there is no byte %d in %d", offset, info.Size())
	}
	if err != nil {
		return nil, s.fault(errors.Join(err, f.Close()), "open", key)
	}
	if length < 0 {
		length = math.MaxInt64 - offset
	}
	return &reading{io.NewSectionReader(f, offset, length), f, s, key}, nil
}

type reading struct {
	io.Reader
	file *os.File
	s    *Store
	key  string
}

func (r *reading) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	return n, r.s.fault(err, "read", r.key)
}

func (r *reading) Close() error { return r.file.Close() }

// Delete implements store.Store. A folder that becomes empty goes too.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	for _, key := range keys {
		if _, err := s.name(key); err != nil {
			return err
		}
	}
	for _, key := range keys {
		if err := ctx.Err(); err != nil {
			return s.fault(err, "delete", key)
		}
		name, err := s.name(key)
		if err == nil {
			err = s.remove(name)
		}
		if err != nil {
			return s.fault(err, "delete", key)
		}
	}
	return nil
}

func (s *Store) remove(name string) error {
	info, err := s.root.Lstat(name)
	if absent(err) {
		return nil
	}
	if err != nil || info.IsDir() {
		return err
	}
	if err := s.root.Remove(name); err != nil && !absent(err) {
		return err
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if s.root.Remove(dir) != nil {
			// Something else is in it, or somebody was faster.
			break
		}
	}
	return nil
}

// absent reports whether an error means that a path leads to no file: also
// when what would be its folder is a file.
func absent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// name returns the path of a key in the root.
func (s *Store) name(key string) (string, error) {
	name, err := s.keys.Key(key)
	if err != nil {
		return "", err
	}
	if inUploads(name) {
		return "", fault.New(fault.Invalid, "object key %q lies in the folder of files being written", key)
	}
	return name, nil
}
