package chain_test

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/chain"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestClient(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, batch := range []int{0, 1, 3} {
		c, err := chain.Dial(chain.Config{URL: secret.String(w.URL), Batch: batch, Timeout: time.Minute})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		ctx := t.Context()
		if id, err := c.ChainID(ctx); err != nil || id != servers.AnvilChainID {
			t.Errorf("chain %d, %v", id, err)
		}
		head, err := c.Head(ctx)
		if err != nil || head.Number != 31 || head.Hash != w.hashes[31] || head.Parent != w.hashes[30] || time.Since(head.Time) > time.Hour {
			t.Errorf("%+v, %v", head, err)
		}
		blocks, err := c.Blocks(ctx, []uint64{31, 32, 7, 1000, 8, 9, 10})
		if err != nil || len(blocks) != 5 || blocks[7].Hash != w.hashes[7] || blocks[31] != head {
			t.Errorf("%v, %v", blocks, err)
		}
		if _, err := c.Block(ctx, 32); !fault.Is(err, fault.Missing) {
			t.Error(err)
		}
		if final, err := c.Finalized(ctx, 7); err != nil || final != (chain.Finality{Height: 29}) {
			t.Errorf("%+v, %v", final, err)
		}
		if supply, err := c.TotalSupply(ctx, w.token, head); err != nil || supply.Cmp(big.NewInt(1_000_000)) != 0 {
			t.Errorf("%v, %v", supply, err)
		}
		// Three of the spread went in each of ten blocks, to the same three accounts.
		early := blocks[8]
		if got, err := c.Balance(ctx, w.token, fmt.Sprintf("0x%040x", 1001), early); err != nil || got.Cmp(big.NewInt(2)) != 0 {
			t.Errorf("%v, %v", got, err)
		}
		wei, _ := new(big.Int).SetString("10000000000000000000000", 10)
		if got, err := c.Balance(ctx, "", w.Accounts[3], head); err != nil || got.Cmp(wei) != 0 {
			t.Errorf("%v, %v", got, err)
		}
		if latest, pending, err := c.Nonce(ctx, w.Accounts[0]); err != nil || latest != 11 || pending != 11 {
			t.Errorf("%d, %d, %v", latest, pending, err)
		}
		selector, err := hex.DecodeString("18160ddd")
		if err != nil {
			t.Fatal(err)
		}
		if data, err := c.Call(ctx, w.token, selector, head); err != nil || new(big.Int).SetBytes(data).Int64() != 1_000_000 {
			t.Errorf("%x, %v", data, err)
		}
		// transfer of 2 to an account, by an account that has nothing: it reverts.
		data, err := hex.DecodeString("a9059cbb" + strings.Repeat("0", 63) + "1" + strings.Repeat("0", 63) + "2")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Call(ctx, w.token, data, head); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "the contract refuses the call") {
			t.Error(err)
		}
		if _, err := c.TotalSupply(ctx, w.Accounts[1], head); !fault.Is(err, fault.Missing) {
			t.Error(err)
		}
		if _, err := c.Balance(ctx, "", "0x12", head); !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
		// A block that the chain no longer has: by its hash, no other takes its place.
		gone := head
		gone.Hash = "0x" + strings.Repeat("1", 64)
		if _, err := c.Balance(ctx, "", w.Accounts[3], gone); !fault.Is(err, fault.Unavailable) {
			t.Error(err)
		}
	}
}

// allOf reads a contract's logs as Logs gives them, and counts its pieces.
func allOf(t *testing.T, c *chain.Client, contract chain.Contract, from, to uint64) (logs []chain.LogKey, pieces int, err error) {
	t.Helper()
	err = c.Logs(t.Context(), contract, from, to, func(some []chain.LogKey) error {
		logs = append(logs, some...)
		pieces++
		return nil
	})
	return logs, pieces, err
}

