package drill

import (
	"strings"
	"testing"
)

const root = "cli:root"

func TestWhoMayBeOnePerson(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		a, b Actor
		same bool
	}{
		"one key by two routes":             {Actor{Name: "ann"}, Actor{"ann", root}, true},
		"two keys":                          {Actor{Name: "ann"}, Actor{Name: "bea"}, false},
		"two keys at one account":           {Actor{"ann", root}, Actor{"bea", root}, false},
		"one account":                       {Actor{root, root}, Actor{root, root}, true},
		"an account, and a key used by it":  {Actor{root, root}, Actor{"bea", root}, true},
		"two accounts":                      {Actor{root, root}, Actor{"cli:ops", "cli:ops"}, false},
		"an account, and a key of another":  {Actor{root, root}, Actor{"bea", "cli:ops"}, false},
		"an account, and a key by the API":  {Actor{root, root}, Actor{Name: "admin"}, false},
		"nobody, as a schedule starts":      {Actor{}, Actor{root, root}, false},
		"a policy":                          {Actor{Name: "policy nightly"}, Actor{root, root}, false},
		"nobody is not another who is none": {Actor{}, Actor{}, false},
	} {
		if c.a.MayBe(c.b) != c.same || c.b.MayBe(c.a) != c.same {
			t.Errorf("%s: want %v", name, c.same)
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
		"two keys, one account":             {Quarterly, "ann", "bea", at(root, ""), at(root, ""), "rests on the keys"},
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
