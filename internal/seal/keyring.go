// Package seal is the only package that imports cryptography. It encrypts and
// opens recovery points with age (age-encryption.org/v1), digests what is
// stored with BLAKE3, and keeps access tokens as Argon2id hashes.
package seal

import (
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Config says for whom new points are encrypted, and with what old ones are
// read. Exactly one of Recipients (or Identity alone), Passphrase and
// Unencrypted decides how new points are written.
type Config struct {
	// Recipients are public keys: age1… (X25519) or age1pq1… (post-quantum
	// hybrid). Every one of them opens a point alone; the two sorts can't be mixed.
	Recipients []string `yaml:"recipients"`
	// Identity is the text of an age identity file: one or more
	// AGE-SECRET-KEY lines, with comments. It must open Recipients; when those
	// are empty they are derived from it.
	Identity secret.String `yaml:"identity"`
	// Identities are the texts of older identity files, for reading.
	Identities []secret.String `yaml:"identities"`
	// Passphrase locks the identity that every point then gets of its own.
	Passphrase secret.String `yaml:"passphrase"`
	// OldPassphrases are for reading.
	OldPassphrases []secret.String `yaml:"oldPassphrases"`
	// Unencrypted must be set for points to be written in the clear.
	Unencrypted bool `yaml:"unencrypted"`
}

// Keyring holds the keys of one configuration. It may be used by many goroutines.
type Keyring struct {
	recipients  []string
	identities  []identity
	passphrases []secret.String
	// locked is set when new points get an identity of their own behind passphrases[0].
	locked bool
	// opened has the identity files that were unlocked last.
	opened openedFiles
}

// identity is a secret key with its public one.
type identity struct {
	public string
	key    age.Identity
}

// NewKeyring checks a configuration and makes its keyring. Errors are of kind
// fault.Invalid and never show a secret.
func NewKeyring(c Config) (*Keyring, error) {
	recipients, err := parseRecipientList(c.Recipients)
	if err != nil {
		return nil, err
	}
	own, err := parseIdentities(c.Identity, "encryption.identity")
	if err != nil {
		return nil, err
	}
	if err := c.contradictions(recipients, own); err != nil {
		return nil, err
	}
	if len(recipients) == 0 {
		for _, id := range own {
			recipients = append(recipients, id.public)
		}
		if err := sameSort(recipients); err != nil {
			return nil, fault.While(err, "encryption.identity holds keys of two sorts, name the ones to use under encryption.recipients")
		}
	}
	k := &Keyring{recipients: recipients, identities: own, locked: c.Passphrase != ""}
	for i, text := range c.Identities {
		older, err := parseIdentities(text, fmt.Sprintf("encryption.identities[%d]", i))
		if err != nil {
			return nil, err
		}
		k.identities = append(k.identities, older...)
	}
	for _, p := range append([]secret.String{c.Passphrase}, c.OldPassphrases...) {
		if p != "" {
			k.passphrases = append(k.passphrases, p)
		}
	}
	return k, nil
}

func (c Config) contradictions(recipients []string, own []identity) error {
	keyed := len(recipients) > 0 || len(own) > 0
	switch {
	case c.Unencrypted && (keyed || c.Passphrase != ""):
		return fault.New(fault.Invalid, "encryption.unencrypted contradicts the keys beside it: remove one; keys for reading older points go under encryption.identities or encryption.oldPassphrases")
	case keyed && c.Passphrase != "":
		return fault.New(fault.Invalid, "encryption has keys and a passphrase: choose one; what is for reading older points goes under encryption.identities or encryption.oldPassphrases")
	case !keyed && c.Passphrase == "" && !c.Unencrypted:
		return fault.New(fault.Invalid, "no encryption is configured: set encryption.recipients, encryption.identity or encryption.passphrase, or say encryption.unencrypted: true")
	case len(recipients) > 0 && len(own) > 0 && !opensAny(own, recipients):
		return fault.New(fault.Invalid, "encryption.identity opens none of encryption.recipients: give the fitting one; older ones go under encryption.identities")
	}
	return nil
}

func opensAny(ids []identity, recipients []string) bool {
	return slices.ContainsFunc(ids, func(id identity) bool { return slices.Contains(recipients, id.public) })
}

// parseIdentities reads the text of an identity file. Causes are left out of
// its errors, because they can quote parts of a key.
func parseIdentities(text secret.String, where string) ([]identity, error) {
	var ids []identity
	n := 0
	for line := range strings.SplitSeq(text.Reveal(), "\n") {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		id, err := parseIdentity(line)
		if err != nil {
			return nil, fault.New(fault.Invalid, "%s, line %d: not an age secret key (AGE-SECRET-KEY-1… or AGE-SECRET-KEY-PQ-1…)", where, n)
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 && text != "" {
		return nil, fault.New(fault.Invalid, "%s holds no age secret key", where)
	}
	return ids, nil
}

func parseIdentity(line string) (identity, error) {
	if strings.HasPrefix(line, "AGE-SECRET-KEY-PQ-1") {
		key, err := age.ParseHybridIdentity(line)
		if err != nil {
			return identity{}, err
		}
		return identity{key.Recipient().String(), key}, nil
	}
	key, err := age.ParseX25519Identity(line)
	if err != nil {
		return identity{}, err
	}
	return identity{key.Recipient().String(), key}, nil
}
