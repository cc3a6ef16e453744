package seal

import (
	"errors"
	"io"
	"slices"

	"filippo.io/age"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Encrypt returns a writer that encrypts to w for the recipients; its Close
// writes the end and leaves w open. Without recipients bytes pass through.
func Encrypt(w io.Writer, recipients []string) (io.WriteCloser, error) {
	if len(recipients) == 0 {
		return nopCloser{w}, nil
	}
	parsed, err := parseRecipients(recipients)
	if err != nil {
		return nil, err
	}
	out, err := age.Encrypt(w, parsed...)
	return out, fault.While(err, "encrypting")
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// EncryptReader is Encrypt for a consumer that pulls: what is read from the
// result is r, encrypted for the recipients, or r itself without any.
func EncryptReader(r io.Reader, recipients []string) (io.Reader, error) {
	if len(recipients) == 0 {
		return r, nil
	}
	parsed, err := parseRecipients(recipients)
	if err != nil {
		return nil, err
	}
	out, err := age.EncryptReader(r, parsed...)
	return out, fault.While(err, "encrypting")
}

// Opener decrypts what belongs to one point. It may be used by many goroutines.
type Opener struct {
	// keys is empty for a point that isn't encrypted.
	keys []age.Identity
}

// Opener finds the keys for a point by what its manifest says. The error is of
// kind fault.Denied when no configured key or passphrase fits, and
// fault.Corrupt when the identity file isn't the point's.
func (k *Keyring) Opener(recipients []string, identityFile []byte) (*Opener, error) {
	if len(recipients) == 0 {
		return &Opener{}, nil
	}
	ids := k.identities
	if identityFile != nil {
		unlocked, err := k.unlock(identityFile)
		if err != nil {
			return nil, err
		}
		if !opensAny(unlocked, recipients) {
			return nil, fault.New(fault.Corrupt, "the point's identity file holds another key than the manifest names: it was swapped")
		}
		ids = unlocked
	}
	o := &Opener{}
	for _, id := range ids {
		if slices.Contains(recipients, id.public) {
			o.keys = append(o.keys, id.key)
		}
	}
	if len(o.keys) == 0 {
		return nil, fault.New(fault.Denied, "no configured key opens this point: it was encrypted for %s", briefList(recipients))
	}
	return o, nil
}

// Decrypt reads the header from r and returns a reader of the plaintext, which
// fails when what it reads was cut or altered. A header that is none is
// fault.Corrupt, one for other keys fault.Denied; an error of r keeps its kind.
func (o *Opener) Decrypt(r io.Reader) (io.Reader, error) {
	if len(o.keys) == 0 {
		return r, nil
	}
	src := &errorKeeper{r: r}
	out, err := age.Decrypt(src, o.keys...)
	switch noMatch := (*age.NoIdentityMatchError)(nil); {
	case err == nil:
		return out, nil
	case src.err != nil:
		return nil, src.err
	case errors.As(err, &noMatch):
		return nil, fault.New(fault.Denied, "the data is encrypted for other keys than its point says")
	default:
		return nil, fault.Wrap(fault.Corrupt, err, "not an age file")
	}
}

// errorKeeper remembers what its reader failed with, because age's errors
// about headers don't wrap their cause.
type errorKeeper struct {
	r   io.Reader
	err error
}

func (k *errorKeeper) Read(p []byte) (int, error) {
	n, err := k.r.Read(p)
	if err != nil && err != io.EOF {
		k.err = err
	}
	return n, err
}
