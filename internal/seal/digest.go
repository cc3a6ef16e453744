package seal

import (
	"encoding/hex"
	"hash"
	"strings"

	"github.com/zeebo/blake3"
)

const digestPrefix = "blake3:"

// NewDigest returns a hash of stored bytes: BLAKE3 with 256 bits.
func NewDigest() hash.Hash { return blake3.New() }

// FormatDigest writes what h has hashed so far as blake3:HEX.
func FormatDigest(h hash.Hash) string { return digestPrefix + hex.EncodeToString(h.Sum(nil)) }

// DigestOf is FormatDigest of one piece of data.
func DigestOf(data []byte) string {
	sum := blake3.Sum256(data)
	return digestPrefix + hex.EncodeToString(sum[:])
}

// ValidDigest reports whether s is a digest as FormatDigest writes it.
func ValidDigest(s string) bool {
	digits, ok := strings.CutPrefix(s, digestPrefix)
	sum, err := hex.DecodeString(digits)
	return ok && err == nil && len(sum) == blake3.New().Size() && strings.ToLower(digits) == digits
}