func TestLogs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.dial(t)
	rows := make([]chain.LogKey, len(w.rows))
	for i, row := range w.rows {
		row.TxHash = "0x" + row.TxHash
		rows[i] = row
	}
	token := chain.Contract{Address: w.token}
	for _, topics := range [][][]string{nil, {{transferred}}, {nil, {"0x" + strings.Repeat("0", 64), "0x" + strings.Repeat("0", 24) + w.Accounts[0][2:]}}} {
		token.Topics = topics
		if logs, pieces, err := allOf(t, c, token, 0, 31); err != nil || pieces != 1 || !slices.Equal(logs, rows) {
			t.Errorf("%v: %d logs in %d pieces, %v", topics, len(logs), pieces, err)
		}
	}
	// Minted is what comes from address zero.
	token.Topics = [][]string{{transferred}, {"0x" + strings.Repeat("0", 64)}}
	if logs, _, err := allOf(t, c, token, 0, 31); err != nil || !slices.Equal(logs, rows[:1]) {
		t.Errorf("%v, %v", logs, err)
	}
	token.Topics = [][]string{{strings.Repeat("2", 64)}}
	if logs, _, err := allOf(t, c, token, 0, 31); err != nil || len(logs) != 0 {
		t.Errorf("%v, %v", logs, err)
	}
	token.Topics = nil
	if logs, pieces, err := allOf(t, c, token, 12, 12); err != nil || pieces != 1 || !slices.Equal(logs, rows[10:13]) {
		t.Errorf("%v, %v", logs, err)
	}
	if logs, pieces, err := allOf(t, c, token, 5, 4); err != nil || pieces != 0 || len(logs) != 0 {
		t.Errorf("%v, %v", logs, err)
	}
	stop := errors.New("stop")
	if err := c.Logs(t.Context(), token, 0, 31, func([]chain.LogKey) error { return stop }); !errors.Is(err, stop) {
		t.Error(err)
	}
}

// TestBisectionIsLogarithmic: the first of millions of divergent blocks is found
// in as many batches as their number has digits to the base of a batch.
func TestBisectionIsLogarithmic(t *testing.T) {
	t.Parallel()
	const height, base = 20_000_000, 100
	hash := func(n uint64, of string) string { return fmt.Sprintf("0x%s%062x", of, n) }
	p := newProxy(t, "")
	p.script = func(c call) map[string]any {
		if c.Method == "eth_chainId" {
			return result("0x1")
		}
		n := uint64(height + 5)
		if !c.says(0, "latest") && !c.says(0, "finalized") {
			n = number64(t, strings.Trim(string(c.Params[0]), `"`))
		}
		return result(map[string]any{
			"number": hexadecimal(n), "hash": hash(n, "aa"), "parentHash": hash(n-1, "aa"),
			// A chain that counts nanoseconds.
			"timestamp": "0x18b4d6ed2a8f0000",
		})
	}
	for _, first := range []uint64{0, 1, 2, 12_345_678, height - 1, height} {
		c, err := chain.Dial(chain.Config{URL: secret.String(p.URL), Batch: base})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		stored := func(n uint64) string {
			if n >= first {
				return hash(n, "bb")
			}
			return hash(n, "aa")
		}
		before, rounds := p.posts.Load(), 0
		r, err := chain.Reconcile(t.Context(), c, chain.Options{ChainID: 1}, chain.Indexed{
			Height: height, Hash: stored(height),
			Hashes: func(_ context.Context, heights []uint64) (map[uint64]string, error) {
				rounds++
				found := map[uint64]string{}
				for _, h := range heights {
					found[h] = stored(h)
				}
				return found, nil
			},
		})
		if err != nil || r.FirstDivergent == nil || *r.FirstDivergent != first || (r.LastAgreed == nil) != (first == 0) {
			t.Errorf("first %d: %+v, %v", first, r, err)
		}
		// Chain ID, genesis, head, finality, the indexed block, and that block again at the end.
		if asked := p.posts.Load() - before; rounds > 4 || asked > 6+4 {
			t.Errorf("first %d: %d rounds, %d requests", first, rounds, asked)
		}
		if _, err := json.Marshal(r); err != nil || !r.Head.Time.IsZero() {
			t.Error(err, r.Head.Time)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.dial(t)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			logs, _, err := allOf(t, c, chain.Contract{Address: w.token}, 0, 31)
			if head, errHead := c.Head(t.Context()); err != nil || len(logs) != 31 || errHead != nil || head.Number != 31 {
				t.Errorf("%d logs, %v; head %d, %v", len(logs), err, head.Number, errHead)
			}
		})
	}
	all.Wait()
}

