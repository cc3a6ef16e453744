package seal

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// lowerBase32 is RFC 4648's alphabet in lower case.
var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// RandomID returns n random characters of a-z and 2-7: 5 bits each.
func RandomID(n int) string {
	raw := make([]byte, (n*5+7)/8)
	// Read never fails: the runtime ends the process when the system has no randomness.
	_, _ = rand.Read(raw)
	return lowerBase32.EncodeToString(raw)[:n]
}

// tokenPrefix makes a leaked token recognisable to secret scanners.
const tokenPrefix = "lifeboat_"

// NewToken returns an access token with 256 bits of randomness.
func NewToken() secret.String { return secret.String(tokenPrefix + RandomID(52)) }

// The parameters of new hashes: RFC 9106's second choice scaled to 19 MiB and
// two passes, as OWASP's password guidance has it.
const (
	argonTime    = 2
	argonMemory  = 19 << 10 // KiB
	argonThreads = 1
	argonKey     = 32
	argonSalt    = 16
)

// Limits on what a stored hash may ask for, so that an edited file can't
// exhaust memory.
const (
	argonMaxTime   = 16
	argonMaxMemory = 256 << 10 // KiB
)

// hashing bounds how many hashes are computed at once: each takes argonMemory.
var hashing = make(chan struct{}, 2)

// HashToken returns the Argon2id hash of a token with a fresh salt, as a PHC
// string: $argon2id$v=19$m=…,t=…,p=…$SALT$HASH.
func HashToken(token secret.String) string {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt)
	p := params{argonTime, argonMemory, argonThreads}
	sum := p.sum(token, salt, argonKey)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, p.memory, p.time, p.threads,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(sum))
}

// CheckToken reports whether a hash, as HashToken writes it, is of the token.
// The comparison takes the same time wherever the two differ. A malformed hash
// fits no token.
func CheckToken(hash string, token secret.String) bool {
	fields := strings.Split(hash, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return false
	}
	var p params
	if n, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &p.memory, &p.time, &p.threads); n != 3 || err != nil {
		return false
	}
	salt, errSalt := base64.RawStdEncoding.DecodeString(fields[4])
	want, errHash := base64.RawStdEncoding.DecodeString(fields[5])
	if errSalt != nil || errHash != nil || len(salt) < 8 || len(want) < 16 || len(want) > 64 || !p.sane() {
		return false
	}
	return subtle.ConstantTimeCompare(p.sum(token, salt, uint32(len(want))), want) == 1
}

// params are Argon2's costs; memory is in KiB.
type params struct {
	time, memory uint32
	threads      uint8
}

func (p params) sane() bool {
	return p.time >= 1 && p.time <= argonMaxTime && p.memory >= 8 && p.memory <= argonMaxMemory && p.threads >= 1
}

func (p params) sum(token secret.String, salt []byte, size uint32) []byte {
	hashing <- struct{}{}
	defer func() { <-hashing }()
	return argon2.IDKey([]byte(token.Reveal()), salt, p.time, p.memory, p.threads, size)
}
