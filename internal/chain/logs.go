package chain

import (
	"cmp"
	"context"
	"slices"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// Contract is one whose logs are compared.
type Contract struct {
	Address string `json:"address"`
	// From is the first block of interest, as a rule the one that deployed it.
	From uint64 `json:"from"`
	// Topics are as in eth_getLogs: for each place the values that it may have,
	// where none means any. Empty means all logs.
	Topics [][]string `json:"topics,omitempty"`
}

// LogKey says which log it is: where it stands in the chain, and the transaction that wrote it.
type LogKey struct {
	Block uint64 `json:"block"`
	// Index is the log's place among all logs of its block.
	Index uint64 `json:"index"`
	// TxHash is in any form that ParseHash reads.
	TxHash string `json:"txHash"`
}

// order is the order of logs in a chain.
func (k LogKey) order(other LogKey) int {
	return cmp.Or(cmp.Compare(k.Block, other.Block), cmp.Compare(k.Index, other.Index))
}

type wireLog struct {
	Address         string   `json:"address"`
	BlockNumber     quantity `json:"blockNumber"`
	LogIndex        quantity `json:"logIndex"`
	TransactionHash string   `json:"transactionHash"`
}

func (w *wireLog) key() (k LogKey, err error) {
	for _, err := range []error{
		set(&k.Block)(w.BlockNumber.uint64()),
		set(&k.Index)(w.LogIndex.uint64()),
		set(&k.TxHash)(fromNode(w.TransactionHash, hashBytes, "transaction's hash")),
	} {
		if err != nil {
			return LogKey{}, err
		}
	}
	return k, nil
}

// Logs gives the logs that a contract wrote in the blocks from..to, both
// included, ordered by block and index, in pieces of as many blocks as the node
// answers at a time: where it refuses a range as too large, half of it is asked
// for. Each piece is one call of each, which may have no logs; an error of each
// ends Logs. What is held at a time is one answer of the node, 32 MiB at most.
func (c *Client) Logs(ctx context.Context, contract Contract, from, to uint64, each func([]LogKey) error) error {
	address, topics, err := contract.filter()
	if err != nil {
		return err
	}
	for from <= to {
		span := min(c.span.Load(), to-from+1)
		// A whole range of 64 bits has a size of zero.
		last := from + max(span, 1) - 1
		logs, err := c.logs(ctx, address, topics, from, last)
		if refusedAs(err, tooLarge) && span > 1 {
			c.span.Store(span / 2)
			continue
		}
		if err != nil {
			return fault.While(err, "read the logs of %s in blocks %d to %d", address, from, last)
		}
		if err := each(logs); err != nil {
			return err
		}
		if last == to {
			return nil
		}
		// What one dense stretch made small grows again, slowly, so that a node with a
		// fixed limit refuses one request in seven and not every second one.
		if span == c.span.Load() {
			c.span.Store(min(span+span/8+1, maxSpan))
		}
		from = last + 1
	}
	return nil
}

// filter reads address and topics.
func (contract Contract) filter() (address string, topics []any, err error) {
	address, err = ParseAddress(contract.Address)
	if err != nil {
		return "", nil, err
	}
	topics = make([]any, len(contract.Topics))
	for i, accepted := range contract.Topics {
		if len(accepted) == 0 {
			continue
		}
		values := make([]string, len(accepted))
		for j, v := range accepted {
			if values[j], err = parseFixed(v, hashBytes, "topic"); err != nil {
				return "", nil, err
			}
		}
		topics[i] = values
	}
	return address, topics, nil
}

func (c *Client) logs(ctx context.Context, address string, topics []any, from, to uint64) ([]LogKey, error) {
	filter := map[string]any{"address": address, "fromBlock": toQuantity(from), "toBlock": toQuantity(to)}
	if len(topics) > 0 {
		filter["topics"] = topics
	}
	var wire []wireLog
	if err := c.one(ctx, &wire, methodLogs, filter); err != nil {
		return nil, err
	}
	keys := make([]LogKey, len(wire))
	for i := range wire {
		k, err := wire[i].key()
		if err != nil {
			return nil, err
		}
		by, err := fromNode(wire[i].Address, addressBytes, "contract's address")
		if err != nil {
			return nil, err
		}
		if k.Block < from || k.Block > to || by != address {
			return nil, fault.New(fault.Corrupt, "the node answers a log of %s in block %d", by, k.Block)
		}
		keys[i] = k
	}
	slices.SortFunc(keys, LogKey.order)
	for i := 1; i < len(keys); i++ {
		if keys[i].order(keys[i-1]) == 0 {
			return nil, fault.New(fault.Corrupt, "the node answers log %d of block %d twice", keys[i].Index, keys[i].Block)
		}
	}
	return keys, nil
}
