package archive

import (
	"bytes"
	"cmp"
	"context"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// NewEncryption decides how the point in dir is encrypted, and stores its
// identity file when there is a passphrase. Call it before the first part is
// written; repeated calls for a folder return the same. The identity file is
// kept unchanged until lockedUntil, where that isn't zero.
func NewEncryption(ctx context.Context, st store.Store, dir string, keys *seal.Keyring, lockedUntil time.Time) (Encryption, error) {
	key, err := keys.NewPointKey()
	if err != nil {
		return Encryption{}, err
	}
	e := Encryption{Scheme: key.Scheme, Recipients: key.Recipients}
	if key.IdentityFile == nil {
		return e, nil
	}
	e.IdentityFile = IdentityFileName
	object := path.Join(dir, IdentityFileName)
	_, err = st.Put(ctx, object, bytes.NewReader(key.IdentityFile), store.PutOptions{
		IfAbsent: true, Estimate: int64(len(key.IdentityFile)), RetainUntil: lockedUntil,
	})
	if fault.Is(err, fault.Conflict) {
		existing, err := store.ReadSmall(ctx, st, object, maxIdentityFile)
		if err != nil {
			return Encryption{}, err
		}
		e.Recipients, err = keys.Unlock(existing)
		return e, fault.While(err, "point %s", label(dir))
	}
	return e, fault.While(err, "storing the identity file of point %s", label(dir))
}

const maxIdentityFile = 64 << 10

// SealPoint makes a point of the parts in dir: it fills in what follows from
// the parts (their order, sums and counts) and SealedAt, validates, checks by
// a listing that every object is there in its size, and writes the manifest if
// there is none. When a manifest of the same point is there already, as after
// an attempt that the store accepted and then failed, that one is returned.
// Errors: fault.Invalid for a manifest that contradicts itself, fault.Corrupt
// for objects that are missing, fault.Conflict when another manifest is there.
func SealPoint(ctx context.Context, st store.Store, dir string, m Manifest) (Manifest, error) {
	if err := m.complete(); err != nil {
		return Manifest{}, fault.Wrap(fault.Invalid, err, "sealing point %s", label(dir))
	}
	if err := m.belongs(dir); err != nil {
		return Manifest{}, fault.Wrap(fault.Invalid, err, "sealing point %s", label(dir))
	}
	if err := checkObjects(ctx, st, dir, m); err != nil {
		return Manifest{}, fault.While(err, "sealing point %s", label(dir))
	}
	data, err := encodeManifest(m)
	if err != nil {
		return Manifest{}, err
	}
	if len(data) > maxManifest {
		return Manifest{}, fault.New(fault.Invalid, "sealing point %s: a manifest of %d bytes is more than %d", label(dir), len(data), maxManifest)
	}
	_, err = st.Put(ctx, path.Join(dir, ManifestName), bytes.NewReader(data), store.PutOptions{
		IfAbsent: true, Estimate: int64(len(data)), RetainUntil: m.LockedUntil,
	})
	if fault.Is(err, fault.Conflict) {
		return sealedBefore(ctx, st, dir, m)
	}
	return m, fault.While(err, "sealing point %s", label(dir))
}

func (m *Manifest) complete() error {
	slices.SortFunc(m.Parts, func(a, b PartEntry) int { return cmp.Compare(a.Name, b.Name) })
	var sums totals
	for _, p := range m.Parts {
		if err := sums.add(p); err != nil {
			return err
		}
	}
	m.Bytes, m.PlainBytes, m.Entries, m.Counts = sums.bytes, sums.plain, sums.entries, sums.counts
	if m.SealedAt.IsZero() {
		m.SealedAt = time.Now()
	}
	times := []*time.Time{&m.CreatedAt, &m.SealedAt, &m.LockedUntil}
	if m.Base != nil {
		// The caller's stays as it is.
		base := *m.Base
		m.Base = &base
		times = append(times, &base.StartedAt, &base.StoppedAt)
	}
	for _, at := range times {
		*at = at.UTC().Truncate(time.Millisecond)
	}
	return m.validate()
}

// belongs checks that a manifest is the one of its folder.
func (m Manifest) belongs(dir string) error {
	surface, id, err := ParseDir(dir)
	switch {
	case err != nil:
		return err
	case m.Surface != surface:
		return fault.New(fault.Corrupt, "a manifest from another surface: it is of %q, the folder of %q", m.Surface, surface)
	case m.ID != id:
		return fault.New(fault.Corrupt, "a manifest of another point: it is of %s", m.ID)
	}
	return nil
}

func checkObjects(ctx context.Context, st store.Store, dir string, m Manifest) error {
	sizes := make(map[string]int64)
	for entry, err := range st.List(ctx, store.ListOptions{Prefix: dir + "/"}) {
		if err != nil {
			return err
		}
		sizes[strings.TrimPrefix(entry.Key, dir+"/")] = entry.Size
	}
	for _, p := range m.Parts {
		if size, found := sizes[p.Object]; !found {
			return fault.New(fault.Corrupt, "part %q is not on the store", p.Name)
		} else if size != p.Bytes {
			return fault.New(fault.Corrupt, "part %q has %d bytes on the store, %d were written", p.Name, size, p.Bytes)
		}
	}
	if _, found := sizes[m.Encryption.IdentityFile]; m.Encryption.IdentityFile != "" && !found {
		return fault.New(fault.Corrupt, "the identity file is not on the store")
	}
	return nil
}

// sealedBefore returns the manifest that is in the way if it is of the same
// parts. When it was made and by which version may differ.
func sealedBefore(ctx context.Context, st store.Store, dir string, m Manifest) (Manifest, error) {
	existing, err := ReadManifest(ctx, st, dir)
	if err != nil {
		return Manifest{}, fault.While(err, "looking at the manifest in the way")
	}
	m.SealedAt, m.Tool = existing.SealedAt, existing.Tool
	mine, errMine := encodePoint(m)
	theirs, errTheirs := encodePoint(existing)
	if err := cmp.Or(errMine, errTheirs); err != nil {
		return Manifest{}, err
	}
	if !bytes.Equal(mine, theirs) {
		return Manifest{}, fault.New(fault.Conflict, "point %s is sealed already, with other contents", label(dir))
	}
	return existing, nil
}

// ReadManifest reads and checks the manifest of the point in dir: fault.Missing
// when there is none, fault.Unsupported when a newer Lifeboat wrote it,
// fault.Corrupt when it is damaged or belongs to another folder.
func ReadManifest(ctx context.Context, st store.Store, dir string) (Manifest, error) {
	data, err := store.ReadSmall(ctx, st, path.Join(dir, ManifestName), maxManifest)
	if fault.Is(err, fault.Missing) {
		return Manifest{}, fault.New(fault.Missing, "there is no recovery point at %s: it has no manifest", dir)
	} else if err != nil {
		return Manifest{}, err
	}
	m, err := decodeManifest(data)
	if err == nil {
		err = m.belongs(dir)
	}
	if err != nil {
		return Manifest{}, fault.While(err, "the manifest of point %s", label(dir))
	}
	return m, nil
}
