package seal

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

const signName = "lifeboat-evidence"

func mustSigner(t *testing.T) *Signer {
	t.Helper()
	text, _, err := GenerateSigner(signName)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSigner(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSign(t *testing.T) {
	t.Parallel()
	text, public, err := GenerateSigner(signName)
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewSigner("\n" + text + "\n")
	if err != nil || s.Public() != public || s.Name() != signName {
		t.Fatalf("%+v, %v", s, err)
	}
	message := []byte("lifeboat-evidence\n7\nroot\n")
	signed, err := s.Sign(message)
	if err != nil || !strings.HasPrefix(string(signed), string(message)+"\n— "+signName+" ") {
		t.Fatalf("%q, %v", signed, err)
	}
	again, err := s.Sign(message)
	if err != nil || !bytes.Equal(again, signed) {
		t.Errorf("signed again it is another one: %q, %v", again, err)
	}
	other := mustSigner(t)
	for _, publics := range [][]string{{public}, {other.Public(), public}, {public, public, " " + public + "\n"}} {
		got, by, err := VerifyNote(signed, publics)
		if err != nil || by != public || !bytes.Equal(got, message) {
			t.Errorf("%v: %q by %s, %v", publics, got, by, err)
		}
	}
	for name, c := range map[string]struct {
		signed  string
		publics []string
		kind    fault.Kind
	}{
		"another key":   {string(signed), []string{other.Public()}, fault.Corrupt},
		"another text":  {strings.Replace(string(signed), "7", "8", 1), []string{public}, fault.Corrupt},
		"no signature":  {string(message), []string{public}, fault.Corrupt},
		"no key":        {string(signed), nil, fault.Invalid},
		"a bad key":     {string(signed), []string{"x" + public}, fault.Invalid},
		"a private key": {string(signed), []string{text.Reveal()}, fault.Invalid},
	} {
		if _, _, err := VerifyNote([]byte(c.signed), c.publics); !fault.Is(err, c.kind) || strings.Contains(err.Error(), text.Reveal()[40:]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"", "no newline", "a\ttab\n", "bad \xff\n"} {
		if _, err := s.Sign([]byte(bad)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q was signed: %v", bad, err)
		}
	}
}

func TestBadSigningKeys(t *testing.T) {
	t.Parallel()
	text, public, err := GenerateSigner(signName)
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "x", public, text.Reveal()[:40], strings.Replace(text.Reveal(), signName, "another", 1), text.Reveal() + "AAAA"} {
		_, err := NewSigner(secret.String(bad))
		if !fault.Is(err, fault.Invalid) || len(bad) > 30 && strings.Contains(err.Error(), bad[30:]) {
			t.Errorf("%v", err)
		}
	}
	for _, name := range []string{"", "a b", "a+b", "a\nb", "a\xffb"} {
		_, _, errGenerate := GenerateSigner(name)
		_, errDerive := DeriveSigner(name, "AGE-SECRET-KEY-1KMDLY608H0YUUPZY5VGXA0V68D4STEM5DPT90PJC23YDH9HXUSQSXU5URQ")
		if !fault.Is(errGenerate, fault.Invalid) || !fault.Is(errDerive, fault.Invalid) {
			t.Errorf("%q: %v, %v", name, errGenerate, errDerive)
		}
	}
}

// What is derived must never change: ledgers are signed with it.
func TestDerivedSigners(t *testing.T) {
	t.Parallel()
	const (
		identity   = "AGE-SECRET-KEY-1KMDLY608H0YUUPZY5VGXA0V68D4STEM5DPT90PJC23YDH9HXUSQSXU5URQ"
		passphrase = "correct horse battery staple"

		derivedFromIdentity   = "lifeboat-evidence+6dcc0ac7+Af/36wrxy4bBRfB58cOdl6ZIe/uAOMIDWKc2WkFmxwqo"
		derivedFromPassphrase = "lifeboat-evidence+0f0d0eed+AYumXwJD2zX45QyZtQLQyp2oULENAPsJYQyJI+ChQ2iq"
	)
	for from, want := range map[secret.String]string{
		identity:                              derivedFromIdentity,
		"# a comment\r\n" + identity + "\r\n": derivedFromIdentity,
		passphrase:                            derivedFromPassphrase,
	} {
		s, err := DeriveSigner(signName, from)
		if err != nil || s.Public() != want {
			t.Errorf("%s, %v; want %s", s.Public(), err, want)
		}
	}
	for _, bad := range []secret.String{"", "AGE-SECRET-KEY-1XXX", "# AGE-SECRET-KEY-"} {
		if _, err := DeriveSigner(signName, bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v", err)
		}
	}
	fresh := classic(t).secret
	for name, c := range map[string]struct {
		config Config
		want   []string
	}{
		"an identity":     {Config{Identity: identity}, []string{derivedFromIdentity}},
		"an older one":    {Config{Identity: fresh, Identities: []secret.String{identity}}, []string{"", derivedFromIdentity}},
		"a passphrase":    {Config{Passphrase: passphrase}, []string{derivedFromPassphrase}},
		"both, one older": {Config{Identity: identity, OldPassphrases: []secret.String{passphrase}}, []string{derivedFromIdentity, derivedFromPassphrase}},
	} {
		keys := keyring(t, c.config)
		s, err := keys.EvidenceSigner(signName)
		if err != nil || c.want[0] != "" && s.Public() != c.want[0] {
			t.Errorf("%s: %v, %v", name, s, err)
			continue
		}
		all, err := keys.EvidenceKeys(signName)
		if err != nil || len(all) != len(c.want) || all[0] != s.Public() || all[len(all)-1] != c.want[len(all)-1] {
			t.Errorf("%s: %v, %v", name, all, err)
		}
	}
	keys := keyring(t, Config{Recipients: []string{classic(t).public}})
	if _, err := keys.EvidenceSigner(signName); !fault.Is(err, fault.Missing) {
		t.Errorf("%v", err)
	}
}

// A post-quantum identity signs as well as any.
func TestHybridSigner(t *testing.T) {
	t.Parallel()
	keys := keyring(t, Config{Identity: hybrid(t).secret})
	s, err := keys.EvidenceSigner(signName)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign([]byte("text\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := VerifyNote(signed, []string{s.Public()}); err != nil {
		t.Error(err)
	}
}

func TestSHA256Of(t *testing.T) {
	t.Parallel()
	data := []byte(strings.Repeat("lifeboat", 10_000))
	digits, size, err := SHA256Of(iotest.OneByteReader(bytes.NewReader(data)))
	if err != nil || digits != SHA256(data) || size != int64(len(data)) {
		t.Errorf("%s of %d bytes, %v", digits, size, err)
	}
	broken := errors.New("broken")
	if _, _, err := SHA256Of(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}
