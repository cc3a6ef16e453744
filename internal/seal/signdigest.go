package seal

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
)

// SHA256Of reads r to its end, in constant memory, and returns the SHA-256 of
// what came, as SHA256 writes it, and how many bytes they were.
func SHA256Of(r io.Reader) (digits string, size int64, err error) {
	h := sha256.New()
	size, err = io.Copy(h, r)
	return hex.EncodeToString(h.Sum(nil)), size, err
}
