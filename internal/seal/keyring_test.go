package seal

import (
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// keyPair is a fresh key, as it stands in a configuration.
type keyPair struct {
	public string
	secret secret.String
}

func classic(t testing.TB) keyPair {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{key.Recipient().String(), secret.String(key.String())}
}

func hybrid(t testing.TB) keyPair {
	t.Helper()
	key, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	return keyPair{key.Recipient().String(), secret.String(key.String())}
}

func keyring(t testing.TB, c Config) *Keyring {
	t.Helper()
	k, err := NewKeyring(c)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestNewKeyringRefuses(t *testing.T) {
	t.Parallel()
	a, b, pq := classic(t), classic(t), hybrid(t)
	cases := map[string]struct {
		config Config
		want   string
	}{
		"nothing at all":            {Config{}, "no encryption is configured"},
		"old keys alone":            {Config{Identities: []secret.String{a.secret}}, "no encryption is configured"},
		"clear and recipients":      {Config{Unencrypted: true, Recipients: []string{a.public}}, "contradicts"},
		"clear and identity":        {Config{Unencrypted: true, Identity: a.secret}, "contradicts"},
		"clear and passphrase":      {Config{Unencrypted: true, Passphrase: "p"}, "contradicts"},
		"recipients and passphrase": {Config{Recipients: []string{a.public}, Passphrase: "p"}, "choose one"},
		"identity of another":       {Config{Recipients: []string{a.public}, Identity: b.secret}, "opens none of"},
		"mixed sorts":               {Config{Recipients: []string{a.public, pq.public}}, "can't be recipients together"},
		"mixed sorts derived":       {Config{Identity: a.secret + "\n" + pq.secret}, "name the ones to use"},
		"secret key as recipient":   {Config{Recipients: []string{a.secret.Reveal()}}, "is a secret key"},
		"garbage recipient":         {Config{Recipients: []string{"ssh-ed25519 AAAA"}}, "encryption.recipients[0]"},
		"recipient with typo":       {Config{Recipients: []string{a.public[:len(a.public)-1] + "b1"}}, "not an age public key"},
		"empty recipient":           {Config{Recipients: []string{""}}, "not an age public key"},
		"garbage identity":          {Config{Identity: "# mine\nAGE-SECRET-KEY-1QQQQ"}, "encryption.identity, line 2"},
		"comment-only identity":     {Config{Identity: "# nothing\n\n"}, "holds no age secret key"},
		"garbage older identity":    {Config{Identity: a.secret, Identities: []secret.String{b.secret, "hunter2"}}, "encryption.identities[1], line 1"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := NewKeyring(c.config)
			if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %q (%s), want an invalid config: …%s…", err, fault.KindOf(err), c.want)
			}
			for _, s := range []string{a.secret.Reveal(), b.secret.Reveal(), "hunter2", "QQQQ"} {
				if strings.Contains(err.Error(), s) {
					t.Errorf("the error shows a secret: %s", err)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has more than one line: %q", err)
			}
		})
	}
}

func TestRecipientsAreDerivedFromIdentityFile(t *testing.T) {
	t.Parallel()
	a, b := classic(t), classic(t)
	text := secret.String("# created: today\r\n# public key: x\r\n" + a.secret.Reveal() + "\r\n\r\n  " + b.secret.Reveal() + "  \n")
	key, err := keyring(t, Config{Identity: text}).NewPointKey()
	if err != nil {
		t.Fatal(err)
	}
	if len(key.Recipients) != 2 || key.Recipients[0] != a.public || key.Recipients[1] != b.public {
		t.Errorf("recipients = %v, want %s and %s", key.Recipients, a.public, b.public)
	}
	if key.Scheme != SchemeAge || key.IdentityFile != nil {
		t.Errorf("scheme %s with identity file %q, want age and none", key.Scheme, key.IdentityFile)
	}
}

func TestRepeatedRecipientsCountOnce(t *testing.T) {
	t.Parallel()
	a := classic(t)
	key, err := keyring(t, Config{Recipients: []string{a.public, " " + a.public + "\n"}}).NewPointKey()
	if err != nil || len(key.Recipients) != 1 {
		t.Errorf("recipients = %v, %v; want one", key.Recipients, err)
	}
}
