package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

var plain = bytes.Repeat([]byte("a row of data\n"), 20_000)

func encrypt(t testing.TB, recipients []string) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := Encrypt(&out, recipients)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// open reads what a point with this key says of sealed bytes.
func open(k *Keyring, key PointKey, sealed io.Reader) ([]byte, error) {
	o, err := k.Opener(key.Recipients, key.IdentityFile)
	if err != nil {
		return nil, err
	}
	r, err := o.Decrypt(sealed)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	a, b, pq, pq2 := classic(t), classic(t), hybrid(t), hybrid(t)
	cases := map[string]struct{ write, read Config }{
		"identity":         {Config{Identity: a.secret}, Config{Identity: a.secret}},
		"second recipient": {Config{Recipients: []string{a.public, b.public}}, Config{Identity: b.secret}},
		"post-quantum":     {Config{Recipients: []string{pq.public, pq2.public}}, Config{Identity: pq2.secret}},
		"rotated key":      {Config{Identity: a.secret}, Config{Identity: b.secret, Identities: []secret.String{a.secret}}},
		"rotated to PQ":    {Config{Identity: a.secret}, Config{Identity: pq.secret, Identities: []secret.String{a.secret}}},
		"passphrase":       {Config{Passphrase: "correct horse"}, Config{Passphrase: "correct horse"}},
		"old passphrase":   {Config{Passphrase: "correct horse"}, Config{Identity: a.secret, OldPassphrases: []secret.String{"battery", "correct horse"}}},
		"clear":            {Config{Unencrypted: true}, Config{Unencrypted: true}},
		"clear, now keyed": {Config{Unencrypted: true}, Config{Identity: a.secret}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, err := keyring(t, c.write).NewPointKey()
			if err != nil {
				t.Fatal(err)
			}
			sealed := encrypt(t, key.Recipients)
			if clear := bytes.Equal(sealed, plain); clear != c.write.Unencrypted {
				t.Errorf("sealed bytes are the plaintext: %t, want %t", clear, c.write.Unencrypted)
			}
			got, err := open(keyring(t, c.read), key, bytes.NewReader(sealed))
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("opened %d bytes, %v; want the %d that were sealed", len(got), err, len(plain))
			}
			pulled, err := EncryptReader(bytes.NewReader(plain), key.Recipients)
			if err != nil {
				t.Fatal(err)
			}
			got, err = open(keyring(t, c.read), key, pulled)
			if err != nil || !bytes.Equal(got, plain) {
				t.Fatalf("opened %d pulled bytes, %v; want the %d that were sealed", len(got), err, len(plain))
			}
		})
	}
}

func TestWrongKeys(t *testing.T) {
	t.Parallel()
	a, b, pq := classic(t), classic(t), hybrid(t)
	cases := map[string]struct {
		write, read Config
		want        string
	}{
		"another key":         {Config{Identity: a.secret}, Config{Identity: b.secret}, "no configured key opens this point: it was encrypted for " + a.public},
		"of two":              {Config{Recipients: []string{a.public, b.public}}, Config{Passphrase: "p"}, "it was encrypted for " + a.public + ", " + b.public},
		"post-quantum":        {Config{Identity: pq.secret}, Config{Identity: a.secret}, "it was encrypted for " + pq.public[:24] + "…"},
		"public half alone":   {Config{Identity: a.secret}, Config{Recipients: []string{a.public}}, "no configured key opens this point"},
		"wrong passphrase":    {Config{Passphrase: "right"}, Config{Passphrase: "wrong", OldPassphrases: []secret.String{"older"}}, "no configured passphrase opens this point"},
		"no passphrase":       {Config{Passphrase: "right"}, Config{Identity: a.secret}, "set encryption.passphrase or encryption.oldPassphrases"},
		"nothing but a clear": {Config{Identity: a.secret}, Config{Unencrypted: true}, "no configured key opens this point"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key, err := keyring(t, c.write).NewPointKey()
			if err != nil {
				t.Fatal(err)
			}
			_, err = open(keyring(t, c.read), key, bytes.NewReader(encrypt(t, key.Recipients)))
			if !fault.Is(err, fault.Denied) || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v (%s), want denied: …%s…", err, fault.KindOf(err), c.want)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the error has more than one line: %q", err)
			}
		})
	}
}

