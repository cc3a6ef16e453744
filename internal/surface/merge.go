package surface

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Merge joins the fingerprints of pieces into one, sorted. Entries of equal
// kind and name are parts of one thing: their counts and their digests, which
// are sums mod 2^128 (PREFIX:HEX, 32 hexadecimal digits), are added. Where two
// such digests can't be added, because they were taken in different ways or
// are no sums, the merged one is "unmergeable" and so equals no other.
func Merge(pieces ...Fingerprint) Fingerprint {
	type key struct{ kind, name string }
	at := map[key]int{}
	var out Fingerprint
	for _, piece := range pieces {
		for _, e := range piece {
			k := key{e.Kind, e.Name}
			i, known := at[k]
			if !known {
				at[k] = len(out)
				out = append(out, e)
				continue
			}
			out[i].Count += e.Count
			out[i].Digest = addDigests(out[i].Digest, e.Digest)
		}
	}
	out.Sort()
	return out
}

func addDigests(a, b string) string {
	prefixA, hiA, loA, okA := splitSum(a)
	prefixB, hiB, loB, okB := splitSum(b)
	if a == "" && b == "" {
		return ""
	}
	if !okA || !okB || prefixA != prefixB {
		return "unmergeable"
	}
	lo, carry := bits.Add64(loA, loB, 0)
	hi, _ := bits.Add64(hiA, hiB, carry)
	return FormatSum(prefixA, hi, lo)
}

// FormatSum writes a sum mod 2^128 as the digest of an entry: PREFIX:HEX.
func FormatSum(prefix string, hi, lo uint64) string {
	return fmt.Sprintf("%s:%016x%016x", prefix, hi, lo)
}

func splitSum(digest string) (prefix string, hi, lo uint64, ok bool) {
	colon := strings.LastIndexByte(digest, ':')
	if colon < 0 || len(digest)-colon-1 != 32 {
		return "", 0, 0, false
	}
	hex := digest[colon+1:]
	hi, err := strconv.ParseUint(hex[:16], 16, 64)
	if err != nil {
		return "", 0, 0, false
	}
	lo, err = strconv.ParseUint(hex[16:], 16, 64)
	if err != nil {
		return "", 0, 0, false
	}
	return digest[:colon], hi, lo, true
}
