package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// signingKey makes a key to sign evidence with, and its public half.
func signingKey(t *testing.T, name string) (private, public string) {
	t.Helper()
	text, public, err := seal.GenerateSigner(name)
	if err != nil {
		t.Fatal(err)
	}
	return text.Reveal(), public
}

func TestEvidenceStore(t *testing.T) {
	t.Parallel()
	stores := map[string]store.Config{"a": {}, "b": {}, "c": {}}
	policies := map[string]Policy{"x": {Surface: "main"}, "y": {Surface: "main", Store: "c"}, "z": {Surface: "main", Store: "b"}}
	for want, c := range map[string]*Config{
		"":  {},
		"a": {Stores: stores},
		"c": {Stores: stores, Policies: policies},
		"b": {Stores: stores, Policies: policies, Evidence: Evidence{Store: "b"}},
	} {
		if got := c.EvidenceStore(); got != want {
			t.Errorf("the ledger is on %q, want %q", got, want)
		}
	}
}

func TestEvidenceKeyOfTheEnvironment(t *testing.T) {
	t.Parallel()
	key, _ := signingKey(t, defaultOrigin)
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := usable + "evidence: {key: hush-hush}\n"
	for _, variable := range []string{"LIFEBOAT_EVIDENCE_KEY=" + key, "LIFEBOAT_EVIDENCE_KEY_FILE=" + file} {
		c, err := Load(write(t, text), []string{variable})
		if err != nil {
			t.Fatal(err)
		}
		if c.Evidence.Key.Reveal() != key {
			t.Errorf("%s is not the key", strings.SplitN(variable, "=", 2)[0])
		}
	}
	// It counts without a file, too, and is refused under its own name.
	if c, err := Load("", []string{"LIFEBOAT_EVIDENCE_KEY=" + key}); err != nil || c.Evidence.Key.Reveal() != key {
		t.Errorf("without a file: %v", err)
	}
	if _, err := Load("", []string{"LIFEBOAT_EVIDENCE_KEY=hush"}); err == nil ||
		!strings.HasPrefix(err.Error(), "LIFEBOAT_EVIDENCE_KEY: evidence.key: the key to sign with is malformed") || strings.Contains(err.Error(), "hush") {
		t.Errorf("a malformed key: %v", err)
	}
}

func TestBadEvidence(t *testing.T) {
	t.Parallel()
	private, public := signingKey(t, "another")
	for name, c := range map[string]struct{ evidence, want string }{
		"unknown field":    {"{stoer: disk}", `10: unknown key "stoer" in evidence; known are copies, key, origin, retain, store, trusted`},
		"store":            {"{store: tape}", `10: evidence.store "tape" is not among the stores (disk, primary)`},
		"copy":             {"{copies: [tape]}", `10: evidence.copies: "tape" is not among the stores (disk, primary)`},
		"copy to itself":   {"{copies: [primary]}", `10: evidence.copies: "primary" is the evidence's store already`},
		"copied twice":     {"{copies: [disk, disk]}", `10: evidence.copies: "disk" is there twice`},
		"no origin":        {"{origin: ''}", `10: evidence.origin must be 1 to 200 characters without spaces`},
		"origin":           {"{origin: our ledger}", `10: evidence.origin must be 1 to 200 characters without spaces`},
		"origin of a key":  {"{origin: a+b}", `10: evidence.origin must be 1 to 200 characters without spaces`},
		"key":              {"{key: hush-hush}", `10: evidence.key: the key to sign with is malformed`},
		"key's name":       {"{key: " + private + "}", `10: evidence.key is named "another", and must have the name of the ledger, evidence.origin ("lifeboat-evidence")`},
		"trusted":          {"{trusted: [another+1234]}", `10: evidence.trusted.0 must be a public key of the form NAME+HASH+BASE64`},
		"a trusted secret": {"{origin: another, trusted: [" + private + "]}", `10: evidence.trusted.0 must be a public key`},
		"trusted name":     {"{trusted: [" + public + "]}", `10: evidence.trusted.0 is named "another", and must have the name of the ledger`},
		"retain":           {"{retain: long}", `10: evidence.retain must be a duration such as 30m, 1h30m or 14d`},
		"for ever":         {"{retain: 1000000h}", `10: evidence.retain must be at most 36525d`},
		"locked folder":    {"{store: disk, retain: 400d}", `10: evidence.retain means nothing on the store "disk": a folder can't lock objects`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			refused(t, usable+"evidence: "+c.evidence+"\n", c.want)
			if _, err := Load(write(t, usable+"evidence: "+c.evidence+"\n"), nil); strings.Contains(err.Error(), private) {
				t.Error("the private key is in the message")
			}
		})
	}
	refused(t, "drills: {talk: {kind: tabletop, steps: [a]}}\n", `1: drills leave evidence, and there is no store to keep it in`)
}
