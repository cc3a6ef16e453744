package chain

import (
	"context"
	"encoding/hex"
	"math/big"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

const (
	methodCall    = "eth_call"
	methodBalance = "eth_getBalance"
	methodNonce   = "eth_getTransactionCount"
)

// The selectors of ERC-20's functions.
const (
	selectTotalSupply = "0x18160ddd"
	selectBalanceOf   = "0x70a08231"
)

// Amount names an amount that a chain knows.
type Amount struct {
	// Contract of an ERC-20 token; empty means the chain's own currency.
	Contract string
	// Account whose balance it is; empty means the token's total supply.
	Account string
}

// request is the call that reads the amount at a block.
func (a Amount) request(at any) (request, error) {
	contract, account := a.Contract, a.Account
	var err error
	if contract != "" {
		if contract, err = ParseAddress(contract); err != nil {
			return request{}, err
		}
	}
	if account != "" {
		if account, err = ParseAddress(account); err != nil {
			return request{}, err
		}
	}
	switch {
	case contract == "" && account == "":
		return request{}, fault.New(fault.Invalid, "an amount has a contract or an account: name one")
	case contract == "":
		return request{methodBalance, []any{account, at}}, nil
	case account == "":
		return callRequest(contract, selectTotalSupply, at), nil
	default:
		word := strings.Repeat("0", 2*(wordBytes-addressBytes)) + strings.TrimPrefix(account, "0x")
		return callRequest(contract, selectBalanceOf+word, at), nil
	}
}

func callRequest(to, data string, at any) request {
	return request{methodCall, []any{map[string]string{"to": to, "data": data}, at}}
}

// Balance is what an account has at a block, in the currency's smallest unit,
// or in a token's when contract is not empty.
func (c *Client) Balance(ctx context.Context, contract, account string, at Block) (*big.Int, error) {
	return c.amount(ctx, Amount{Contract: contract, Account: account}, at)
}

// TotalSupply is how much there is of an ERC-20 token at a block, in its smallest unit.
func (c *Client) TotalSupply(ctx context.Context, contract string, at Block) (*big.Int, error) {
	return c.amount(ctx, Amount{Contract: contract}, at)
}

func (c *Client) amount(ctx context.Context, a Amount, at Block) (*big.Int, error) {
	values, errs, err := c.amounts(ctx, []Amount{a}, at)
	if err != nil {
		return nil, err
	}
	return values[0], errs[0]
}

// amounts reads amounts at a block; each has a value or an error of its own.
func (c *Client) amounts(ctx context.Context, amounts []Amount, at Block) (values []*big.Int, errs []error, err error) {
	answers, err := c.at(ctx, at, func(block any) ([]request, error) {
		requests := make([]request, len(amounts))
		for i, a := range amounts {
			var err error
			if requests[i], err = a.request(block); err != nil {
				return nil, err
			}
		}
		return requests, nil
	})
	if err != nil {
		return nil, nil, fault.While(err, "read %d amounts at block %d", len(amounts), at.Number)
	}
	values, errs = make([]*big.Int, len(amounts)), make([]error, len(amounts))
	for i, a := range answers {
		values[i], errs[i] = amounts[i].read(a)
	}
	return values, errs, nil
}

// read takes the amount from its answer.
func (a Amount) read(from answer) (*big.Int, error) {
	if a.Contract == "" {
		var q quantity
		if err := from.into(&q, methodBalance); err != nil {
			return nil, err
		}
		return q.big()
	}
	data, err := from.bytes()
	switch {
	case err != nil:
		return nil, err
	case len(data) == 0:
		return nil, fault.New(fault.Missing, "there is no contract at %s in that block", a.Contract)
	case len(data) != wordBytes:
		return nil, fault.New(fault.Invalid, "what is at %s is no ERC-20 token: it answers %d bytes", a.Contract, len(data))
	}
	return new(big.Int).SetBytes(data), nil
}

// bytes takes the data that a call returned.
func (a answer) bytes() ([]byte, error) {
	var text string
	if err := a.into(&text, methodCall); err != nil {
		return nil, err
	}
	digits, ok := strings.CutPrefix(text, "0x")
	data, err := hex.DecodeString(digits)
	if !ok || err != nil {
		return nil, fault.New(fault.Corrupt, "the node gives %q for bytes", brief(text))
	}
	return data, nil
}

// Call calls a contract's function in the state at a block, without a
// transaction. Data is the selector with the arguments. What returns nothing is
// no error here: an address without a contract does that, too.
func (c *Client) Call(ctx context.Context, to string, data []byte, at Block) ([]byte, error) {
	to, err := ParseAddress(to)
	if err != nil {
		return nil, err
	}
	answers, err := c.at(ctx, at, func(block any) ([]request, error) {
		return []request{callRequest(to, "0x"+hex.EncodeToString(data), block)}, nil
	})
	if err != nil {
		return nil, fault.While(err, "call %s at block %d", to, at.Number)
	}
	result, err := answers[0].bytes()
	return result, fault.While(err, "call %s at block %d", to, at.Number)
}

// at asks about the state at a block: by its hash where the node can (EIP-1898),
// so that no reorganisation puts another in its place, and else by its number.
func (c *Client) at(ctx context.Context, b Block, requests func(block any) ([]request, error)) ([]answer, error) {
	var byNumber any = toQuantity(b.Number)
	if b.Hash != "" && !c.numbers.Load() {
		asked, err := requests(map[string]any{"blockHash": b.Hash, "requireCanonical": true})
		if err != nil {
			return nil, err
		}
		answers, err := c.ask(ctx, asked)
		if !refusedAs(err, badParams) && !anyRefusedAs(answers, badParams) {
			return answers, err
		}
	}
	asked, err := requests(byNumber)
	if err != nil {
		return nil, err
	}
	answers, err := c.ask(ctx, asked)
	if err == nil && !anyRefusedAs(answers, badParams) {
		c.numbers.Store(true)
	}
	return answers, err
}

func anyRefusedAs(answers []answer, why reason) bool {
	for _, a := range answers {
		if refusedAs(a.err, why) {
			return true
		}
	}
	return false
}

// Nonce is the number of an account's next transaction, as the chain has it at
// its head; and with what the node holds for its next blocks, where it says
// that, or else the same.
func (c *Client) Nonce(ctx context.Context, account string) (latest, withPending uint64, err error) {
	nonces, err := c.nonces(ctx, []string{account})
	if err != nil {
		return 0, 0, err
	}
	return nonces[0].latest, nonces[0].pending, nil
}

type nonce struct{ latest, pending uint64 }

func (c *Client) nonces(ctx context.Context, accounts []string) ([]nonce, error) {
	requests := make([]request, 0, 2*len(accounts))
	for _, account := range accounts {
		account, err := ParseAddress(account)
		if err != nil {
			return nil, err
		}
		requests = append(requests, request{methodNonce, []any{account, latest}}, request{methodNonce, []any{account, pending}})
	}
	answers, err := c.ask(ctx, requests)
	if err != nil {
		return nil, fault.While(err, "read the nonces of %d accounts", len(accounts))
	}
	nonces := make([]nonce, len(accounts))
	for i := range nonces {
		latest, err := answers[2*i].number()
		if err != nil {
			return nil, fault.While(err, "read the nonce of %s", accounts[i])
		}
		withPending, err := answers[2*i+1].number()
		switch {
		case fault.Is(err, fault.Unavailable), fault.Is(err, fault.Corrupt):
			return nil, fault.While(err, "read the pending nonce of %s", accounts[i])
		case err != nil:
			// Not every node has a pool of transactions.
			withPending = latest
		}
		nonces[i] = nonce{latest, max(latest, withPending)}
	}
	return nonces, nil
}

func (a answer) number() (uint64, error) {
	var q quantity
	if err := a.into(&q, methodNonce); err != nil {
		return 0, err
	}
	return q.uint64()
}
