package s3

import (
	"strings"
	"time"
)

// crockford is the alphabet of ULIDs.
const crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// madeAt is when a version was made. A service that names versions by ULIDs
// (github.com/ulid/spec), as the Versity gateway does, tells in them: its
// LastModified is of whole seconds, and of an old version that when it was replaced.
func madeAt(id string, modified time.Time) time.Time {
	const length, timeDigits = 26, 10
	if len(id) != length || id[0] > '7' || strings.Trim(id, crockford) != "" {
		return modified
	}
	var ms int64
	for i := range timeDigits {
		ms = ms<<5 | int64(strings.IndexByte(crockford, id[i]))
	}
	return time.UnixMilli(ms).UTC()
}
