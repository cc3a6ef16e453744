package drill

import (
	"strings"
	"testing"
)

const root = "cli:root"

func TestWhoMayNotSign(t *testing.T) {
	t.Parallel()
	by := func(name, account string) Actor { return Actor{name, CommandLine{Account: account}} }
	holding := func(name, account, key string) Actor { return Actor{name, CommandLine{account, key}} }
	for name, c := range map[string]struct {
		did, signer Actor
		refused     bool
	}{
		"one key by two routes":               {by("ann", root), by("ann", ""), true},
		"two keys":                            {by("ann", ""), by("bea", ""), false},
		"two keys at one account":             {by("ann", root), by("bea", root), false},
		"one account":                         {by(root, root), by(root, root), true},
		"an account after its key":            {by("ann", root), by(root, root), true},
		"another's key at the account":        {by(root, root), by("bea", root), false},
		"the key that the account has":        {by(root, root), holding("admin", root, "admin"), true},
		"the key that the account had":        {holding(root, root, "admin"), by("admin", root), true},
		"that key after another's":            {holding("ann", root, "admin"), holding("admin", root, "admin"), true},
		"another's key after that key":        {holding("admin", root, "admin"), holding("bea", root, "admin"), false},
		"two accounts":                        {by(root, root), by("cli:ops", "cli:ops"), false},
		"the account of the host after a key": {by("admin", ""), holding(root, root, "admin"), false},
		"a key by the API after an account":   {holding(root, root, "admin"), by("admin", ""), false},
		"an account after a schedule":         {Actor{}, by(root, root), false},
		"an account after a policy":           {by("policy nightly", ""), by(root, root), false},
		"nobody is the same as nobody else":   {Actor{}, Actor{}, false},
	} {
		if c.signer.MayNotSign(c.did) != c.refused {
			t.Errorf("%s: want %v", name, c.refused)
		}
	}
}

func TestDoubtsOfASignature(t *testing.T) {
	t.Parallel()
	at := func(account, holds string) CommandLine { return CommandLine{account, holds} }
	for name, c := range map[string]struct {
		kind, by, signer string
		start, sign      CommandLine
		want             string
	}{
		"by the API, by two keys":           {Quarterly, "ann", "bea", at("", ""), at("", ""), ""},
		"by a schedule":                     {Quarterly, "", root, at("", ""), at(root, "admin"), ""},
		"the host's account has the key":    {Quarterly, "admin", root, at("", ""), at(root, "admin"), "The key admin started the drill. The account cli:root, which signed"},
		"the key is that of who started it": {Quarterly, root, "admin", at(root, "admin"), at("", ""), "The key admin signed. The account cli:root, which started the drill"},
		"two keys, one account":             {Quarterly, "ann", "bea", at(root, ""), at(root, ""), "rests on the key alone"},
		"an account, and another's key":     {Quarterly, root, "bea", at(root, "admin"), at(root, "admin"), "rests on the key alone"},
		"nobody signed":                     {Quarterly, root, "", at(root, "admin"), at("", ""), ""},
	} {
		r := Record{Kind: c.kind, Identity: Identity{StartedBy: c.by, CommandLine: c.start}}
		got := Doubts(r, SignedOff{Signer: c.signer, CommandLine: c.sign})
		if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)) {
			t.Errorf("%s: %q", name, got)
		}
		// The same holds of a step by hand, but not of one of a tabletop.
		r.Identity, r.ManualSteps = Identity{}, []ManualStep{{By: c.by, CommandLine: c.start}, {By: c.by, CommandLine: c.start}}
		if got := Doubts(r, SignedOff{Signer: c.signer, CommandLine: c.sign}); (len(got) == 1) != (c.want != "") {
			t.Errorf("%s, by hand: %q", name, got)
		}
		r.Kind = Tabletop
		if got := Doubts(r, SignedOff{Signer: c.signer, CommandLine: c.sign}); len(got) > 0 {
			t.Errorf("%s, at a table: %q", name, got)
		}
	}
}