func TestIdentityFileThatIsNotThePoints(t *testing.T) {
	t.Parallel()
	k := keyring(t, Config{Passphrase: "p"})
	mine, errMine := k.NewPointKey()
	other, errOther := k.NewPointKey()
	if errMine != nil || errOther != nil {
		t.Fatal(errMine, errOther)
	}
	k = keyring(t, Config{Passphrase: "p"})
	recipients, err := k.Unlock(mine.IdentityFile)
	if err != nil || len(recipients) != 1 || recipients[0] != mine.Recipients[0] {
		t.Errorf("the identity file holds %v, %v; want %v", recipients, err, mine.Recipients)
	}
	if work := fmt.Sprintf(" %d\n", scryptWork); !strings.Contains(string(mine.IdentityFile[:80]), work) {
		t.Errorf("the identity file begins with %q, want work factor %d", mine.IdentityFile[:80], scryptWork)
	}
	flipped := bytes.Clone(mine.IdentityFile)
	flipped[len(flipped)-1] ^= 1
	var heavy bytes.Buffer
	r, err := age.NewScryptRecipient("p")
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(scryptMaxWork + 1)
	w, err := age.Encrypt(&heavy, r)
	if err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{
		"of another point": other.IdentityFile,
		"bit flipped":      flipped,
		"cut":              mine.IdentityFile[:len(mine.IdentityFile)-20],
		"cut in header":    mine.IdentityFile[:40],
		"not age":          []byte("AGE-SECRET-KEY-1"),
		"empty":            {},
		"too much work":    heavy.Bytes(),
		"for a key":        encrypt(t, []string{classic(t).public}),
	} {
		_, err := k.Opener(mine.Recipients, file)
		if tooMuch := strings.Contains(fmt.Sprint(err), "work factor too large"); tooMuch != (name == "too much work") {
			t.Errorf("%s: %v", name, err)
		}
		if !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: got %v (%s), want corrupt", name, err, fault.KindOf(err))
		}
	}
}

func TestOpenedFilesAreRememberedInMeasure(t *testing.T) {
	t.Parallel()
	var o openedFiles
	unlocked := 0
	look := func(file byte) {
		ids, err := o.get([]byte{file}, func() ([]identity, error) { unlocked++; return []identity{{public: string(file)}}, nil })
		if err != nil || len(ids) != 1 || ids[0].public != string(file) {
			t.Fatalf("file %d holds %v, %v", file, ids, err)
		}
	}
	for range 3 {
		look(1)
		look(2)
	}
	if unlocked != 2 {
		t.Errorf("two files were unlocked %d times", unlocked)
	}
	o.put([]byte{3}, []identity{{public: "\x03"}})
	look(3)
	if unlocked != 2 {
		t.Error("a file that was put was unlocked")
	}
	for file := range byte(100) {
		look(file)
		if len(o.files) > maxOpened {
			t.Fatalf("%d files are remembered", len(o.files))
		}
	}
	failed := errors.New("wrong")
	for range 2 {
		if _, err := o.get([]byte("x"), func() ([]identity, error) { return nil, failed }); !errors.Is(err, failed) {
			t.Errorf("got %v, want %v each time", err, failed)
		}
	}
}

func TestDecryptDamage(t *testing.T) {
	t.Parallel()
	a, b := classic(t), classic(t)
	o, err := keyring(t, Config{Identity: a.secret}).Opener([]string{a.public}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sealed := encrypt(t, []string{a.public})
	cut := errors.New("connection cut")
	cases := map[string]struct {
		r    io.Reader
		kind fault.Kind
	}{
		"not age":           {strings.NewReader("PGDMP and so on"), fault.Corrupt},
		"empty":             {strings.NewReader(""), fault.Corrupt},
		"header cut":        {bytes.NewReader(sealed[:60]), fault.Corrupt},
		"header bit":        {bytes.NewReader(flip(sealed, 150)), fault.Corrupt},
		"for another key":   {bytes.NewReader(encrypt(t, []string{b.public})), fault.Denied},
		"store unavailable": {io.MultiReader(bytes.NewReader(sealed[:60]), iotest.ErrReader(fault.Wrap(fault.Unavailable, cut, "reading"))), fault.Unavailable},
	}
	for name, c := range cases {
		if _, err := o.Decrypt(c.r); !fault.Is(err, c.kind) {
			t.Errorf("%s: got %v (%s), want %s", name, err, fault.KindOf(err), c.kind)
		}
	}
	for name, body := range map[string][]byte{
		"body cut": sealed[:len(sealed)-100], "body bit": flip(sealed, len(sealed)-100), "more after the end": append(bytes.Clone(sealed), 'x'),
		"cut at a chunk": sealed[:len(sealed)-len(plain)%(64<<10)-16],
	} {
		r, err := o.Decrypt(bytes.NewReader(body))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := io.Copy(io.Discard, r); err == nil {
			t.Errorf("%s: read to the end without an error", name)
		}
	}
}

func flip(data []byte, at int) []byte {
	out := bytes.Clone(data)
	out[at] ^= 1
	return out
}

func TestEncryptRefusesBadRecipients(t *testing.T) {
	t.Parallel()
	for _, recipients := range [][]string{{"age1nonsense"}, {classic(t).public, hybrid(t).public}} {
		if _, err := Encrypt(io.Discard, recipients); !fault.Is(err, fault.Invalid) {
			t.Errorf("Encrypt for %.20q: %v, want invalid", recipients, err)
		}
		if _, err := EncryptReader(strings.NewReader(""), recipients); !fault.Is(err, fault.Invalid) {
			t.Errorf("EncryptReader for %.20q: %v, want invalid", recipients, err)
		}
	}
}
