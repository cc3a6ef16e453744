package chain

import (
	"fmt"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Outcome is what one comparison came to.
type Outcome string

// The outcomes. A Warn needs somebody's attention and does not speak against
// the database: an ordinary reorganisation, nonces, what could not be compared.
const (
	Pass Outcome = "pass"
	Warn Outcome = "warn"
	Fail Outcome = "fail"
)

// The names of items, in the order in which they come.
const (
	ItemChainID      = "chain-id"
	ItemGenesis      = "genesis"
	ItemHeight       = "indexed-height"
	ItemFinality     = "finality"
	ItemHash         = "block-hash"
	ItemStoredHashes = "stored-hashes"
	ItemLogs         = "logs"
	ItemBalance      = "balance"
	ItemTotalSupply  = "total-supply"
	ItemNonce        = "nonce"
)

// Item is one comparison.
type Item struct {
	Name string `json:"name"`
	// Subject is what of many was compared: a contract, an account.
	Subject string `json:"subject,omitempty"`
	// Expected is what the configuration or the chain says, Observed what the
	// database says or, of chain ID and genesis, the node.
	Expected string  `json:"expected"`
	Observed string  `json:"observed"`
	Result   Outcome `json:"result"`
	// Detail says in a sentence what that means, where it needs saying.
	Detail string `json:"detail,omitempty"`
}

// Result is what a reconciliation found.
type Result struct {
	Items []Item `json:"items"`
	// Head is the node's newest block, Finality its newest final one.
	Head     Block    `json:"head"`
	Finality Finality `json:"finality"`
	// IndexedHeight is the database's newest block; Behind is how far below the head it is.
	IndexedHeight uint64 `json:"indexedHeight"`
	Behind        uint64 `json:"behind"`
	// LastAgreed is the highest block whose stored hash was seen to be the chain's;
	// FirstDivergent the lowest one whose was seen not to be. They are neighbours
	// unless hashes of blocks between them are not stored.
	LastAgreed     *uint64 `json:"lastAgreed,omitempty"`
	FirstDivergent *uint64 `json:"firstDivergent,omitempty"`
}

// Outcome is the worst one of all items.
func (r Result) Outcome() Outcome {
	worst := Pass
	for _, item := range r.Items {
		switch item.Result {
		case Fail:
			return Fail
		case Warn:
			worst = Warn
		case Pass:
		}
	}
	return worst
}

// Err is nil unless an item failed, and then a fault.Mismatch that says which, and why.
func (r Result) Err() error {
	var failed []string
	for _, item := range r.Items {
		if item.Result == Fail {
			failed = append(failed, item.String())
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return fault.New(fault.Mismatch, "the database and the chain differ: %s", strings.Join(failed, "; "))
}

// String is an item in one line.
func (i Item) String() string {
	name := i.Name
	if i.Subject != "" {
		name += " of " + i.Subject
	}
	text := fmt.Sprintf("%s: expected %s, observed %s", name, i.Expected, i.Observed)
	if i.Detail != "" {
		text += " (" + i.Detail + ")"
	}
	return text
}
