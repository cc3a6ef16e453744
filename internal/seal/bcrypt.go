package seal

import (
	"golang.org/x/crypto/bcrypt"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// BcryptHash is the bcrypt hash of a password with a fresh salt, as the
// configuration files of other servers want it. It is as cheap as can be, and
// good for random passwords only: those of RandomID with 32 characters and
// more. One of more than 72 bytes is refused.
func BcryptHash(password secret.String) (string, error) {
	hash, err := bcrypt.GenerateFromPassword([]byte(password.Reveal()), bcrypt.MinCost)
	return string(hash), err
}
