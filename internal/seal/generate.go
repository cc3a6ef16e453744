package seal

import (
	"filippo.io/age"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// GenerateIdentity makes a new X25519 key pair: an AGE-SECRET-KEY- line to keep
// secret, and the age1… recipient that belongs to it.
func GenerateIdentity() (identity secret.String, recipient string, err error) {
	pair, err := age.GenerateX25519Identity()
	if err != nil {
		return "", "", fault.Wrap(fault.Internal, err, "make a key pair")
	}
	return secret.String(pair.String()), pair.Recipient().String(), nil
}
