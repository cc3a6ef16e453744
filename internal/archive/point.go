package archive

import (
	"context"
	"errors"
	"io"
	"path"

	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// Point is a sealed recovery point, opened for reading. It implements
// surface.Source. It may be used by many goroutines.
type Point struct {
	Manifest
	store       store.Store
	dir         string
	opener      *seal.Opener
	fingerprint surface.Fingerprint
}

// OpenPoint reads the manifest of the point in dir, unlocks it and reads its
// fingerprint. Errors are those of ReadManifest and seal.Keyring.Opener.
func OpenPoint(ctx context.Context, st store.Store, dir string, keys *seal.Keyring) (*Point, error) {
	p, err := OpenParts(ctx, st, dir, keys)
	if err != nil {
		return nil, err
	}
	p.fingerprint, err = p.readPieces(ctx)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// OpenParts is OpenPoint without the fingerprint, for a step that reads single
// parts: Fingerprint returns nothing.
func OpenParts(ctx context.Context, st store.Store, dir string, keys *seal.Keyring) (*Point, error) {
	m, err := ReadManifest(ctx, st, dir)
	if err != nil {
		return nil, err
	}
	return OpenUnsealed(ctx, st, dir, m, keys)
}

// OpenUnsealed is OpenParts for a point in the making, whose manifest is not
// on the store yet.
func OpenUnsealed(ctx context.Context, st store.Store, dir string, m Manifest, keys *seal.Keyring) (*Point, error) {
	p := &Point{Manifest: m, store: st, dir: dir}
	var identityFile []byte
	if m.Encryption.IdentityFile != "" {
		var err error
		identityFile, err = store.ReadSmall(ctx, st, path.Join(dir, m.Encryption.IdentityFile), maxIdentityFile)
		if fault.Is(err, fault.Missing) {
			err = fault.New(fault.Corrupt, "its identity file is gone from the store")
		}
		if err != nil {
			return nil, fault.While(err, "point %s", label(dir))
		}
	}
	var err error
	p.opener, err = keys.Opener(m.Encryption.Recipients, identityFile)
	if err != nil {
		return nil, fault.While(err, "point %s", label(dir))
	}
	return p, nil
}

// Dir is the point's folder on its store.
func (p *Point) Dir() string { return p.dir }

// Parts implements surface.Source: the parts without the fingerprint's, in
// order of name. Estimate is their exact size before compression.
func (p *Point) Parts() []surface.Part {
	var parts []surface.Part
	for _, entry := range p.Manifest.Parts {
		if entry.Role != RoleFingerprint {
			part := entry.Part
			part.Estimate = entry.PlainBytes
			parts = append(parts, part)
		}
	}
	return parts
}

// Open implements surface.Source. The caller closes the reader.
func (p *Point) Open(ctx context.Context, name string) (io.ReadCloser, error) {
	entry, found := p.part(name)
	if !found {
		return nil, fault.New(fault.Missing, "point %s has no part %q", label(p.dir), name)
	}
	return openPart(ctx, p.store, p.dir, entry, p.opener, newMeter(nil))
}

// Fingerprint implements surface.Source. Its order is surface.Fingerprint.Sort's.
func (p *Point) Fingerprint() surface.Fingerprint { return p.fingerprint }

// pieceReaders is how many pieces of a fingerprint are read at once.
const pieceReaders = 4

// readPieces reads the fingerprint's parts and merges them.
func (p *Point) readPieces(ctx context.Context) (surface.Fingerprint, error) {
	var entries []PartEntry
	room := int64(maxFingerprint)
	for _, entry := range p.Manifest.Parts {
		if entry.Role != RoleFingerprint {
			continue
		}
		if room -= entry.PlainBytes; room < 0 {
			return nil, fault.New(fault.Corrupt, "point %s: its fingerprint has more than %d bytes", label(p.dir), maxFingerprint)
		}
		entries = append(entries, entry)
	}
	pieces := make([]surface.Fingerprint, len(entries))
	readers, ctx := errgroup.WithContext(ctx)
	readers.SetLimit(pieceReaders)
	for i, entry := range entries {
		readers.Go(func() (err error) {
			pieces[i], err = p.readPiece(ctx, entry)
			return err
		})
	}
	if err := readers.Wait(); err != nil {
		return nil, err
	}
	return surface.Merge(pieces...), nil
}

func (p *Point) readPiece(ctx context.Context, entry PartEntry) (surface.Fingerprint, error) {
	r, err := openPart(ctx, p.store, p.dir, entry, p.opener, newMeter(nil))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	f, err := readFingerprint(r, entry.Entries)
	if classified := (*fault.Error)(nil); err != nil && !errors.As(err, &classified) {
		// The reader classifies its own errors, so that this one is of the JSON.
		err = fault.New(fault.Corrupt, "part %q of point %s is malformed: %s", entry.Name, label(p.dir), jsonProblem(err))
	}
	return f, err
}

// Verify reads back every byte of every part, and checks sizes and digests,
// that all can be decrypted and decompressed, and the fingerprint. progress,
// which may be nil, is called as PartWriter.Write does, with sums over the parts.
func (p *Point) Verify(ctx context.Context, progress func(plain, stored int64)) error {
	m := newMeter(progress)
	for _, entry := range p.Manifest.Parts {
		if err := p.verifyPart(ctx, entry, m); err != nil {
			return err
		}
	}
	if _, err := p.readPieces(ctx); err != nil {
		return err
	}
	m.last()
	return nil
}

func (p *Point) verifyPart(ctx context.Context, entry PartEntry, m *meter) error {
	r, err := openPart(ctx, p.store, p.dir, entry, p.opener, m)
	if err != nil {
		return err
	}
	defer r.Close()
	_, err = io.Copy(io.Discard, r)
	return err
}