// TestWholeRange: all blocks that 64 bits can count are asked for in pieces, from the first to the last.
func TestWholeRange(t *testing.T) {
	t.Parallel()
	p := newProxy(t, "")
	p.script = func(c call) map[string]any {
		if n := c.blocks(t); n == 0 || n > 10_000 {
			t.Errorf("%d blocks at a time", n)
		}
		return result([]any{})
	}
	c, err := chain.Dial(chain.Config{URL: secret.String(p.URL)})
	if err != nil {
		t.Fatal(err)
	}
	contract := chain.Contract{Address: "0x" + strings.Repeat("1", 40)}
	if _, pieces, err := allOf(t, c, contract, math.MaxUint64-25_000, math.MaxUint64); err != nil || pieces != 3 {
		t.Errorf("%d pieces, %v", pieces, err)
	}
	enough := errors.New("enough")
	if err := c.Logs(t.Context(), contract, 0, math.MaxUint64, func([]chain.LogKey) error { return enough }); !errors.Is(err, enough) {
		t.Error(err)
	}
}

func TestDial(t *testing.T) {
	t.Parallel()
	for _, c := range []chain.Config{
		{}, {URL: "127.0.0.1:8545"}, {URL: "ws://127.0.0.1"}, {URL: "http://"}, {URL: "http://a b/"}, {URL: "http://a\x7f/secretsecret"},
		{URL: "http://127.0.0.1", Batch: -1}, {URL: "http://127.0.0.1", Timeout: -1},
	} {
		if _, err := chain.Dial(c); !fault.Is(err, fault.Invalid) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", c.URL.Reveal(), err)
		}
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	const key = "0123456789abcdef"
	address := servers.Address(t)
	c, err := chain.Dial(chain.Config{URL: secret.String("http://user:hunter2hunter2@" + address + "/v3/" + key + "?token=" + key)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Head(t.Context())
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
	wantNoSecret(t, err, key, "hunter2")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Head(ctx); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func wantNoSecret(t *testing.T, err error, secrets ...string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(err.Error(), s) {
			t.Errorf("%v shows %s", err, s)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("%q has lines", err)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newProxy(t, w.URL)
	p.whole = func(rw http.ResponseWriter, _ []call) bool {
		rw.WriteHeader(http.StatusUnauthorized)
		return true
	}
	_, err := w.dial(t, p.URL).Head(t.Context())
	if !fault.Is(err, fault.Denied) {
		t.Error(err)
	}

	// What a node says is shown without the secrets that it repeats.
	const key = "0123456789abcdef"
	p.whole = nil
	p.script = func(call) map[string]any { return refused(-32000, "project "+key+" has no\n\x1b[31mplan of hunter2") }
	at := strings.Replace(p.URL, "http://", "http://user:hunter2@", 1) + "/v3/" + key
	_, err = w.dial(t, at).Head(t.Context())
	if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "project **redacted** has no [31mplan of **redacted**") {
		t.Error(err)
	}
	wantNoSecret(t, err, key, "hunter2")
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	p := newProxy(t, "")
	p.whole = func(rw http.ResponseWriter, _ []call) bool {
		rw.Header().Set("Location", p.URL+"/elsewhere")
		rw.WriteHeader(http.StatusPermanentRedirect)
		return true
	}
	c, err := chain.Dial(chain.Config{URL: secret.String(p.URL)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Head(t.Context()); !fault.Is(err, fault.Invalid) || p.posts.Load() != 1 {
		t.Errorf("%d requests, %v", p.posts.Load(), err)
	}
}
