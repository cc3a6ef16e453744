package walarchive

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/archive"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// headerSize is how much of an object is held to try several keys on it: far
// above an age header with a dozen recipients.
const headerSize = 32 << 10

// keyFile is a key of the archive as it is stored. Every object names it in its
// sidecar or is opened by trying.
type keyFile struct {
	Format     int       `json:"format"`
	CreatedAt  time.Time `json:"createdAt"`
	Recipients []string  `json:"recipients"`
	// IdentityFile is set with a passphrase: an age identity file, locked with it.
	IdentityFile []byte `json:"identityFile,omitempty"`

	id string
}

func (k *keyFile) valid() error {
	if len(k.Recipients) == 0 {
		return fault.New(fault.Corrupt, "it names no recipient")
	}
	return nil
}

func (k *keyFile) point() seal.PointKey {
	return seal.PointKey{Scheme: seal.SchemeAge, Recipients: k.Recipients, IdentityFile: k.IdentityFile}
}

// writeKey is what new objects are encrypted for; the zero value is for nobody.
type writeKey struct {
	id         string
	recipients []string
}

// openKey opens objects that were encrypted for it.
type openKey struct {
	id     string
	opener *seal.Opener
}

// writingKey decides what new objects are encrypted for, and stores the key if
// it is a new one. It stays the same for the archive's life.
func (a *Archive) writingKey(ctx context.Context) (writeKey, error) {
	a.keyMu.Lock()
	defer a.keyMu.Unlock()
	if a.writing != nil {
		return *a.writing, nil
	}
	k, err := a.chooseKey(ctx)
	if err != nil {
		return writeKey{}, fault.While(err, "the key for the WAL of %s", a.surface)
	}
	a.writing = &k
	return k, nil
}

func (a *Archive) chooseKey(ctx context.Context) (writeKey, error) {
	stored, err := a.storedKeys(ctx)
	if err != nil {
		return writeKey{}, err
	}
	for _, k := range stored {
		// A key that others could have put there is not trusted: it must be the
		// one that the configuration would give.
		if a.keys.Current(k.point()) {
			return writeKey{k.id, k.Recipients}, nil
		}
	}
	point, err := a.keys.NewPointKey()
	if err != nil || len(point.Recipients) == 0 {
		return writeKey{}, err
	}
	now := time.Now().UTC().Truncate(time.Millisecond)
	id := archive.NewID(now)
	file := keyFile{Format: FormatVersion, CreatedAt: now, Recipients: point.Recipients, IdentityFile: point.IdentityFile}
	return writeKey{id, point.Recipients}, a.writeJSON(ctx, a.key(keysFolder, id+sidecar), file, true)
}

// storedKeys reads the archive's keys, newest first. One that can't be read is
// passed over, as it must not keep the others from use.
func (a *Archive) storedKeys(ctx context.Context) ([]keyFile, error) {
	var keys []keyFile
	for entry, err := range a.store.List(ctx, store.ListOptions{Prefix: a.key(keysFolder) + "/"}) {
		if err != nil {
			return nil, err
		}
		k := keyFile{id: strings.TrimSuffix(path.Base(entry.Key), sidecar)}
		switch err := a.readJSON(ctx, entry.Key, &k); fault.KindOf(err) {
		case fault.Corrupt, fault.Unsupported, fault.Missing:
		default:
			if err != nil {
				return nil, err
			}
			keys = append(keys, k)
		}
	}
	slices.Reverse(keys)
	return keys, nil
}

// openKeys returns the keys that can open objects, newest first. afresh reads
// them again: another worker may have made one since.
func (a *Archive) openKeys(ctx context.Context, afresh bool) ([]openKey, error) {
	a.keyMu.Lock()
	defer a.keyMu.Unlock()
	if len(a.opened) > 0 && !afresh {
		return a.opened, nil
	}
	stored, err := a.storedKeys(ctx)
	if err != nil {
		return nil, err
	}
	var keys []openKey
	var refused error
	for _, k := range stored {
		if known := slices.IndexFunc(a.opened, func(o openKey) bool { return o.id == k.id }); known >= 0 {
			keys = append(keys, a.opened[known])
			continue
		}
		opener, err := a.keys.Opener(k.Recipients, k.IdentityFile)
		if err == nil {
			keys = append(keys, openKey{k.id, opener})
		}
		refused = cmp.Or(refused, err)
	}
	a.opened = keys
	if len(keys) == 0 {
		return nil, cmp.Or(refused, fault.New(fault.Corrupt, "the store has no key in %s", a.key(keysFolder)))
	}
	return keys, nil
}

// decrypt finds the key that opens an object and returns its plaintext.
func (a *Archive) decrypt(ctx context.Context, r io.Reader) (io.Reader, error) {
	body := bufio.NewReaderSize(r, headerSize)
	head, err := body.Peek(headerSize)
	if err != nil && err != io.EOF {
		return nil, err
	}
	head = bytes.Clone(head)
	// What was peeked at is in the buffer.
	_, _ = body.Discard(len(head))
	for _, afresh := range []bool{false, true} {
		keys, err := a.openKeys(ctx, afresh)
		if err != nil {
			return nil, err
		}
		for _, k := range keys {
			out, err := k.opener.Decrypt(io.MultiReader(bytes.NewReader(head), body))
			if !fault.Is(err, fault.Denied) {
				return out, err
			}
		}
	}
	return nil, fault.New(fault.Denied, "no configured key opens it: add the one it was made with to encryption.identities or encryption.oldPassphrases")
}
