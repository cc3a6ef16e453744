package seal

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

func TestCurrentKey(t *testing.T) {
	t.Parallel()
	a, b := classic(t), classic(t)
	locked := keyring(t, Config{Passphrase: "one"})
	of := func(k *Keyring) PointKey {
		key, err := k.NewPointKey()
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	behind := of(locked)
	swapped := behind
	swapped.Recipients = []string{a.public}
	damaged := behind
	damaged.IdentityFile = append([]byte("x"), behind.IdentityFile...)
	for name, c := range map[string]struct {
		keys *Keyring
		key  PointKey
		want bool
	}{
		"same recipients":        {keyring(t, Config{Recipients: []string{a.public}}), of(keyring(t, Config{Identity: a.secret})), true},
		"another recipient":      {keyring(t, Config{Identity: a.secret}), of(keyring(t, Config{Identity: b.secret})), false},
		"none either":            {keyring(t, Config{Unencrypted: true}), PointKey{Scheme: SchemeNone}, true},
		"encrypted before":       {keyring(t, Config{Unencrypted: true}), of(keyring(t, Config{Identity: a.secret})), false},
		"same passphrase":        {keyring(t, Config{Passphrase: "one"}), behind, true},
		"passphrase was changed": {keyring(t, Config{Passphrase: "two", OldPassphrases: []secret.String{"one"}}), behind, false},
		"passphrase before":      {keyring(t, Config{Identity: a.secret, OldPassphrases: []secret.String{"one"}}), behind, false},
		"identity of another":    {locked, swapped, false},
		"damaged":                {locked, damaged, false},
	} {
		if got := c.keys.Current(c.key); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
