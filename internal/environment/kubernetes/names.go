package kubernetes

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
)

const (
	// longestID bounds a place's ID, which is a label's value (63 characters),
	// and part of the names of what a restore makes beside namespaces.
	longestID = 50
	// longestInName bounds how much of an ID stands in the name of a namespace.
	longestInName = 28
	// digestLength is how many digits of a digest tell names apart.
	digestLength = 8
)

// placeID is the ID of a restore as a DNS label (RFC 1123) of at most 50
// characters. What is one already stays as it is, a placeID among them; every
// other gets a digest, so that no two become the same.
func placeID(id string) string {
	if len(id) <= longestID && len(validation.IsDNS1123Label(id)) == 0 {
		return id
	}
	return join(cleaned(id, longestID-digestLength-1), digest(id))
}

// namespaceName is the name of the copy of a namespace: a DNS label that is the
// same every time, and differs for any other prefix, place or namespace.
func namespaceName(prefix, place, old string) string {
	suffix := digest(prefix + "\x00" + place + "\x00" + old)
	words := join(cleaned(place, longestInName), old)
	return prefix + join(cleaned(words, validation.DNS1123LabelMaxLength-len(prefix)-digestLength-1), suffix)
}

// cleaned is text as part of a DNS label, of at most so many characters.
func cleaned(text string, most int) string {
	out := []byte(strings.ToLower(text))
	for i, c := range out {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			out[i] = '-'
		}
	}
	return strings.Trim(string(out[:min(len(out), most)]), "-")
}

func join(words, more string) string {
	if words == "" {
		return more
	}
	return words + "-" + more
}

func digest(text string) string { return seal.SHA256([]byte(text))[:digestLength] }
