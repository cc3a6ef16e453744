package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"filippo.io/age"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// The schemes a point can be encrypted by.
const (
	SchemeAge  = "age"
	SchemeNone = "none"
)

// scrypt's work factor: 2^16 takes about a fifth of a second and 64 MiB. More
// than 2^18 (256 MiB) is refused on reading, for the file may be hostile.
const (
	scryptWork    = 16
	scryptMaxWork = 18
)

// identityFileLimit is far above any identity file with a handful of keys.
const identityFileLimit = 64 << 10

// PointKey says how one point is encrypted.
type PointKey struct {
	// Scheme is SchemeAge or SchemeNone.
	Scheme string
	// Recipients are the public keys that open the point.
	Recipients []string
	// IdentityFile is non-nil with a passphrase: an age identity file, locked
	// with it (scrypt), that holds the secret key of the one recipient.
	IdentityFile []byte
}

// NewPointKey decides how a new point is encrypted. Call it once per point:
// with a passphrase every call makes a fresh identity, so that its parts don't
// pay for scrypt each.
func (k *Keyring) NewPointKey() (PointKey, error) {
	switch {
	case k.locked:
		key, id, err := lockedKey(k.passphrases[0])
		if err == nil {
			k.opened.put(key.IdentityFile, []identity{id})
		}
		return key, err
	case len(k.recipients) > 0:
		return PointKey{Scheme: SchemeAge, Recipients: slices.Clone(k.recipients)}, nil
	default:
		return PointKey{Scheme: SchemeNone}, nil
	}
}

func lockedKey(passphrase secret.String) (PointKey, identity, error) {
	key, err := age.GenerateX25519Identity()
	if err != nil {
		return PointKey{}, identity{}, fault.Wrap(fault.Internal, err, "making an identity for the point")
	}
	public := key.Recipient().String()
	var file bytes.Buffer
	w, err := encryptWith(&file, passphrase)
	if err != nil {
		return PointKey{}, identity{}, err
	}
	// A failing write fails the Close too: the stream keeps its first error.
	_, _ = fmt.Fprintf(w, "# public key: %s\n%s\n", public, key)
	if err := w.Close(); err != nil {
		return PointKey{}, identity{}, fault.Wrap(fault.Internal, err, "locking the point's identity")
	}
	return PointKey{Scheme: SchemeAge, Recipients: []string{public}, IdentityFile: file.Bytes()}, identity{public, key}, nil
}

func encryptWith(w io.Writer, passphrase secret.String) (io.WriteCloser, error) {
	r, err := age.NewScryptRecipient(passphrase.Reveal())
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "encryption.passphrase")
	}
	r.SetWorkFactor(scryptWork)
	out, err := age.Encrypt(w, r)
	return out, fault.Wrap(fault.Internal, err, "encrypting with the passphrase")
}

// Unlock opens the identity file of a point with the configured passphrases
// and returns the public keys of what is in it. Errors are as Opener's.
func (k *Keyring) Unlock(identityFile []byte) (recipients []string, err error) {
	ids, err := k.unlock(identityFile)
	for _, id := range ids {
		recipients = append(recipients, id.public)
	}
	return recipients, err
}

func (k *Keyring) unlock(identityFile []byte) ([]identity, error) {
	return k.opened.get(identityFile, func() ([]identity, error) { return k.decryptIdentities(identityFile) })
}

func (k *Keyring) decryptIdentities(identityFile []byte) ([]identity, error) {
	if len(k.passphrases) == 0 {
		return nil, fault.New(fault.Denied, "this point is locked with a passphrase and none is configured: set encryption.passphrase or encryption.oldPassphrases")
	}
	r, err := age.Decrypt(bytes.NewReader(identityFile), k.scryptIdentities()...)
	if noMatch := (*age.NoIdentityMatchError)(nil); errors.As(err, &noMatch) && slices.Contains(noMatch.StanzaTypes, "scrypt") {
		return nil, fault.New(fault.Denied, "no configured passphrase opens this point: add the one it was made with to encryption.oldPassphrases")
	} else if err != nil {
		return nil, fault.Wrap(fault.Corrupt, err, "the point's identity file is damaged")
	}
	text, err := io.ReadAll(io.LimitReader(r, identityFileLimit))
	if err != nil {
		return nil, fault.Wrap(fault.Corrupt, err, "the point's identity file is damaged")
	}
	ids, err := parseIdentities(secret.String(text), "the point's identity file")
	if err == nil && len(ids) == 0 {
		err = fault.New(fault.Corrupt, "the point's identity file holds no key")
	}
	return ids, fault.Wrap(fault.Corrupt, err, "the point's identity file is damaged")
}

func (k *Keyring) scryptIdentities() []age.Identity {
	var ids []age.Identity
	for _, p := range k.passphrases {
		// Passphrases in a keyring aren't empty, the only thing that fails here.
		if id, err := age.NewScryptIdentity(p.Reveal()); err == nil {
			id.SetMaxWorkFactor(scryptMaxWork)
			ids = append(ids, id)
		}
	}
	return ids
}

// Current reports whether a key that was made before is what NewPointKey would
// still make: it is for the same recipients, or behind the passphrase that new
// points get. It pays for scrypt with a passphrase.
func (k *Keyring) Current(key PointKey) bool {
	if k.locked != (key.IdentityFile != nil) {
		return false
	}
	if !k.locked {
		return slices.Equal(k.recipients, key.Recipients)
	}
	newest := Keyring{passphrases: k.passphrases[:1]}
	ids, err := newest.decryptIdentities(key.IdentityFile)
	if err != nil || len(ids) != 1 || !slices.Equal(key.Recipients, []string{ids[0].public}) {
		return false
	}
	k.opened.put(key.IdentityFile, ids)
	return true
}
