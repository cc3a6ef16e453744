package reconcile

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/lifeboat-dr/lifeboat/internal/chain"
	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	// defaultDepth is how many blocks below the head count as final where the node does not say.
	defaultDepth = 64
	// mostSamples bounds the rows of balances, supplies and nonces: each costs the node a request.
	mostSamples = 100_000
)

// itemBehind compares how far the index is behind what is final with the plan's maxBehind.
const itemBehind = "behind-final"

// chain compares what the restored database has indexed with the chain. All of
// its queries see one state of the database. It takes values in these forms:
//
//   - heights, log indexes and nonces of any integer or numeric type;
//   - hashes and addresses as bytea, or as text with or without 0x, in any case;
//   - amounts in the smallest unit, as numeric, an integer, decimal or 0x-prefixed
//     text, or bytea (big-endian); a fraction must be zero.
func (r *Runner) chain(ctx context.Context, rec drill.Reconcile, found *tally) error {
	server, ok := r.Servers[rec.Surface]
	if !ok {
		return notRestored(rec.Surface)
	}
	if server.Kind != kindPostgres {
		return fault.New(fault.Unsupported, "surface %s is of kind %s: an index of a chain is read from postgres", rec.Surface, server.Kind)
	}
	node, err := chain.Dial(chain.Config{URL: rec.Chain.URL})
	if err != nil {
		return err
	}
	defer node.Close()
	s, err := connectPostgres(ctx, server.URL)
	if err != nil {
		return fault.While(err, "connect to %s", rec.Surface)
	}
	defer s.close()
	in, err := (&index{session: s, plan: rec.Chain}).read(ctx)
	if err != nil {
		return err
	}
	options, err := chainOptions(rec.Chain)
	if err != nil {
		return err
	}
	result, err := chain.Reconcile(ctx, node, options, in)
	for i, item := range result.Items {
		found.add(int64(i), drill.Item{
			Name: item.Name, Subject: item.Subject, Expected: item.Expected, Observed: item.Observed,
			Result: string(item.Result), Detail: item.Detail,
		})
	}
	if err != nil {
		return err
	}
	summarise(rec.Chain, result, found)
	return nil
}

func chainOptions(c *drill.Chain) (chain.Options, error) {
	id, err := strconv.ParseUint(c.ChainID, 10, 64)
	if err != nil {
		return chain.Options{}, fault.New(fault.Invalid, "chain.chainId %q is no number", c.ChainID)
	}
	depth := c.Depth
	if depth == 0 {
		depth = defaultDepth
	}
	return chain.Options{ChainID: id, Genesis: c.Genesis, Depth: uint64(max(depth, 0)), NonceAhead: chain.Outcome(c.NonceAhead)}, nil
}

// summarise says how far the index is, and where it left the chain.
func summarise(c *drill.Chain, result chain.Result, found *tally) {
	if result.Head.Hash == "" {
		// It was another chain, of which nothing more was asked.
		return
	}
	found.say("indexed up to block %d, %d behind the head, %d final", result.IndexedHeight, result.Behind, result.Finality.Height)
	if result.FirstDivergent != nil {
		found.say("the first divergent block is %d", *result.FirstDivergent)
	}
	if c.MaxBehind <= 0 {
		return
	}
	behind := result.Finality.Height - min(result.IndexedHeight, result.Finality.Height)
	item := drill.Item{
		Name: itemBehind, Expected: fmt.Sprintf("at most %d blocks", c.MaxBehind), Observed: fmt.Sprintf("%d blocks", behind), Result: drill.Pass,
	}
	if behind > uint64(c.MaxBehind) {
		item.Result = drill.Fail
		item.Detail = fmt.Sprintf("the index is %d blocks behind the final height %d", behind, result.Finality.Height)
	}
	found.add(int64(len(result.Items)), item)
}

// index is what a restored database knows of a chain, by the plan's queries.
type index struct {
	session *session
	plan    *drill.Chain
}

func (x *index) read(ctx context.Context) (in chain.Indexed, err error) {
	if in.Height, in.Hash, err = x.height(ctx); err != nil {
		return in, err
	}
	if x.plan.Hashes != "" {
		in.Hashes = x.hashes
	}
	for _, contract := range x.plan.Contracts {
		in.Contracts = append(in.Contracts, chain.Contract{Address: contract.Address, From: uint64(max(contract.From, 0))})
	}
	in.Logs = x.logs
	if in.Amounts, err = x.amounts(ctx); err != nil {
		return in, err
	}
	in.Nonces, err = x.nonces(ctx)
	return in, err
}

