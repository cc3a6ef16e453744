package chain

import (
	"context"
	"fmt"
	"iter"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// logs compares the logs of every contract.
func (r *reconciliation) logs(ctx context.Context) error {
	for _, contract := range r.in.Contracts {
		if err := r.contract(ctx, contract); err != nil {
			return fault.While(err, "compare the logs of %s", brief(contract.Address))
		}
	}
	return nil
}

func (r *reconciliation) contract(ctx context.Context, contract Contract) error {
	address, err := ParseAddress(contract.Address)
	if err != nil {
		return err
	}
	if r.upTo == nil {
		r.add(ItemLogs, address, "unknown", "unknown", Warn, "not compared: no block is known that both have")
		return nil
	}
	c := &comparison{chain: NewLogDigest(), database: NewLogDigest()}
	for from := contract.From; from <= *r.upTo; {
		last := *r.upTo
		if last-from >= r.o.Chunk {
			last = from + r.o.Chunk - 1
		}
		err := c.chunk(ctx, r, contract, from, last)
		if refusedAs(err, pruned) || refusedAs(err, noMethod) || refusedAs(err, tooLarge) {
			r.add(ItemLogs, address, "unknown", "unknown", Warn,
				fmt.Sprintf("not compared: blocks %d to %d: %s", from, last, fault.Line(err)))
			return nil
		}
		if err != nil {
			return err
		}
		if last == *r.upTo {
			break
		}
		from = last + 1
	}
	outcome, detail := Pass, fmt.Sprintf("blocks %d to %d", contract.From, *r.upTo)
	switch {
	case contract.From > *r.upTo:
		detail = fmt.Sprintf("nothing to compare: the contract's first block is %d, and %d the last to compare", contract.From, *r.upTo)
	case c.differing > 0:
		outcome, detail = Fail, c.String()
	case c.chain.Count() == 0:
		detail += ": no logs on either side"
	}
	r.add(ItemLogs, address, c.chain, c.database, outcome, detail)
	return nil
}

// comparison follows the logs of one contract through chain and database at
// once, as both are in the same order.
type comparison struct {
	chain, database *LogDigest
	// differing counts the chunks that differ, found the logs.
	differing, found uint64
	// first says what the first difference is, and firstFrom and firstTo in which chunk.
	first              string
	firstFrom, firstTo uint64
	// ofChain and ofDatabase are the digests of that chunk.
	ofChain, ofDatabase string
}

// String says where the first difference is: the chunk, and the block in it.
func (c *comparison) String() string {
	return fmt.Sprintf("first in blocks %d to %d (chain %s; database %s), %s; in all %s in %s of blocks",
		c.firstFrom, c.firstTo, c.ofChain, c.ofDatabase, c.first, count(c.found, "difference"), count(c.differing, "range"))
}

// chunk compares the logs of the blocks from..to.
func (c *comparison) chunk(ctx context.Context, r *reconciliation, contract Contract, from, to uint64) error {
	rows := &rows{from: from, to: to}
	var stop func()
	rows.next, stop = iter.Pull2(r.in.Logs(ctx, contract, from, to))
	defer stop()
	if err := rows.advance(); err != nil {
		return err
	}
	before := c.found
	chain, database := NewLogDigest(), NewLogDigest()
	sides := sides{chain: []*LogDigest{c.chain, chain}, database: []*LogDigest{c.database, database}}
	err := r.client.Logs(ctx, contract, from, to, func(logs []LogKey) error {
		for _, log := range logs {
			if err := c.match(rows, log, sides); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for rows.have {
		if err := c.extra(rows, sides); err != nil {
			return err
		}
	}
	if c.found > before {
		if c.differing == 0 {
			c.firstFrom, c.firstTo, c.ofChain, c.ofDatabase = from, to, chain.String(), database.String()
		}
		c.differing++
	}
	return nil
}

// match takes one log of the chain, and the stored ones up to it.
func (c *comparison) match(rows *rows, log LogKey, s sides) error {
	for rows.have && rows.at.order(log) < 0 {
		if err := c.extra(rows, s); err != nil {
			return err
		}
	}
	if err := add(s.chain, log); err != nil {
		return err
	}
	if !rows.have || rows.at.order(log) > 0 {
		c.differ("log %d of block %d (transaction %s) is on the chain and not in the database", log.Index, log.Block, log.TxHash)
		return nil
	}
	if rows.at.TxHash != log.TxHash {
		c.differ("log %d of block %d is of transaction %s on the chain, of %s in the database", log.Index, log.Block, log.TxHash, rows.at.TxHash)
	}
	return c.take(rows, s)
}

// extra takes a stored log that the chain does not have there.
func (c *comparison) extra(rows *rows, s sides) error {
	c.differ("log %d of block %d (transaction %s) is in the database and not, or not again, on the chain",
		rows.at.Index, rows.at.Block, rows.at.TxHash)
	return c.take(rows, s)
}

func (c *comparison) take(rows *rows, s sides) error {
	if err := add(s.database, rows.at); err != nil {
		return err
	}
	return rows.advance()
}

func (c *comparison) differ(format string, args ...any) {
	if c.found == 0 {
		c.first = fmt.Sprintf(format, args...)
	}
	c.found++
}

// sides are the digests that each side's logs go to: of the contract, and of the chunk.
type sides struct{ chain, database []*LogDigest }

func add(digests []*LogDigest, k LogKey) error {
	for _, d := range digests {
		if err := d.Add(k); err != nil {
			return err
		}
	}
	return nil
}

// rows are the stored logs of a chunk, one at a time.
type rows struct {
	next     func() (LogKey, error, bool)
	from, to uint64
	at       LogKey
	have     bool
}

func (s *rows) advance() error {
	at, err, ok := s.next()
	s.have = ok
	if !ok {
		return nil
	}
	if err != nil {
		return fault.While(err, "read the stored logs of blocks %d to %d", s.from, s.to)
	}
	if at.Block < s.from || at.Block > s.to {
		return fault.New(fault.Invalid, "a stored log of block %d was given for blocks %d to %d: select by block number", at.Block, s.from, s.to)
	}
	if at.TxHash, err = ParseHash(at.TxHash); err != nil {
		return fault.While(err, "read the stored log %d of block %d", at.Index, at.Block)
	}
	s.at = at
	return nil
}
