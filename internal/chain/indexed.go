package chain

import (
	"context"
	"iter"
	"math/big"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Indexed is what a restored database says about a chain. Its functions are
// called one at a time, never concurrently; their errors end a reconciliation
// and keep their kind.
type Indexed struct {
	// Height is the newest block that the database has taken in.
	Height uint64
	// Hash is the stored hash of the block at Height; empty where there is none.
	Hash string
	// Hashes gives stored hashes of blocks by height: those of the heights asked
	// for, or, where not every block is stored, of the nearest stored block at or
	// below each. Others are left out. Nil means that the database stores none.
	Hashes func(ctx context.Context, heights []uint64) (map[uint64]string, error)
	// Contracts are those whose logs the database stores.
	Contracts []Contract
	// Logs gives the stored logs of a contract in blocks from..to, both included,
	// ordered by block and index. They are taken one by one as the chain's arrive.
	// It is called for one chunk of blocks after the other.
	Logs func(ctx context.Context, contract Contract, from, to uint64) iter.Seq2[LogKey, error]
	// Amounts are balances and total supplies as of Height.
	Amounts []Sample
	// Nonces are what the database would give the accounts' next transactions.
	Nonces []NextNonce
}

// Sample is an amount as the database has it.
type Sample struct {
	Amount
	// Value is in the smallest unit, in decimal digits.
	Value string
}

// NextNonce is the nonce that the database would give an account's next transaction.
type NextNonce struct {
	Account string
	Value   uint64
}

// Options say what a chain is expected to be, and how strictly to judge.
type Options struct {
	// ChainID is the chain's ID (EIP-155).
	ChainID uint64
	// Genesis is the hash of block 0. Empty means that it is not known, which is warned of.
	Genesis string
	// Depth is how far below its head the chain's blocks are final, for nodes that do not say it themselves.
	Depth uint64
	// MaxBehind is the most blocks that the database may be behind the head; zero means any number.
	MaxBehind uint64
	// Chunk is how many blocks' logs are compared at a time; zero means 10,000.
	Chunk uint64
	// NonceAhead is what it means when the chain has transactions of an account that
	// the database doesn't know of: Warn, which empty means, or Fail.
	NonceAhead Outcome
}

// check reads what was handed over, before the node is asked.
func (o *Options) check(in *Indexed) error {
	var err error
	if o.ChainID == 0 {
		return fault.New(fault.Invalid, "say which chain it must be: its ID is missing")
	}
	if o.Genesis != "" {
		if o.Genesis, err = ParseHash(o.Genesis); err != nil {
			return fault.While(err, "read the configured genesis hash")
		}
	}
	if o.NonceAhead == "" {
		o.NonceAhead = Warn
	}
	if o.NonceAhead != Warn && o.NonceAhead != Fail {
		return fault.New(fault.Invalid, "a chain whose nonces are ahead is a %s or a %s, not a %q", Warn, Fail, brief(string(o.NonceAhead)))
	}
	if o.Chunk == 0 {
		o.Chunk = maxSpan
	}
	if in.Hash != "" {
		if in.Hash, err = ParseHash(in.Hash); err != nil {
			return fault.While(err, "read the stored hash of block %d", in.Height)
		}
	}
	return in.check()
}

// check reads what is compared one by one.
func (in *Indexed) check() error {
	if len(in.Contracts) > 0 && in.Logs == nil {
		return fault.New(fault.Invalid, "logs of contracts are to be compared, but nothing reads the stored ones")
	}
	for _, contract := range in.Contracts {
		if _, _, err := contract.filter(); err != nil {
			return fault.While(err, "read the contract whose logs to compare")
		}
	}
	for _, sample := range in.Amounts {
		if _, err := sample.request(nil); err != nil {
			return fault.While(err, "read the %s to compare", sample.item())
		}
		if _, err := decimal(sample.Value); err != nil {
			return fault.While(err, "read the stored %s of %s", sample.item(), sample.subject())
		}
	}
	for _, next := range in.Nonces {
		if _, err := ParseAddress(next.Account); err != nil {
			return fault.While(err, "read the account whose nonce to compare")
		}
	}
	return nil
}

// decimal reads an amount as databases write it: digits, no sign, no fraction.
func decimal(text string) (*big.Int, error) {
	// 256 bits have 78 digits.
	if text == "" || len(text) > 100 || strings.Trim(text, "0123456789") != "" {
		return nil, fault.New(fault.Invalid, "%q is no amount in the smallest unit: it has decimal digits only", brief(text))
	}
	n, _ := new(big.Int).SetString(text, 10)
	return n, nil
}
