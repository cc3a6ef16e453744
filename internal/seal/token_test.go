package seal

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

func TestDigest(t *testing.T) {
	t.Parallel()
	// The first is of BLAKE3's own test vectors (input length 0).
	const empty = "blake3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
	h := NewDigest()
	if got := FormatDigest(h); got != empty {
		t.Errorf("digest of nothing = %s, want %s", got, empty)
	}
	h.Write([]byte("abc"))
	if got, want := FormatDigest(h), DigestOf([]byte("abc")); got != want || got == empty {
		t.Errorf("digest of abc = %s, want %s", got, want)
	}
	for s, want := range map[string]bool{
		empty: true, "": false, "blake3:": false, empty[:len(empty)-2]: false, empty + "00": false,
		strings.ToUpper(empty): false, "blake3:" + strings.ToUpper(empty[7:]): false, "sha256" + empty[6:]: false,
		"blake3:" + strings.Repeat("zz", 32): false,
	} {
		if ValidDigest(s) != want {
			t.Errorf("ValidDigest(%q) = %t, want %t", s, !want, want)
		}
	}
}

func TestRandomID(t *testing.T) {
	t.Parallel()
	for n := range 60 {
		id := RandomID(n)
		if len(id) != n || strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") != "" {
			t.Errorf("RandomID(%d) = %q", n, id)
		}
	}
	if first, second := RandomID(26), RandomID(26); first == second {
		t.Error("two IDs of 130 bits are equal")
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	token := NewToken()
	if other := NewToken(); token == other || len(token) != 61 {
		t.Errorf("tokens of %d characters, equal: %t", len(token), token == other)
	}
	hash := HashToken(token)
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") || strings.Contains(hash, token.Reveal()) {
		t.Errorf("hash %s is not as documented", hash)
	}
	if hash == HashToken(token) {
		t.Error("two hashes of a token are equal: the salt isn't fresh")
	}
	if !CheckToken(hash, token) {
		t.Error("the token doesn't fit its own hash")
	}
	for _, wrong := range []secret.String{"", token + "x", token[:60], "lifeboat_"} {
		if CheckToken(hash, wrong) {
			t.Errorf("%q fits the hash of another", wrong.Reveal())
		}
	}
}

// The vector is of the reference implementation: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1.
func TestCheckTokenReadsOtherImplementations(t *testing.T) {
	t.Parallel()
	const vector = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if !CheckToken(vector, "password") {
		t.Error("the reference implementation's hash isn't recognised")
	}
}

func TestCheckTokenMalformedHashes(t *testing.T) {
	t.Parallel()
	good := "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	for name, change := range map[string][2]string{
		"nothing": {good, ""}, "no dollar": {"$argon2id", "argon2id"}, "argon2i": {"argon2id", "argon2i"}, "version": {"v=19", "v=16"},
		"memory bomb": {"m=65536", "m=4294967295"}, "time bomb": {"t=2", "t=4294967295"}, "no threads": {"p=1", "p=0"}, "negative": {"t=2", "t=-2"},
		"parameter gone": {",p=1", ""}, "salt": {"c29tZXNhbHQ", "c29"}, "bad base64": {"c29tZXNhbHQ", "!!!!"},
		"short hash": {"CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc", "CTFh"}, "more fields": {good, good + "$x"},
	} {
		hash := strings.Replace(good, change[0], change[1], 1)
		if CheckToken(hash, "password") {
			t.Errorf("%s: %q was accepted", name, hash)
		}
	}
}

func TestSealSecret(t *testing.T) {
	t.Parallel()
	a, b := classic(t), classic(t)
	const password = "s3cret: with\nlines"
	for name, k := range map[string]*Keyring{
		"identity": keyring(t, Config{Identity: a.secret}), "passphrase": keyring(t, Config{Passphrase: "p"}),
		"post-quantum": keyring(t, Config{Identity: hybrid(t).secret}),
	} {
		sealed, err := k.SealSecret(password)
		if err != nil || !strings.HasPrefix(sealed, "-----BEGIN AGE ENCRYPTED FILE-----") || strings.Contains(sealed, "s3cret") {
			t.Fatalf("%s: sealed %q, %v", name, sealed, err)
		}
		if got, err := k.OpenSecret(sealed); err != nil || got != password {
			t.Errorf("%s: opened %q, %v", name, got.Reveal(), err)
		}
		if _, err := keyring(t, Config{Identity: b.secret}).OpenSecret(sealed); !fault.Is(err, fault.Denied) {
			t.Errorf("%s: another key: %v, want denied", name, err)
		}
		middle := len(sealed) / 2
		for cut, text := range map[string]string{"nothing": "", "half": sealed[:middle], "altered": sealed[:middle] + "AAAA" + sealed[middle+4:]} {
			if _, err := k.OpenSecret(text); err == nil {
				t.Errorf("%s: %s opened without an error", name, cut)
			}
		}
	}
	if _, err := keyring(t, Config{Unencrypted: true}).SealSecret("x"); !fault.Is(err, fault.Unsupported) {
		t.Errorf("sealing without a key: %v, want unsupported", err)
	}
	if _, err := keyring(t, Config{Recipients: []string{a.public}}).OpenSecret("x"); !fault.Is(err, fault.Denied) {
		t.Errorf("opening without a key: %v, want denied", err)
	}
}
