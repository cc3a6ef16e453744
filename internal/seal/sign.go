package seal

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/mod/sumdb/note"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Signer signs texts with Ed25519 as C2SP's signed notes
// (https://c2sp.org/signed-note). It may be used by many goroutines.
type Signer struct {
	signer note.Signer
	public string
}

// NewSigner reads a signing key in the form of golang.org/x/mod/sumdb/note,
// PRIVATE+KEY+NAME+HASH+BASE64. Anything else is fault.Invalid, by an error that
// shows nothing of it.
func NewSigner(text secret.String) (*Signer, error) {
	line := strings.TrimSpace(text.Reveal())
	signer, err := note.NewSigner(line)
	if err != nil {
		// The cause says no more, and must not come to quote a secret.
		return nil, fault.New(fault.Invalid, "the key to sign with is malformed: it must read PRIVATE+KEY+NAME+HASH+BASE64")
	}
	fields := strings.SplitN(line, "+", 5)
	// What follows the algorithm's byte is the seed: NewSigner has looked at both.
	encoded, err := base64.StdEncoding.DecodeString(fields[4])
	if err != nil || len(encoded) != 1+ed25519.SeedSize {
		return nil, fault.New(fault.Invalid, "the key to sign with is malformed: it is not one for Ed25519")
	}
	public, err := publicKey(signer.Name(), encoded[1:])
	return &Signer{signer, public}, err
}

func publicKey(name string, seed []byte) (string, error) {
	key, ok := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if !ok {
		return "", fault.New(fault.Internal, "an Ed25519 key has no public half")
	}
	public, err := note.NewEd25519VerifierKey(name, key)
	return public, fault.Wrap(fault.Internal, err, "writing a public key")
}

// GenerateSigner makes a new signing key of a name: the text that NewSigner
// reads, to be kept secret, and the public key as Public gives it.
func GenerateSigner(name string) (text secret.String, public string, err error) {
	if err := validKeyName(name); err != nil {
		return "", "", err
	}
	private, public, err := note.GenerateKey(rand.Reader, name)
	return secret.String(private), public, fault.Wrap(fault.Internal, err, "make a signing key")
}

// validKeyName holds names to what signed notes allow.
func validKeyName(name string) error {
	if name == "" || strings.ContainsRune(name, '+') || strings.ContainsFunc(name, unicode.IsSpace) ||
		strings.ContainsFunc(name, unicode.IsControl) || strings.ToValidUTF8(name, "") != name {
		return fault.New(fault.Invalid, "%.100q can't name a signing key: spaces, control characters and + are not possible", name)
	}
	return nil
}

// Name is the name in the key, which every signature shows.
func (s *Signer) Name() string { return s.signer.Name() }

// Public is the public key, for VerifyNote: NAME+HASH+BASE64.
func (s *Signer) Public() string { return s.public }

// Sign returns a signed note: the text, an empty line, and one line with the
// signature. The text must end with a newline, and have no other control
// characters; else it is fault.Invalid. The same text and key give the same note.
func (s *Signer) Sign(text []byte) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: string(text)}, s.signer)
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "sign a note")
	}
	if _, _, err := VerifyNote(signed, []string{s.public}); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the text can't be signed as a note")
	}
	return signed, nil
}

// VerifyNote checks a signed note with public keys as Signer.Public gives them,
// and returns its text and the first of the keys that has signed it. Signatures
// by other keys are ignored, as signed notes have it. A malformed public key is
// fault.Invalid; a note that is malformed, or that none of the keys has signed,
// or that has a false signature by one of them, is fault.Corrupt.
func VerifyNote(signed []byte, publics []string) (text []byte, signedBy string, err error) {
	var verifiers []note.Verifier
	var keys []string
	for _, public := range publics {
		public = strings.TrimSpace(public)
		if slices.Contains(keys, public) {
			continue
		}
		v, err := note.NewVerifier(public)
		if err != nil {
			return nil, "", notPublic(public)
		}
		verifiers, keys = append(verifiers, v), append(keys, public)
	}
	if len(keys) == 0 {
		return nil, "", fault.New(fault.Invalid, "there is no public key to check the signature with")
	}
	opened, err := note.Open(signed, note.VerifierList(verifiers...))
	if unknown := (*note.UnverifiedNoteError)(nil); errors.As(err, &unknown) {
		return nil, "", fault.New(fault.Corrupt, "no key that is trusted has signed it; it is signed by %s", signers(unknown.Note))
	} else if err != nil {
		return nil, "", fault.Wrap(fault.Corrupt, err, "the signature is not valid")
	}
	for i, v := range verifiers {
		if v.Name() == opened.Sigs[0].Name && v.KeyHash() == opened.Sigs[0].Hash {
			signedBy = keys[i]
		}
	}
	return []byte(opened.Text), signedBy, nil
}

// notPublic shows nothing of what may be a secret, pasted into the wrong place.
func notPublic(text string) error {
	if strings.HasPrefix(text, "PRIVATE+KEY+") {
		return fault.New(fault.Invalid, "a secret key is given where the public one belongs (NAME+HASH+BASE64)")
	}
	name, _, _ := strings.Cut(text, "+")
	return fault.New(fault.Invalid, "the key of the name %.60q is not a public key to check signatures with (NAME+HASH+BASE64)", name)
}
