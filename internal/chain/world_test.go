package chain_test

import (
	"context"
	"fmt"
	"iter"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/chain"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// transferred is the topic of ERC-20's Transfer.
const transferred = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"

// world is an EVM node with a token, and what a database took in of its chain.
type world struct {
	*servers.AnvilServer
	token   string
	genesis string
	// rows are the logs that the database stores, hashes those of its blocks.
	rows    []chain.LogKey
	hashes  map[uint64]string
	indexed chain.Indexed
}

// newWorld mines a chain of 31 blocks after its genesis. The token is deployed
// in block 1; every third block has three of its logs. What lies two blocks below
// the head is final. The database has taken in all of it.
func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{AnvilServer: servers.Anvil(t, "--slots-in-an-epoch", "1")}
	w.token = w.ERC20(t)
	w.live(t, 30)
	w.genesis = w.block(t, 0)
	w.index(t)
	return w
}

// live mines blocks one by one; those whose number can be divided by three have logs.
func (w *world) live(t *testing.T, n int) {
	t.Helper()
	for range n {
		if (w.head(t)+1)%3 == 0 {
			w.spread(t, 3)
		}
		w.Mine(t, 1)
	}
}

// spread sends a transaction that writes a number of logs.
func (w *world) spread(t *testing.T, logs int) {
	t.Helper()
	w.Send(t, w.Accounts[0], w.token, fmt.Sprintf("0xe4891dc7%064x%064x", 1000, logs))
}

func (w *world) head(t *testing.T) uint64 {
	t.Helper()
	var number string
	w.Call(t, &number, "eth_blockNumber")
	return number64(t, number)
}

func (w *world) block(t *testing.T, number uint64) (hash string) {
	t.Helper()
	var b struct{ Hash string }
	w.Call(t, &b, "eth_getBlockByNumber", hexadecimal(number), false)
	return b.Hash
}

// index takes in the whole chain, without the client under test.
func (w *world) index(t *testing.T) {
	t.Helper()
	head := w.head(t)
	w.hashes = map[uint64]string{}
	for n := range head + 1 {
		w.hashes[n] = w.block(t, n)
	}
	var logs []struct{ BlockNumber, LogIndex, TransactionHash string }
	w.Call(t, &logs, "eth_getLogs", map[string]any{"address": w.token, "fromBlock": "0x0", "toBlock": "latest"})
	w.rows = nil
	for _, l := range logs {
		w.rows = append(w.rows, chain.LogKey{
			Block: number64(t, l.BlockNumber), Index: number64(t, l.LogIndex), TxHash: strings.TrimPrefix(l.TransactionHash, "0x"),
		})
	}
	account := w.Accounts[0]
	var balance, nonce, supply, tokens string
	w.Call(t, &balance, "eth_getBalance", account, "latest")
	w.Call(t, &nonce, "eth_getTransactionCount", account, "latest")
	w.Call(t, &supply, "eth_call", map[string]string{"to": w.token, "data": "0x18160ddd"}, "latest")
	w.Call(t, &tokens, "eth_call", map[string]string{
		"to": w.token, "data": "0x70a08231" + strings.Repeat("0", 24) + strings.TrimPrefix(account, "0x"),
	}, "latest")
	w.indexed = chain.Indexed{
		Height: head, Hash: w.hashes[head], Hashes: w.stored, Logs: w.logs,
		Contracts: []chain.Contract{{Address: w.token, From: 1, Topics: [][]string{{transferred}}}},
		Amounts: []chain.Sample{
			{Amount: chain.Amount{Account: account}, Value: number(t, balance).String()},
			{Amount: chain.Amount{Account: account, Contract: w.token}, Value: number(t, tokens).String()},
			{Amount: chain.Amount{Contract: w.token}, Value: number(t, supply).String()},
		},
		Nonces: []chain.NextNonce{{Account: account, Value: number64(t, nonce)}},
	}
}

// stored are the stored hashes of exactly the heights.
func (w *world) stored(_ context.Context, heights []uint64) (map[uint64]string, error) {
	found := map[uint64]string{}
	for _, h := range heights {
		if hash, ok := w.hashes[h]; ok {
			found[h] = hash
		}
	}
	return found, nil
}

