package seal

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/mod/sumdb/note"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// signInfo sets signing keys apart from whatever else is derived from the same secret.
const signInfo = "lifeboat evidence signing v1"

// DeriveSigner makes a signing key of a name from another secret, so that
// whoever holds the secret has the same key: from the text of an age identity
// file, whose first key counts, by HKDF-SHA256 (RFC 5869); from anything else,
// which is taken for a passphrase, by Argon2id (RFC 9106) and then the same. The
// public key lies open, and would without Argon2id let anybody try passphrases
// at great speed; it takes a tenth of a second. An empty secret is fault.Invalid.
func DeriveSigner(name string, from secret.String) (*Signer, error) {
	if from == "" {
		return nil, fault.New(fault.Invalid, "there is no secret to derive a signing key from")
	}
	if !strings.Contains(from.Reveal(), "AGE-SECRET-KEY-") {
		return passphraseSigner(name, from)
	}
	ids, err := parseIdentities(from, "the secret to derive a signing key from")
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 {
		return nil, fault.New(fault.Invalid, "the secret to derive a signing key from holds no age secret key")
	}
	return identitySigner(name, ids[0])
}

func identitySigner(name string, id identity) (*Signer, error) {
	text, ok := id.key.(fmt.Stringer)
	if !ok {
		return nil, fault.New(fault.Internal, "an age identity can't be written as text")
	}
	return seedSigner(name, []byte(text.String()))
}

func passphraseSigner(name string, passphrase secret.String) (*Signer, error) {
	return seedSigner(name, argon2.IDKey([]byte(passphrase.Reveal()), []byte(signInfo),
		payloadArgonTime, payloadArgonMemory, payloadArgonThreads, ed25519.SeedSize))
}

func seedSigner(name string, from []byte) (*Signer, error) {
	if err := validKeyName(name); err != nil {
		return nil, err
	}
	seed, err := hkdf.Key(sha256.New, from, nil, signInfo, ed25519.SeedSize)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "derive a signing key")
	}
	public, err := publicKey(name, seed)
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(public, "+")
	hash, encoded, _ := strings.Cut(rest, "+")
	algorithm, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "derive a signing key")
	}
	private := base64.StdEncoding.EncodeToString(append(algorithm[:1:1], seed...))
	return NewSigner(secret.String("PRIVATE+KEY+" + name + "+" + hash + "+" + private))
}

// EvidenceSigner derives the key that evidence is signed with, as DeriveSigner
// does, from the first identity of the keyring, or else from its first
// passphrase. Processes with the same encryption keys thus have the same key. A
// keyring with neither is fault.Missing: it can't sign without a key of its own.
func (k *Keyring) EvidenceSigner(name string) (*Signer, error) {
	switch {
	case len(k.identities) > 0:
		return identitySigner(name, k.identities[0])
	case len(k.passphrases) > 0:
		return passphraseSigner(name, k.passphrases[0])
	default:
		return nil, fault.New(fault.Missing, "there is no key to sign evidence with: configure encryption.identity or encryption.passphrase, or a signing key")
	}
}

// EvidenceKeys are the public keys that every identity and passphrase of the
// keyring signs evidence with, older ones among them: what was signed before the
// keys were changed is trusted by them.
func (k *Keyring) EvidenceKeys(name string) ([]string, error) {
	var publics []string
	for _, id := range k.identities {
		s, err := identitySigner(name, id)
		if err != nil {
			return nil, err
		}
		publics = append(publics, s.Public())
	}
	for _, p := range k.passphrases {
		s, err := passphraseSigner(name, p)
		if err != nil {
			return nil, err
		}
		publics = append(publics, s.Public())
	}
	return publics, nil
}

// signers names who has signed a note.
func signers(n *note.Note) string {
	var names []string
	for _, s := range n.UnverifiedSigs {
		names = append(names, fmt.Sprintf("%.100s+%08x", s.Name, s.Hash))
	}
	return strings.Join(names, ", ")
}
