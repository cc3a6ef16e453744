package seal

import (
	"encoding/base64"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// Histories are kept for months, and every process must come to the same key:
// neither derivation nor format may change.
func TestPayloadVectors(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		key        secret.String
		id, sealed string
	}{
		"32 bytes":     {"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "1c291f0e8385c83d", "eqo+b4cUfesiWzCD3Ye95sNO2xylZPgr3c5I+rg4QoueinpgOA=="},
		"a passphrase": {"correct horse battery staple", "d2b84af62adf61a2", "BL5xJDhkcPSss/gfNYjKTbH3IUJmlEyQkGFPNWBUEHTzXnmerQ=="},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k, err := NewPayloadKey(v.key)
			if err != nil {
				t.Fatal(err)
			}
			if k.ID() != v.id {
				t.Errorf("the key's name is %s, want %s", k.ID(), v.id)
			}
			sealed, err := base64.StdEncoding.DecodeString(v.sealed)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := k.Open(sealed); err != nil || string(got) != "a payload" {
				t.Errorf("opened %q, %v", got, err)
			}
			for i := range sealed {
				sealed[i] ^= 1
				if _, err := k.Open(sealed); !fault.Is(err, fault.Corrupt) {
					t.Errorf("with byte %d altered: %v, want fault.Corrupt", i, err)
				}
				sealed[i] ^= 1
			}
		})
	}
}

func TestPayloadKeyTooShort(t *testing.T) {
	t.Parallel()
	for _, text := range []secret.String{"", "AAECAw==", "elevenbytes"} {
		if _, err := NewPayloadKey(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("a key of %d bytes gave %v, want fault.Invalid", len(text), err)
		}
	}
}
