package seal_test

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

func TestBcryptHash(t *testing.T) {
	t.Parallel()
	password := secret.String(seal.RandomID(40))
	first, err := seal.BcryptHash(password)
	if err != nil {
		t.Fatal(err)
	}
	second, err := seal.BcryptHash(password)
	if err != nil || first == second || !strings.HasPrefix(first, "$2a$") {
		t.Errorf("%s and %s, %v", first, second, err)
	}
	if err := bcrypt.CompareHashAndPassword([]byte(first), []byte(password)); err != nil {
		t.Error(err)
	}
	if bcrypt.CompareHashAndPassword([]byte(first), []byte(password+"x")) == nil {
		t.Error("another password fits")
	}
	if _, err := seal.BcryptHash(secret.String(strings.Repeat("a", 73))); err == nil {
		t.Error("a password that bcrypt would cut was taken")
	}
}
