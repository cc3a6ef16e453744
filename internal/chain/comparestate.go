package chain

import (
	"context"
	"errors"
	"fmt"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

// amounts compares balances and total supplies at the indexed block.
func (r *reconciliation) amounts(ctx context.Context) error {
	for rest := r.in.Amounts; len(rest) > 0; {
		n := min(r.client.batch, len(rest))
		if err := r.someAmounts(ctx, rest[:n]); err != nil {
			return err
		}
		rest = rest[n:]
	}
	return nil
}

func (r *reconciliation) someAmounts(ctx context.Context, samples []Sample) error {
	asked := make([]Amount, len(samples))
	for i, s := range samples {
		asked[i] = s.Amount
	}
	if r.indexed == nil {
		for _, s := range samples {
			r.add(s.item(), s.subject(), "unknown", s.Value, Warn, "not compared: the chain does not have the indexed block")
		}
		return nil
	}
	values, errs, err := r.client.amounts(ctx, asked, *r.indexed)
	if err != nil {
		return err
	}
	for i, s := range samples {
		stored, err := decimal(s.Value)
		switch {
		case err != nil:
			return err
		case errs[i] == nil && values[i].Cmp(stored) == 0:
			r.add(s.item(), s.subject(), values[i], stored, Pass, "")
		case errs[i] == nil:
			r.add(s.item(), s.subject(), values[i], stored, Fail,
				fmt.Sprintf("at block %d the chain has %s and the database %s", r.indexed.Number, values[i], stored))
		case fault.Is(errs[i], fault.Unsupported):
			r.add(s.item(), s.subject(), "unknown", stored, Warn, "not compared: "+fault.Line(errs[i]))
		case notToken(errs[i]):
			r.add(s.item(), s.subject(), "none", stored, Fail, fault.Line(errs[i]))
		default:
			return fault.While(errs[i], "read the amount of %s at block %d", s.subject(), r.indexed.Number)
		}
	}
	return nil
}

// notToken reports whether there is no token where an amount was asked of one.
func notToken(err error) bool {
	if _, ok := errors.AsType[*refusal](err); ok {
		return refusedAs(err, reverted)
	}
	return fault.Is(err, fault.Missing) || fault.Is(err, fault.Invalid)
}

func (s Sample) item() string {
	if s.Account == "" {
		return ItemTotalSupply
	}
	return ItemBalance
}

func (s Sample) subject() string {
	switch {
	case s.Contract == "":
		return brief(s.Account)
	case s.Account == "":
		return brief(s.Contract)
	default:
		return brief(s.Account + " in " + s.Contract)
	}
}

// nonces compares what accounts would send next. Unlike amounts, they matter as they are now.
func (r *reconciliation) nonces(ctx context.Context) error {
	for rest := r.in.Nonces; len(rest) > 0; {
		n := min(max(r.client.batch/2, 1), len(rest))
		accounts := make([]string, n)
		for i, next := range rest[:n] {
			accounts[i] = next.Account
		}
		chain, err := r.client.nonces(ctx, accounts)
		if err != nil {
			return err
		}
		for i, next := range rest[:n] {
			r.nonce(next, chain[i])
		}
		rest = rest[n:]
	}
	return nil
}

func (r *reconciliation) nonce(database NextNonce, chain nonce) {
	expected := fmt.Sprint(chain.pending)
	if chain.pending > chain.latest {
		expected = fmt.Sprintf("%d (%d mined, the rest pending)", chain.pending, chain.latest)
	}
	outcome, detail := Pass, ""
	switch {
	case chain.pending > database.Value:
		outcome = r.o.NonceAhead
		detail = fmt.Sprintf("double-send hazard: the account sent transactions %d to %d after what was restored, which does not know of them "+
			"and may send the same again; take them over before anything is sent", database.Value, chain.pending-1)
	case chain.pending < database.Value:
		outcome = Warn
		detail = fmt.Sprintf("transactions %d to %d were sent as the database knows, and are neither on the chain nor pending at this node: "+
			"they may be lost, and what is sent after them waits until they are sent again", chain.pending, database.Value-1)
	}
	r.add(ItemNonce, brief(database.Account), expected, database.Value, outcome, detail)
}
