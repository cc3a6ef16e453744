package chain

import (
	"context"
	"fmt"
	"strconv"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// reconciliation is one run of Reconcile.
type reconciliation struct {
	client *Client
	o      Options
	in     Indexed
	result Result
	// anchor is the chain's block whose hash was looked at last; it must still be
	// there when all is compared.
	anchor Block
	// upTo is the highest block to compare logs to; nil compares none.
	upTo *uint64
	// indexed is the chain's block at the indexed height, to compare amounts at;
	// nil where the chain has another one, or none.
	indexed *Block
}

// Reconcile compares what a restored database says about a chain with the
// chain. What differs is an item of the result, not an error; an error says
// that the comparison could not be made, and its kind whether another try helps.
//
// A chain of another ID or genesis ends it at once. A database that is behind
// passes as long as it says what the chain says. One whose stored hash differs
// fails when blocks at or below finality do, or may; above it, the indexer would
// undo them as in any reorganisation, which is a Warn. Logs are compared up to
// the last block that both have, amounts at the indexed block, if both have it.
//
// It reads all logs of the contracts; of these it holds one answer of the node
// at a time (see Client.Logs) and one row of the database. Hashes, amounts and
// nonces are read in batches.
func Reconcile(ctx context.Context, c *Client, o Options, in Indexed) (Result, error) {
	r := &reconciliation{client: c, o: o, in: in}
	if err := r.o.check(&r.in); err != nil {
		return Result{}, err
	}
	r.result.IndexedHeight = in.Height
	same, err := r.identity(ctx)
	if err != nil || !same {
		return r.result, err
	}
	for _, step := range []func(context.Context) error{r.history, r.logs, r.amounts, r.nonces, r.unchanged} {
		if err := step(ctx); err != nil {
			return r.result, err
		}
	}
	return r.result, nil
}

// add notes an item. The detail may be empty.
func (r *reconciliation) add(name, subject string, expected, observed any, result Outcome, detail string) {
	r.result.Items = append(r.result.Items, Item{
		Name: name, Subject: subject, Expected: fmt.Sprint(expected), Observed: fmt.Sprint(observed), Result: result, Detail: detail,
	})
}

// identity compares chain ID and genesis, and reports whether it is the chain that was meant.
func (r *reconciliation) identity(ctx context.Context) (bool, error) {
	id, err := r.client.ChainID(ctx)
	if err != nil {
		return false, err
	}
	if id != r.o.ChainID {
		r.add(ItemChainID, "", r.o.ChainID, id, Fail, "the node is of another chain: nothing else was compared")
		return false, nil
	}
	r.add(ItemChainID, "", r.o.ChainID, id, Pass, "")
	genesis, err := r.client.Block(ctx, 0)
	if err != nil {
		return false, fault.While(err, "read the genesis block")
	}
	switch r.o.Genesis {
	case "":
		r.add(ItemGenesis, "", "unknown", genesis.Hash, Warn, "no genesis hash is configured: chains may share an ID, so configure this one if it is right")
	case genesis.Hash:
		r.add(ItemGenesis, "", r.o.Genesis, genesis.Hash, Pass, "")
	default:
		r.add(ItemGenesis, "", r.o.Genesis, genesis.Hash, Fail, "the node is of another chain with the same ID: nothing else was compared")
		return false, nil
	}
	return true, nil
}

// heights compares the indexed height with the head and with what is final.
// Ahead says what it means if the database is ahead.
func (r *reconciliation) heights(ahead string) {
	head, height, final := r.result.Head.Number, r.in.Height, r.result.Finality
	expected := "at most the head, " + strconv.FormatUint(head, 10)
	switch {
	case height > head:
		r.add(ItemHeight, "", expected, height, Fail, fmt.Sprintf("the database is %s ahead of the node: %s", blocks(height-head), ahead))
	case r.o.MaxBehind > 0 && head-height > r.o.MaxBehind:
		r.add(ItemHeight, "", expected, height, Fail,
			fmt.Sprintf("the database is %s behind; %d are allowed", blocks(head-height), r.o.MaxBehind))
	default:
		r.add(ItemHeight, "", expected, height, Pass, "the database is "+blocks(head-height)+" behind the head")
	}
	source := "as the node says"
	if final.ByDepth {
		source = "by a depth of " + blocks(r.o.Depth) + ", as the node does not say"
	}
	detail := "all that is indexed is final, " + source
	if height > final.Height {
		detail = blocks(height-final.Height) + " of what is indexed may still be reorganised; final is " +
			strconv.FormatUint(final.Height, 10) + ", " + source
	}
	r.add(ItemFinality, "", "final up to "+strconv.FormatUint(final.Height, 10), height, Pass, detail)
}

// unchanged makes sure that the chain was not reorganised meanwhile.
func (r *reconciliation) unchanged(ctx context.Context) error {
	b, err := r.client.Block(ctx, r.anchor.Number)
	if err == nil && b.Hash == r.anchor.Hash {
		return nil
	}
	if err != nil && !fault.Is(err, fault.Missing) {
		return err
	}
	return fault.New(fault.Unavailable, "the chain was reorganised at block %d while it was compared: compare again", r.anchor.Number)
}

// count is a number of things in words.
func count(n uint64, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.FormatUint(n, 10) + " " + thing + "s"
}

func blocks(n uint64) string { return count(n, "block") }
