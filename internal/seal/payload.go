package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"

	"golang.org/x/crypto/argon2"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// PayloadKey seals the small values that cross Temporal with AES-256-GCM.
type PayloadKey struct {
	id   string
	aead cipher.AEAD
}

const (
	payloadKeySize = 32
	// A passphrase of fewer bytes is refused: sealed values lie where others can
	// try passphrases on them at leisure.
	payloadPassphraseMin = 12
	// payloadSalt is fixed: processes that share nothing but the passphrase must
	// come to the same key.
	payloadSalt  = "lifeboat payload key v1"
	payloadKeyID = "lifeboat payload key id v1"
)

// The parameters are RFC 9106's second recommended choice, but for the one lane:
// the key is derived once in the life of a process.
const (
	payloadArgonTime    = 3
	payloadArgonMemory  = 64 << 10 // KiB
	payloadArgonThreads = 1
)

// NewPayloadKey makes a key from 32 bytes in standard base64, or from a
// passphrase of at least 12 bytes, which takes a tenth of a second.
func NewPayloadKey(text secret.String) (*PayloadKey, error) {
	key, err := base64.StdEncoding.DecodeString(text.Reveal())
	if err != nil || len(key) != payloadKeySize {
		if len(text) < payloadPassphraseMin {
			return nil, fault.New(fault.Invalid,
				"the key for Temporal's payloads is too short: give 32 random bytes in base64 (openssl rand -base64 32) or a passphrase of at least %d characters",
				payloadPassphraseMin)
		}
		key = argon2.IDKey([]byte(text.Reveal()), []byte(payloadSalt), payloadArgonTime, payloadArgonMemory, payloadArgonThreads, payloadKeySize)
	}
	id, err := hkdf.Key(sha256.New, key, nil, payloadKeyID, 8)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "naming the payload key")
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing the payload key")
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, err, "preparing the payload key")
	}
	return &PayloadKey{id: hex.EncodeToString(id), aead: aead}, nil
}

// ID names the key without telling anything of it: 16 hexadecimal characters.
func (k *PayloadKey) ID() string { return k.id }

// Seal encrypts plain. The result begins with its random nonce and opens only
// under the same key.
func (k *PayloadKey) Seal(plain []byte) []byte {
	return k.aead.Seal(nil, nil, plain, []byte(k.id))
}

// Open decrypts what Seal made. It fails with fault.Corrupt when it was altered
// or sealed under another key.
func (k *PayloadKey) Open(sealed []byte) ([]byte, error) {
	plain, err := k.aead.Open(nil, nil, sealed, []byte(k.id))
	if err != nil {
		return nil, fault.Wrap(fault.Corrupt, err, "opening a payload sealed with key %s", k.id)
	}
	return plain, nil
}
