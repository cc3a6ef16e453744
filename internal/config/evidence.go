package config

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// defaultOrigin names a ledger that was given no other name.
const defaultOrigin = "lifeboat-evidence"

// Evidence says where the ledger of evidence is, and by which keys it is signed.
type Evidence struct {
	// Store holds the ledger, Copies are the stores that it is copied to; an
	// empty Store means that of EvidenceStore.
	Store  string   `yaml:"store" json:"store,omitempty"`
	Copies []string `yaml:"copies" json:"copies,omitempty"`
	// Origin names the ledger in its checkpoints; default lifeboat-evidence.
	Origin string `yaml:"origin" json:"origin"`
	// Key signs checkpoints: PRIVATE+KEY+NAME+HASH+BASE64, a private key of a
	// signed note (https://c2sp.org/signed-note). LIFEBOAT_EVIDENCE_KEY overrides it.
	Key secret.String `yaml:"key" json:"key,omitempty"`
	// Trusted are public keys, NAME+HASH+BASE64, that signed earlier checkpoints.
	Trusted []string `yaml:"trusted" json:"trusted,omitempty"`
	// Retain makes every object of the ledger immutable for so long, where the
	// bucket can; 0 for not at all.
	Retain drill.Duration `yaml:"retain" json:"retain,omitempty"`
}

// EvidenceStore is the store that holds the ledger: the one that is configured,
// else that which the first policy by name writes to, else the first store by
// name. It is empty when there is no store.
func (c *Config) EvidenceStore() string {
	if c.Evidence.Store != "" {
		return c.Evidence.Store
	}
	for _, name := range sorted(c.Policies) {
		if s := c.Policies[name].Store; s != "" {
			return s
		}
	}
	for _, name := range sorted(c.Stores) {
		return name
	}
	return ""
}

func (v *validator) evidence() {
	const path = "evidence"
	e, storeName := v.c.Evidence, v.c.EvidenceStore()
	if e.Store != "" || len(e.Copies) > 0 {
		v.destinations(path, path, storeName, e.Copies)
	}
	if storeName == "" && len(v.c.Drills) > 0 {
		v.refuse("drills", "drills leave evidence, and there is no store to keep it in: configure one under stores")
	}
	if !validOrigin(e.Origin) {
		v.refuse(path+".origin", "%s.origin must be 1 to 200 characters without spaces, control characters and \"+\"", path)
	}
	v.evidenceKeys(path, e)
	if e.Retain.Of() > maxLockDays*24*time.Hour {
		v.refuse(path+".retain", "%s.retain must be at most %dd", path, maxLockDays)
	}
	if e.Retain != 0 && v.c.Stores[storeName].Kind == "local" {
		v.refuse(path+".retain", "%s.retain means nothing on the store %q: a folder can't lock objects", path, storeName)
	}
}

// evidenceKeys checks the keys, which all have the ledger's name.
func (v *validator) evidenceKeys(path string, e Evidence) {
	if e.Key != "" {
		signer, err := seal.NewSigner(e.Key)
		if err != nil {
			v.refuse(path+".key", "%s.key: %s", path, err)
		} else if signer.Name() != e.Origin {
			v.refuse(path+".key", "%s.key is named %q, and must have the name of the ledger, %s.origin (%q)", path, signer.Name(), path, e.Origin)
		}
	}
	for i, key := range e.Trusted {
		at := path + ".trusted." + strconv.Itoa(i)
		// The note says nothing; what is wrong with the key is said before that.
		if _, _, err := seal.VerifyNote(nil, []string{key}); fault.Is(err, fault.Invalid) {
			v.refuse(at, "%s must be a public key of the form NAME+HASH+BASE64", at)
		} else if name, _, _ := strings.Cut(strings.TrimSpace(key), "+"); name != e.Origin {
			v.refuse(at, "%s is named %q, and must have the name of the ledger, %s.origin (%q)", at, name, path, e.Origin)
		}
	}
}

// validOrigin reports whether a name can stand in checkpoints and in the names of keys.
func validOrigin(name string) bool {
	return name != "" && len(name) <= 200 && utf8.ValidString(name) && !strings.ContainsFunc(name, func(r rune) bool {
		return r == '+' || unicode.IsSpace(r) || unicode.IsControl(r)
	})
}