// nearest are the stored hashes at or below the heights.
func (w *world) nearest(_ context.Context, heights []uint64) (map[uint64]string, error) {
	found := map[uint64]string{}
	for _, h := range heights {
		for n := int64(h); n >= 0; n-- {
			if hash, ok := w.hashes[uint64(n)]; ok {
				found[uint64(n)] = hash
				break
			}
		}
	}
	return found, nil
}

func (w *world) logs(_ context.Context, contract chain.Contract, from, to uint64) iter.Seq2[chain.LogKey, error] {
	return func(yield func(chain.LogKey, error) bool) {
		for _, row := range w.rows {
			if contract.Address == w.token && row.Block >= from && row.Block <= to && !yield(row, nil) {
				return
			}
		}
	}
}

// forget takes the database back to a height.
func (w *world) forget(height uint64) {
	for n := range w.hashes {
		if n > height {
			delete(w.hashes, n)
		}
	}
	w.rows = slices.DeleteFunc(w.rows, func(k chain.LogKey) bool { return k.Block > height })
	w.indexed.Height, w.indexed.Hash = height, w.hashes[height]
}

// dial asks the node itself, or what stands at another URL, in small batches.
func (w *world) dial(t *testing.T, at ...string) *chain.Client {
	t.Helper()
	address := w.URL
	if len(at) > 0 {
		address = at[0]
	}
	c, err := chain.Dial(chain.Config{URL: secret.String(address), Batch: 4, Timeout: 5 * time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func (w *world) options() chain.Options {
	return chain.Options{ChainID: servers.AnvilChainID, Genesis: w.genesis, Chunk: 7}
}

// reconcile must come to a result.
func (w *world) reconcile(t *testing.T, c *chain.Client, o chain.Options) chain.Result {
	t.Helper()
	r, err := chain.Reconcile(t.Context(), c, o, w.indexed)
	if err != nil {
		t.Fatal(err)
	}
	for _, item := range r.Items {
		t.Logf("%s %s", item.Result, item)
	}
	return r
}

// item is the item of a name, of which there must be exactly one.
func item(t *testing.T, r chain.Result, name string) chain.Item {
	t.Helper()
	var found []chain.Item
	for _, i := range r.Items {
		if i.Name == name {
			found = append(found, i)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d items are named %s", len(found), name)
	}
	return found[0]
}

// wantItem checks an item's outcome and what its detail says.
func wantItem(t *testing.T, r chain.Result, name string, outcome chain.Outcome, details ...string) {
	t.Helper()
	i := item(t, r, name)
	if i.Result != outcome {
		t.Errorf("%s is a %s, want a %s", i, i.Result, outcome)
	}
	for _, d := range details {
		if !strings.Contains(i.Detail, d) {
			t.Errorf("the detail of %s doesn't say %q", i, d)
		}
	}
}

// wantOnly checks that the items that don't pass are those.
func wantOnly(t *testing.T, r chain.Result, outcome chain.Outcome, names ...string) {
	t.Helper()
	if r.Outcome() != outcome {
		t.Errorf("it is a %s, want a %s", r.Outcome(), outcome)
	}
	if (r.Err() != nil) != (outcome == chain.Fail) {
		t.Errorf("its error is %v", r.Err())
	}
	var found []string
	for _, i := range r.Items {
		if i.Result != chain.Pass {
			found = append(found, i.Name)
		}
	}
	if !slices.Equal(found, names) {
		t.Errorf("what doesn't pass is %v, want %v", found, names)
	}
}

func number(t *testing.T, quantity string) *big.Int {
	t.Helper()
	n, ok := new(big.Int).SetString(strings.TrimPrefix(quantity, "0x"), 16)
	if !ok {
		t.Fatalf("%q is no number", quantity)
	}
	return n
}

func number64(t *testing.T, quantity string) uint64 {
	t.Helper()
	return number(t, quantity).Uint64()
}

func hexadecimal(n uint64) string { return "0x" + strconv.FormatUint(n, 16) }
