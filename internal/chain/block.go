package chain

import (
	"context"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Tags of blocks, as the execution API names them.
const (
	latest    = "latest"
	finalized = "finalized"
	pending   = "pending"
)

// Block is what is kept of a block's header.
type Block struct {
	Number uint64 `json:"number"`
	// Hash and Parent are in lower case, after 0x.
	Hash   string `json:"hash"`
	Parent string `json:"parent"`
	// Time is zero on chains that count it in other units than seconds.
	Time time.Time `json:"time,omitzero"`
}

// year10000 is when the times end that RFC 3339 can write, in Unix seconds.
const year10000 = 253_402_300_800

type wireBlock struct {
	Number     quantity `json:"number"`
	Hash       string   `json:"hash"`
	ParentHash string   `json:"parentHash"`
	Timestamp  quantity `json:"timestamp"`
}

func (w *wireBlock) block() (b Block, err error) {
	var seconds uint64
	for _, err := range []error{
		set(&b.Number)(w.Number.uint64()),
		set(&b.Hash)(fromNode(w.Hash, hashBytes, "block's hash")),
		set(&b.Parent)(fromNode(w.ParentHash, hashBytes, "parent's hash")),
		set(&seconds)(w.Timestamp.uint64()),
	} {
		if err != nil {
			return Block{}, err
		}
	}
	if seconds < year10000 {
		b.Time = time.Unix(int64(seconds), 0).UTC()
	}
	return b, nil
}

// set stores the value of a call that gives a value and an error.
func set[T any](to *T) func(T, error) error {
	return func(v T, err error) error {
		*to = v
		return err
	}
}

// ChainID is the chain's ID (EIP-155).
func (c *Client) ChainID(ctx context.Context) (uint64, error) {
	var q quantity
	if err := c.one(ctx, &q, "eth_chainId"); err != nil {
		return 0, fault.While(err, "read the chain's ID")
	}
	id, err := q.uint64()
	return id, fault.While(err, "read the chain's ID")
}

// Head is the newest block that the node has.
func (c *Client) Head(ctx context.Context) (Block, error) {
	b, err := c.tagged(ctx, latest)
	return b, fault.While(err, "read the chain's head")
}

// Block is the block of a number. One that the node does not have is fault.Missing.
func (c *Client) Block(ctx context.Context, number uint64) (Block, error) {
	blocks, err := c.Blocks(ctx, []uint64{number})
	if err != nil {
		return Block{}, err
	}
	b, ok := blocks[number]
	if !ok {
		return Block{}, fault.New(fault.Missing, "the node does not have block %d", number)
	}
	return b, nil
}

func (c *Client) tagged(ctx context.Context, tag string) (Block, error) {
	var w *wireBlock
	if err := c.one(ctx, &w, methodBlock, tag, false); err != nil {
		return Block{}, err
	}
	if w == nil {
		return Block{}, fault.New(fault.Missing, "the node knows no %s block", tag)
	}
	return w.block()
}

const (
	methodBlock = "eth_getBlockByNumber"
	methodLogs  = "eth_getLogs"
)

// Blocks are the blocks of the numbers, without those that the node does not
// have: not yet, or no longer.
func (c *Client) Blocks(ctx context.Context, numbers []uint64) (map[uint64]Block, error) {
	requests := make([]request, len(numbers))
	for i, n := range numbers {
		requests[i] = request{methodBlock, []any{toQuantity(n), false}}
	}
	answers, err := c.ask(ctx, requests)
	if err != nil {
		return nil, fault.While(err, "read %d blocks", len(numbers))
	}
	blocks := make(map[uint64]Block, len(numbers))
	for i, a := range answers {
		b, ok, err := a.block()
		if err != nil {
			return nil, fault.While(err, "read block %d", numbers[i])
		}
		if !ok {
			continue
		}
		if b.Number != numbers[i] {
			return nil, fault.New(fault.Corrupt, "the node answers block %d for block %d", b.Number, numbers[i])
		}
		blocks[b.Number] = b
	}
	return blocks, nil
}

func (a answer) block() (b Block, ok bool, err error) {
	if refusedAs(a.err, pruned) {
		return Block{}, false, nil
	}
	var w *wireBlock
	if err := a.into(&w, methodBlock); err != nil || w == nil {
		return Block{}, false, err
	}
	b, err = w.block()
	return b, err == nil, err
}

// Finality is the newest block that the chain will not take back.
type Finality struct {
	Height uint64 `json:"height"`
	// ByDepth is true where the node does not know of finality, and the depth below the head was taken.
	ByDepth bool `json:"byDepth"`
}

// Finalized is the newest finalised block as the node says. A node that does
// not know — Besu answers error -39001, geth -32000 before its first finalised
// block, reth null — is taken to have final blocks depth below its head; zero
// means that the head is final, as it is with QBFT.
func (c *Client) Finalized(ctx context.Context, depth uint64) (Finality, error) {
	answers, err := c.ask(ctx, []request{
		{methodBlock, []any{finalized, false}}, {methodBlock, []any{latest, false}},
	})
	if err != nil {
		return Finality{}, fault.While(err, "read the finalised block")
	}
	// The head says whether the node answers at all: what the other request then
	// got, other than a block, is its way of not knowing.
	head, ok, err := answers[1].block()
	switch {
	case err != nil:
		return Finality{}, fault.While(err, "read the chain's head")
	case !ok:
		return Finality{}, fault.New(fault.Unavailable, "the node has no block yet")
	}
	final, ok, err := answers[0].block()
	switch {
	case ok:
		return Finality{Height: final.Number}, nil
	case err != nil && !unknownTag(err):
		return Finality{}, fault.While(err, "read the finalised block")
	}
	return Finality{Height: head.Number - min(depth, head.Number), ByDepth: true}, nil
}
