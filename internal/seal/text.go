package seal

import (
	"errors"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// sealedTextLimit bounds what OpenSecret reads: a password or a URL is short.
const sealedTextLimit = 1 << 20

// SealSecret encrypts a secret, as armored age, for whoever has this keyring's
// keys, so that it may stand where others can read it. It fails with
// fault.Unsupported when points are unencrypted: there is no key then.
func (k *Keyring) SealSecret(s secret.String) (string, error) {
	var out strings.Builder
	armored := armor.NewWriter(&out)
	w, err := k.encryptText(armored)
	if err != nil {
		return "", err
	}
	// A failing write fails the Close too: the stream keeps its first error.
	_, _ = io.WriteString(w, s.Reveal())
	if err := errors.Join(w.Close(), armored.Close()); err != nil {
		return "", fault.Wrap(fault.Internal, err, "encrypting a secret")
	}
	return out.String(), nil
}

func (k *Keyring) encryptText(w io.Writer) (io.WriteCloser, error) {
	switch {
	case k.locked:
		return encryptWith(w, k.passphrases[0])
	case len(k.recipients) > 0:
		return Encrypt(w, k.recipients)
	default:
		return nil, fault.New(fault.Unsupported, "a secret can't be passed on without a key: configure encryption.recipients or encryption.passphrase")
	}
}

// OpenSecret reads what SealSecret wrote: fault.Denied without a fitting key,
// fault.Corrupt when the text was altered.
func (k *Keyring) OpenSecret(sealed string) (secret.String, error) {
	keys := k.scryptIdentities()
	for _, id := range k.identities {
		keys = append(keys, id.key)
	}
	if len(keys) == 0 {
		return "", fault.New(fault.Denied, "no key is configured to open a sealed secret: set encryption.identity or encryption.passphrase")
	}
	r, err := age.Decrypt(armor.NewReader(strings.NewReader(sealed)), keys...)
	if noMatch := (*age.NoIdentityMatchError)(nil); errors.As(err, &noMatch) {
		return "", fault.New(fault.Denied, "no configured key opens a sealed secret: it was sealed by a process with other keys")
	} else if err != nil {
		return "", fault.Wrap(fault.Corrupt, err, "opening a sealed secret")
	}
	text, err := io.ReadAll(io.LimitReader(r, sealedTextLimit))
	if err != nil {
		return "", fault.Wrap(fault.Corrupt, err, "opening a sealed secret")
	}
	return secret.String(text), nil
}