func (x *index) height(ctx context.Context) (height uint64, hash string, err error) {
	count := 0
	err = x.each(ctx, "height", x.plan.Height, 1, 2, nil, func(row [][]byte) error {
		if count++; count > 1 {
			return errors.New("it answers more than one row")
		}
		if row[0] == nil {
			return errors.New("it answers NULL: the database has indexed nothing")
		}
		if len(row) == 2 {
			hash = string(row[1])
		}
		height, err = number64(row[0])
		return err
	})
	if err == nil && count == 0 {
		err = fault.New(fault.Invalid, "chain.height answers no row: the database has indexed nothing")
	}
	return height, hash, err
}

func (x *index) hashes(ctx context.Context, heights []uint64) (map[uint64]string, error) {
	texts := make([]string, len(heights))
	for i, height := range heights {
		texts[i] = strconv.FormatUint(height, 10)
	}
	stored := make(map[uint64]string, len(heights))
	list := argument{"{" + strings.Join(texts, ",") + "}", pgtype.Int8ArrayOID}
	err := x.each(ctx, "hashes", x.plan.Hashes, 2, 2, []argument{list}, func(row [][]byte) error {
		height, err := number64(row[0])
		if err == nil && row[1] != nil {
			stored[height] = string(row[1])
		}
		return err
	})
	return stored, err
}

// logs reads the stored logs of one contract. The query gets the address as the plan has it.
func (x *index) logs(ctx context.Context, of chain.Contract, from, to uint64) iter.Seq2[chain.LogKey, error] {
	return func(yield func(chain.LogKey, error) bool) {
		for i, contract := range x.plan.Contracts {
			if contract.Address != of.Address {
				continue
			}
			arguments := []argument{
				{contract.Address, pgtype.TextOID},
				{strconv.FormatUint(from, 10), pgtype.Int8OID}, {strconv.FormatUint(to, 10), pgtype.Int8OID},
			}
			err := x.each(ctx, fmt.Sprintf("contracts[%d].logs", i), contract.Logs, 3, 3, arguments, func(row [][]byte) error {
				key, err := logKey(row)
				if err == nil && !yield(key, nil) {
					return errStopped
				}
				return err
			})
			if err != nil && !errors.Is(err, errStopped) {
				yield(chain.LogKey{}, err)
			}
			return
		}
	}
}

func (x *index) amounts(ctx context.Context) ([]chain.Sample, error) {
	var all []chain.Sample
	err := x.each(ctx, "balances", x.plan.Balances, 3, 3, nil, func(row [][]byte) (err error) {
		var s chain.Sample
		if s.Account, err = address(row[0]); err != nil {
			return err
		}
		if len(row[1]) > 0 {
			if s.Contract, err = address(row[1]); err != nil {
				return err
			}
		}
		s.Value, err = amount(row[2])
		all = append(all, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	err = x.each(ctx, "supplies", x.plan.Supplies, 2, 2, nil, func(row [][]byte) (err error) {
		var s chain.Sample
		if s.Contract, err = address(row[0]); err != nil {
			return err
		}
		s.Value, err = amount(row[1])
		all = append(all, s)
		return err
	})
	return all, err
}

func (x *index) nonces(ctx context.Context) ([]chain.NextNonce, error) {
	var all []chain.NextNonce
	err := x.each(ctx, "nonces", x.plan.Nonces, 2, 2, nil, func(row [][]byte) (err error) {
		var next chain.NextNonce
		if next.Account, err = address(row[0]); err != nil {
			return err
		}
		next.Value, err = number64(row[1])
		all = append(all, next)
		return err
	})
	return all, err
}

// errStopped ends the reading of rows that nobody wants any more.
var errStopped = errors.New("stopped")

// each runs one of the plan's queries, if it is set, and calls do with every
// row, which must have from least to most columns. Errors of do are about the row.
func (x *index) each(ctx context.Context, name, query string, least, most int, arguments []argument, do func([][]byte) error) error {
	if query == "" {
		return nil
	}
	asked := x.session.ask(ctx, query, arguments...)
	defer asked.close()
	for n := 1; ; n++ {
		row, err := asked.next()
		switch {
		case errors.Is(err, errEnd):
			return nil
		case err != nil:
			return fault.While(err, "chain.%s", name)
		case len(row) < least || len(row) > most:
			return fault.New(fault.Invalid, "chain.%s answers %d columns; %s", name, len(row), columns(least, most))
		case n > mostSamples && len(arguments) == 0:
			return fault.New(fault.Unsupported, "chain.%s answers more than %d rows: let it sample them", name, mostSamples)
		}
		if err := do(row); errors.Is(err, errStopped) {
			return err
		} else if err != nil {
			return fault.Wrap(fault.Invalid, err, "chain.%s, row %d", name, n)
		}
	}
}

func columns(least, most int) string {
	if least == most {
		return fmt.Sprintf("%d are wanted", most)
	}
	return fmt.Sprintf("%d to %d are wanted", least, most)
}
