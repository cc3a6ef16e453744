package seal

import (
	"crypto/sha256"
	"encoding/hex"
)

// SHA256 is the SHA-256 of data in lower-case hexadecimal digits, as
// PostgreSQL ends its backup manifests with.
func SHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
