package seal

import (
	"fmt"
	"slices"
	"strings"

	"filippo.io/age"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const hybridPrefix = "age1pq1"

// parseRecipientList checks configured public keys and drops repeated ones.
func parseRecipientList(configured []string) ([]string, error) {
	var out []string
	for i, text := range configured {
		text = strings.TrimSpace(text)
		if strings.HasPrefix(strings.ToUpper(text), "AGE-SECRET-KEY") {
			return nil, fault.New(fault.Invalid, "encryption.recipients[%d] is a secret key: give the public one (age1…), and treat the secret one as exposed if this file is shared", i)
		}
		r, err := parseRecipient(text)
		if err != nil {
			return nil, fault.While(err, "encryption.recipients[%d]", i)
		}
		if name := r.String(); !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out, sameSort(out)
}

// recipient is what the key types of age have in common.
type recipient interface {
	age.Recipient
	fmt.Stringer
}

func parseRecipient(text string) (recipient, error) {
	var r recipient
	var err error
	if strings.HasPrefix(text, hybridPrefix) {
		r, err = age.ParseHybridRecipient(text)
	} else {
		r, err = age.ParseX25519Recipient(text)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "%q is not an age public key (age1… or age1pq1…)", brief(text))
	}
	return r, nil
}

func parseRecipients(texts []string) ([]age.Recipient, error) {
	out := make([]age.Recipient, len(texts))
	for i, text := range texts {
		r, err := parseRecipient(text)
		if err != nil {
			return nil, err
		}
		out[i] = r
	}
	return out, sameSort(texts)
}

// sameSort refuses post-quantum keys beside classic ones: whoever breaks the
// classic one has the file, so age won't mix them.
func sameSort(recipients []string) error {
	hybrid := 0
	for _, r := range recipients {
		if strings.HasPrefix(r, hybridPrefix) {
			hybrid++
		}
	}
	if hybrid > 0 && hybrid < len(recipients) {
		return fault.New(fault.Invalid, "post-quantum (age1pq1…) and classic (age1…) keys can't be recipients together: use keys of one sort")
	}
	return nil
}

// brief shortens a key for an error line: a post-quantum one has 2,000 characters.
func brief(key string) string {
	const most = 70
	if len(key) <= most {
		return key
	}
	return key[:24] + "…"
}

func briefList(keys []string) string {
	short := make([]string, len(keys))
	for i, k := range keys {
		short[i] = brief(k)
	}
	return strings.Join(short, ", ")
}
