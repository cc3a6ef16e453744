package drill

import (
	"slices"
	"time"
)

// SignedOff is a person's decision on a drill.
type SignedOff struct {
	DrillID string `json:"drillId"`
	// Revision is of the record that was signed, Record its SHA-256.
	Revision int    `json:"revision"`
	Record   string `json:"record"`
	// Decision is signed, refused or expired.
	Decision string `json:"decision"`
	Signer   string `json:"signer,omitempty"`
	// Role is that of the signer's key, or RoleAccount.
	Role      string    `json:"role,omitempty"`
	Statement string    `json:"statement,omitempty"`
	At        time.Time `json:"at"`
	CommandLine
}

// RefusedFinding is the ID of the finding that an approver refused to sign a
// drill of a plan. It is closed by the signature of a later drill that passed.
func RefusedFinding(plan string) string { return findingID(plan, codeRefused, "") }

// Admits reports whether the plan lets somebody decide on its drills, beside the
// role that it takes: where it names approvers, only those.
func (s SignOff) Admits(who string) bool {
	return len(s.Approvers) == 0 || slices.Contains(s.Approvers, who)
}

// RoleAccount stands for the role of whoever signs without a key.
const RoleAccount = "account"

// CommandLine says of somebody who acted at the command line what else is known
// of him than the name that he acted under; it is empty for a request to the API.
type CommandLine struct {
	// Account is that of the operating system, as cli:NAME.
	Account string `json:"account,omitempty"`
	// Holds is a key of the API whose token the account has in its configuration.
	Holds string `json:"holds,omitempty"`
}

// Actor is who did something: under the name of a key of the API, or under that
// of an account at the command line, which then stands in Account, too.
type Actor struct {
	Name string
	CommandLine
}

// MayNotSign reports whether the actor can't sign what another one did. They
// have one name; or they acted from one account, and this one does so without a
// key, or with the one that the account has in its configuration. Any other key
// is a person of its own, also where both were used by one account.
func (a Actor) MayNotSign(did Actor) bool {
	switch {
	case a.Name == "" || did.Name == "":
		return false
	case a.Name == did.Name:
		return true
	default:
		return a.Account != "" && a.Account == did.Account && (a.Name == a.Account || a.Name == a.Holds || a.Name == did.Holds)
	}
}

// String is the name, with the account where that is another one.
func (a Actor) String() string {
	if a.Account == "" || a.Account == a.Name {
		return a.Name
	}
	return a.Name + ", used by " + a.Account + ","
}

// Doubts say why a decision may have been that of the person who started the
// drill or did a step of it by hand, though the names differ: one acted from an
// account whose configuration has the other's key, or both from one account.
func Doubts(r Record, s SignedOff) []string {
	type act struct {
		did, by string
		at      CommandLine
	}
	acted := []act{{"started the drill", r.Identity.StartedBy, r.Identity.CommandLine}}
	for _, m := range r.ManualSteps {
		if r.Kind != Tabletop {
			acted = append(acted, act{"did a step by hand", m.By, m.CommandLine})
		}
	}
	var said []string
	for _, a := range acted {
		doubt := ""
		switch {
		case s.Signer == "" || a.by == "":
		case s.Holds == a.by:
			doubt = "The key " + a.by + " " + a.did + ". The account " + s.Account + ", which signed as " + s.Signer + ", has that key in its configuration: these may be one person."
		case a.at.Holds == s.Signer:
			doubt = "The key " + s.Signer + " signed. The account " + a.at.Account + ", which " + a.did + " as " + a.by + ", has that key in its configuration: these may be one person."
		case s.Account != "" && s.Account == a.at.Account:
			doubt = "The account " + s.Account + " " + a.did + " as " + a.by + ", and signed as " + s.Signer + ": that these are two persons rests on the key alone."
		}
		if doubt != "" && !slices.Contains(said, doubt) {
			said = append(said, doubt)
		}
	}
	return said
}

// Decisions of a sign-off.
const (
	DecisionSigned  = "signed"
	DecisionRefused = "refused"
	DecisionExpired = "expired"
)
