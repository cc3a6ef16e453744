package apiserver

import (
	"context"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// FirstAdmin is the id of the key that LIFEBOAT_ADMIN_KEY or the first start sets.
const FirstAdmin = "admin"

// verifiedCapacity bounds how many tokens are remembered as verified.
const verifiedCapacity = 1024

// Key is an API key as others may see it.
type Key struct {
	ID   string `json:"id"`
	Role Role   `json:"role"`
	// Source is file, config or environment, or oidc for a person who has no
	// key: only keys of the file can be removed here.
	Source    string    `json:"source" enum:"file,config,environment,oidc"`
	CreatedAt time.Time `json:"createdAt,omitzero"`
}

// storedKey is a key with the hash of its secret.
type storedKey struct {
	Key
	Hash secret.String
}

// KeyStore knows the API keys: those of a file, which any number of API servers
// on the same folder share, those of the configuration, and the first admin's.
// It keeps hashes only.
type KeyStore struct {
	file  keyFile
	fixed map[string]storedKey
	// pepper makes digests of tokens that mean nothing outside this process.
	pepper string
	// decoy is checked for ids that don't exist, so that those take as long.
	decoy secret.String

	mu sync.Mutex
	// given is the digest of LIFEBOAT_ADMIN_KEY, empty without one.
	given    string
	verified *lru[string, struct{}]
}

// OpenKeys opens the keys in a file, which need not exist yet, beside those
// that the configuration fixes.
func OpenKeys(path string, fixed []config.AdminKey) (*KeyStore, error) {
	k := &KeyStore{
		file:     keyFile{path: path},
		fixed:    make(map[string]storedKey, len(fixed)),
		pepper:   seal.RandomID(52),
		decoy:    secret.String(seal.HashToken(secret.String(seal.RandomID(52)))),
		verified: newLRU[string, struct{}](verifiedCapacity),
	}
	for _, f := range fixed {
		k.fixed[f.Name] = storedKey{Key{ID: f.Name, Role: Role(f.Role), Source: "config"}, f.Hash}
	}
	_, err := k.file.read()
	return k, err
}

// EnsureAdmin makes sure that somebody can manage this server. A given secret,
// which may be any text, is then the key "admin", for as long as this process
// lives. Without one, and without any admin key in file or configuration, a key
// is made; it is returned this once, and only its hash is kept.
func (k *KeyStore) EnsureAdmin(_ context.Context, given secret.String) (created secret.String, err error) {
	if given != "" {
		k.mu.Lock()
		k.given = k.digest("", given.Reveal())
		k.mu.Unlock()
		return "", nil
	}
	for _, key := range k.fixed {
		if key.Role == Admin {
			return "", nil
		}
	}
	err = k.file.change(func(keys map[string]storedKey) error {
		for _, key := range keys {
			if key.Role == Admin {
				return nil
			}
		}
		keys[FirstAdmin], created = newKey(FirstAdmin, Admin)
		return nil
	})
	return created, err
}

// newKey makes a key and its token: lb_ID_SECRET.
func newKey(id string, role Role) (storedKey, secret.String) {
	hidden := seal.RandomID(52)
	key := storedKey{
		Key:  Key{ID: id, Role: role, Source: "file", CreatedAt: time.Now().UTC().Truncate(time.Second)},
		Hash: secret.String(seal.HashToken(secret.String(hidden))),
	}
	return key, secret.String(tokenPrefix + id + "_" + hidden)
}

// Create makes a key and returns its token, which is shown nowhere else.
func (k *KeyStore) Create(id string, role Role) (Key, secret.String, error) {
	if !config.ValidKeyName(id) || id == FirstAdmin {
		return Key{}, "", fault.New(fault.Invalid, "the id of a key must be 1 to 40 lower-case letters, digits or \"-\", and not \"admin\"")
	}
	if _, taken := k.fixed[id]; taken {
		return Key{}, "", fault.New(fault.Conflict, "the configuration has a key %q already", id)
	}
	key, token := newKey(id, role)
	err := k.file.change(func(keys map[string]storedKey) error {
		if _, taken := keys[id]; taken {
			return fault.New(fault.Conflict, "there is a key %q already", id)
		}
		keys[id] = key
		return nil
	})
	if err != nil {
		return Key{}, "", err
	}
	return key.Key, token, nil
}

// List returns all keys in order of their ids.
func (k *KeyStore) List() ([]Key, error) {
	keys, err := k.all()
	if err != nil {
		return nil, err
	}
	out := make([]Key, 0, len(keys))
	for _, id := range sortedIDs(keys) {
		out = append(out, keys[id].Key)
	}
	return out, nil
}

// Delete removes a key of the file; it is refused from the next request on, by
// every server that shares the file.
func (k *KeyStore) Delete(id string) error {
	if _, fixed := k.fixed[id]; fixed {
		return fault.New(fault.Conflict, "the key %q stands in the configuration; remove it there", id)
	}
	return k.file.change(func(keys map[string]storedKey) error {
		if _, known := keys[id]; !known {
			return fault.New(fault.Missing, "there is no key %q in the file", id)
		}
		delete(keys, id)
		return nil
	})
}

// all merges the keys by their sources. A given admin key replaces one that was made before.
func (k *KeyStore) all() (map[string]storedKey, error) {
	keys, err := k.file.read()
	if err != nil {
		return nil, err
	}
	merged := make(map[string]storedKey, len(keys)+len(k.fixed)+1)
	maps.Copy(merged, keys)
	maps.Copy(merged, k.fixed)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.given != "" {
		merged[FirstAdmin] = storedKey{Key: Key{ID: FirstAdmin, Role: Admin, Source: "environment"}}
	}
	return merged, nil
}

// digest names a token inside this process.
func (k *KeyStore) digest(context, token string) string {
	return seal.DigestOf([]byte(strings.Join([]string{k.pepper, context, token}, "\x00")))
}
