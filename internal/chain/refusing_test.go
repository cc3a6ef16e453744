package chain_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/chain"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// TestFinalityByDepth: each kind of node says in its own way that it knows no finalised block.
func TestFinalityByDepth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, answer := range map[string]map[string]any{
		"Besu":         refused(-39001, "Unknown block"),
		"geth":         refused(-32000, "finalized block not found"),
		"reth":         result(nil),
		"an older one": refused(-32602, "invalid argument 0: hex string without 0x prefix"),
	} {
		p := newProxy(t, w.URL)
		p.script = func(c call) map[string]any {
			if c.says(0, "finalized") {
				return answer
			}
			return nil
		}
		c := w.dial(t, p.URL)
		for depth, want := range map[uint64]uint64{0: 31, 5: 26, 31: 0, 500: 0} {
			if final, err := c.Finalized(t.Context(), depth); err != nil || final != (chain.Finality{Height: want, ByDepth: true}) {
				t.Errorf("%s: %+v, %v", name, final, err)
			}
		}
		o := w.options()
		o.Depth = 1
		wantItem(t, w.reconcile(t, c, o), chain.ItemFinality, chain.Pass, "final is 30, by a depth of 1 block, as the node does not say")
	}

	// A node that fails has not said so.
	p := newProxy(t, w.URL)
	for _, answer := range []map[string]any{refused(-32005, "daily request count exceeded"), refused(-32603, "internal error"), refused(-32601, "no such method")} {
		p.script = func(c call) map[string]any {
			if c.says(0, "finalized") {
				return answer
			}
			return nil
		}
		if final, err := w.dial(t, p.URL).Finalized(t.Context(), 3); err == nil {
			t.Errorf("%v: %+v", answer, final)
		}
	}

	// Where the head is final, as with QBFT, no reorganisation is ordinary.
	w.Call(t, nil, "anvil_reorg", 1, []any{})
	p.script = func(c call) map[string]any {
		if c.says(0, "finalized") {
			return refused(-39001, "Unknown block")
		}
		return nil
	}
	wantItem(t, w.reconcile(t, w.dial(t, p.URL), w.options()), chain.ItemHash, chain.Fail, "block 31 is the first", "at or below finality (31)")
}

func TestNodeRefusesLargeRanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	want, _, err := allOf(t, w.dial(t), chain.Contract{Address: w.token}, 0, 31)
	if err != nil || len(want) != 31 {
		t.Fatal(want, err)
	}
	for _, answer := range []map[string]any{
		refused(-32005, "query returned more than 10000 results"),
		refused(-32005, "limit exceeded"),
		refused(-32614, "eth_getLogs is limited to a 10,000 range"),
		refused(-32602, "Log response size exceeded. You can make eth_getLogs requests with up to a 2K block range"),
		refused(-32602, "query exceeds max block range 100000"),
		refused(-32701, "exceed maximum block range: 50000"),
		refused(35, "ranges over 10000 blocks are not supported on freetier"),
		refused(-32000, "query timeout exceeded"),
		refused(-32002, "request timed out"),
		refused(-32008, "Response is too big"),
	} {
		for _, limit := range []uint64{1, 2, 5} {
			p := newProxy(t, w.URL)
			p.script = func(c call) map[string]any {
				if c.blocks(t) > limit {
					return answer
				}
				return nil
			}
			c := w.dial(t, p.URL)
			logs, pieces, err := allOf(t, c, chain.Contract{Address: w.token}, 0, 31)
			if err != nil || !slices.Equal(logs, want) || pieces < 32/int(limit) {
				t.Errorf("%v, limit %d: %d logs in %d pieces, %v", answer, limit, len(logs), pieces, err)
			}
			if limit == 5 {
				wantOnly(t, w.reconcile(t, c, w.options()), chain.Pass)
			}
		}
	}

	// One that answers no range is said to be so; what is asked for ends.
	p := newProxy(t, w.URL)
	p.script = func(c call) map[string]any {
		if c.blocks(t) > 0 {
			return refused(-32005, "query returned more than 10 results")
		}
		return nil
	}
	c := w.dial(t, p.URL)
	if _, _, err := allOf(t, c, chain.Contract{Address: w.token}, 5, 31); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "in blocks 5 to 5") {
		t.Error(err)
	}
	wantItem(t, w.reconcile(t, c, w.options()), chain.ItemLogs, chain.Warn, "not compared", "query returned more than 10 results")
}

func TestSpanGrowsAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newProxy(t, w.URL)
	p.script = func(c call) map[string]any {
		if c.blocks(t) > 1000 {
			return refused(-32005, "block range is too wide")
		}
		if c.blocks(t) > 0 {
			return result([]any{})
		}
		return nil
	}
	c := w.dial(t, p.URL)
	_, pieces, err := allOf(t, c, chain.Contract{Address: w.token}, 0, 99_999)
	if err != nil || pieces > 150 || p.calls.Load() > 180 {
		t.Errorf("%d pieces, %d calls, %v", pieces, p.calls.Load(), err)
	}
}

// TestUnavailable: what may work later, is retryable, and is not taken for a result.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newProxy(t, w.URL)
	c := w.dial(t, p.URL)
	check := func(name string) {
		t.Helper()
		before := p.posts.Load()
		r, err := chain.Reconcile(t.Context(), c, w.options(), w.indexed)
		if !fault.Is(err, fault.Unavailable) || !fault.KindOf(err).Retryable() || len(r.Items) != 0 {
			t.Errorf("%s: %v (%s), %d items", name, err, fault.KindOf(err), len(r.Items))
		}
		if after := p.posts.Load(); after != before+1 {
			t.Errorf("%s: the client asked %d times", name, after-before)
		}
	}
	for _, status := range []int{408, 429, 500, 502, 503, 504} {
		p.whole = func(rw http.ResponseWriter, _ []call) bool {
			http.Error(rw, "<html>wait</html>", status)
			return true
		}
		check(fmt.Sprint(status))
	}
	p.whole = nil
	for _, answer := range []map[string]any{
		refused(-32005, "daily request count exceeded, request rate limited"),
		refused(429, "Your app has exceeded its compute units per second capacity"),
		refused(-32000, "header not found"),
		refused(-32000, "transaction indexing is in progress"),
		refused(-32603, "Internal error"),
	} {
		p.script = func(call) map[string]any { return answer }
		check(fmt.Sprint(answer))
	}
	p.script = nil

	// In the middle of logs, too.
	p.script = func(c call) map[string]any {
		if c.blocks(t) > 0 {
			return refused(-32005, "too many requests")
		}
		return nil
	}
	if r, err := chain.Reconcile(t.Context(), c, w.options(), w.indexed); !fault.Is(err, fault.Unavailable) || len(r.Items) != 6 {
		t.Errorf("%v, %d items", err, len(r.Items))
	}
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	p := newProxy(t, "")
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	p.whole = func(http.ResponseWriter, []call) bool {
		<-release
		return true
	}
	c, err := chain.Dial(chain.Config{URL: secret.String(p.URL), Timeout: 50 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Head(t.Context()); !fault.Is(err, fault.Unavailable) {
		t.Error(err)
	}
}

func TestMalformedAnswers(t *testing.T) {
	t.Parallel()
	const id = `"jsonrpc":"2.0","id":1`
	block := func(number, hash string) string {
		return `{` + id + `,"result":{"number":"` + number + `","hash":"` + hash + `","parentHash":"0x` + strings.Repeat("0", 64) + `","timestamp":"0x1"}}`
	}
	for _, text := range []string{
		"", "null", "[]", "{}", "[[]]", "1", `"x"`, "<html>", `{` + id, `{` + id + `,"result":{}}x`, `{` + id + `}`,
		`{"jsonrpc":"2.0","id":2,"result":null}`, `{"jsonrpc":"2.0","id":"1","result":null}`, `{"jsonrpc":"2.0","id":null,"result":null}`,
		`{` + id + `,"result":[]}`, `{` + id + `,"result":{}}`, `{` + id + `,"result":"0x1"}`, `{` + id + `,"error":"no"}`,
		`[{` + id + `,"result":null},{` + id + `,"result":null}]`,
		block("0x1", "0x1"), block("1", "0x"+strings.Repeat("0", 64)), block("0x", "0x"+strings.Repeat("0", 64)),
		block("0x10000000000000000", "0x"+strings.Repeat("0", 64)), block("0x1", strings.Repeat("0", 64)),
		block("-0x1", "0x"+strings.Repeat("0", 64)), block("0x1", "0x"+strings.Repeat("z", 64)),
	} {
		p := newProxy(t, "")
		p.whole = func(rw http.ResponseWriter, _ []call) bool {
			fmt.Fprint(rw, text)
			return true
		}
		c, err := chain.Dial(chain.Config{URL: secret.String(p.URL)})
		if err != nil {
			t.Fatal(err)
		}
		if b, err := c.Head(t.Context()); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %+v, %v", text, b, err)
		}
		c.Close()
	}
}

// TestLyingNode: what is not what was asked for is not compared.
func TestLyingNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newProxy(t, w.URL)
	c := w.dial(t, p.URL)
	p.script = func(c call) map[string]any {
		if c.says(0, "0x5") {
			c.Params[0] = []byte(`"0x6"`)
			return p.ask(t, c)
		}
		return nil
	}
	if _, err := c.Block(t.Context(), 5); !fault.Is(err, fault.Corrupt) {
		t.Error(err)
	}
	log := func(address, block, index string) map[string]any {
		return map[string]any{"address": address, "blockNumber": block, "logIndex": index, "transactionHash": w.hashes[0]}
	}
	for name, logs := range map[string][]any{
		"another block":    {log(w.token, "0x9", "0x0")},
		"another contract": {log(w.Accounts[1], "0x5", "0x0")},
		"twice":            {log(w.token, "0x5", "0x0"), log(w.token, "0x5", "0x0")},
		"no index":         {log(w.token, "0x5", "")},
		"no contract":      {log("", "0x5", "0x0")},
		"no logs":          {1},
	} {
		p.script = func(call) map[string]any { return result(logs) }
		if _, _, err := allOf(t, c, chain.Contract{Address: w.token}, 5, 8); !fault.Is(err, fault.Corrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// The order of an answer doesn't matter.
	p.script = func(call) map[string]any {
		return result([]any{log(w.token, "0x6", "0x0"), log(w.token, "0x5", "0x2"), log(w.token, "0x5", "0x1")})
	}
	logs, _, err := allOf(t, c, chain.Contract{Address: w.token}, 5, 8)
	if err != nil || len(logs) != 3 || logs[0].Index != 1 || logs[2].Block != 6 {
		t.Errorf("%v, %v", logs, err)
	}
	for _, text := range []string{"0x1", "x", "0x" + strings.Repeat("0", 62), "0x" + strings.Repeat("0", 66)} {
		p.script = func(call) map[string]any { return result(text) }
		if v, err := c.TotalSupply(t.Context(), w.token, chain.Block{Number: 5}); err == nil {
			t.Errorf("%s: %v", text, v)
		}
	}
}

// TestOversizedAnswers: what has over 32 MiB is not read to its end; a batch
// and a range are asked for in smaller pieces, anything else is refused.
func TestOversizedAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newProxy(t, w.URL)
	flood := func(rw http.ResponseWriter) {
		space := bytes.Repeat([]byte(" "), 1<<20)
		for range 40 {
			if _, err := rw.Write(space); err != nil {
				return
			}
		}
	}
	// One batch and one range of blocks are too much.
	batches, ranges := 0, 0
	p.whole = func(rw http.ResponseWriter, calls []call) bool {
		if len(calls) > 1 {
			batches++
		} else if calls[0].blocks(t) > 1 {
			ranges++
		}
		if len(calls) > 1 && batches == 1 || calls[0].blocks(t) > 1 && ranges == 1 {
			flood(rw)
			return true
		}
		return false
	}
	wantOnly(t, w.reconcile(t, w.dial(t, p.URL), w.options()), chain.Pass)
	if batches == 0 || ranges == 0 {
		t.Errorf("%d batches, %d ranges", batches, ranges)
	}
	p.whole = func(rw http.ResponseWriter, _ []call) bool {
		flood(rw)
		return true
	}
	if _, err := w.dial(t, p.URL).Head(t.Context()); !fault.Is(err, fault.Unsupported) || !strings.Contains(err.Error(), "over 32 MiB") {
		t.Error(err)
	}
}

// TestRefusedBatches: nodes refuse long batches in several ways.
func TestRefusedBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var numbers []uint64
	for n := range uint64(32) {
		numbers = append(numbers, n)
	}
	for name, refuse := range map[string]func(http.ResponseWriter, []call){
		"HTTP 413": func(rw http.ResponseWriter, _ []call) { rw.WriteHeader(http.StatusRequestEntityTooLarge) },
		"geth": func(rw http.ResponseWriter, _ []call) {
			fmt.Fprint(rw, `[{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"batch too large"}}]`)
		},
		"one object": func(rw http.ResponseWriter, _ []call) {
			fmt.Fprint(rw, `{"jsonrpc":"2.0","id":null,"error":{"code":"-32005","message":"batch limit 100 exceeded"}}`)
		},
		"HTTP 400": func(rw http.ResponseWriter, _ []call) {
			rw.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(rw, `{"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no batches here"}}`)
		},
		// geth answers the first ones, and an error for each that no longer fits.
		"from some request on": func(rw http.ResponseWriter, calls []call) {
			var answers []map[string]any
			for i, c := range calls {
				a := refused(-32003, "response too large")
				if i == 0 {
					a = map[string]any{"result": nil}
				}
				a["id"] = c.ID
				answers = append(answers, a)
			}
			if err := json.NewEncoder(rw).Encode(answers); err != nil {
				t.Error(err)
			}
		},
	} {
		p := newProxy(t, w.URL)
		p.whole = func(rw http.ResponseWriter, calls []call) bool {
			if len(calls) > 2 {
				refuse(rw, calls)
				return true
			}
			return false
		}
		c, err := chain.Dial(chain.Config{URL: secret.String(p.URL), Batch: 20})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		blocks, err := c.Blocks(t.Context(), numbers)
		if err != nil || name != "from some request on" && len(blocks) != 32 || blocks[31].Hash != w.hashes[31] {
			t.Errorf("%s: %d blocks, %v", name, len(blocks), err)
		}
	}
}

// TestStateByNumber: a node that doesn't know EIP-1898 is asked by number, and only at first by hash.
func TestStateByNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newProxy(t, w.URL)
	byHash := 0
	p.script = func(c call) map[string]any {
		if len(c.Params) == 2 && bytes.HasPrefix(c.Params[1], []byte("{")) {
			byHash++
			if want := `{"blockHash":"` + w.hashes[31] + `","requireCanonical":true}`; string(c.Params[1]) != want {
				t.Errorf("asked at %s, want %s", c.Params[1], want)
			}
			return refused(-32602, "invalid argument 1: json: cannot unmarshal object into Go value of type string")
		}
		return nil
	}
	c := w.dial(t, p.URL)
	wantOnly(t, w.reconcile(t, c, w.options()), chain.Pass)
	wantOnly(t, w.reconcile(t, c, w.options()), chain.Pass)
	if byHash != 3 {
		t.Errorf("asked by hash %d times", byHash)
	}
}

// TestNoArchive: what a node no longer has is not compared, and not passed.
func TestNoArchive(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, message := range []string{
		"missing trie node 1c6b8f (path ) state 0x1c6b8f is not available",
		"historical state 1c6b8f is not available",
		"World state unavailable",
		"No state available for block 0x1c6b8f",
		"state at block #5 is pruned",
		"this request requires an archive node",
	} {
		p := newProxy(t, w.URL)
		p.script = func(c call) map[string]any {
			if c.Method == "eth_getBalance" || c.Method == "eth_call" {
				return refused(-32000, message)
			}
			return nil
		}
		c := w.dial(t, p.URL)
		r := w.reconcile(t, c, w.options())
		wantOnly(t, r, chain.Warn, chain.ItemBalance, chain.ItemBalance, chain.ItemTotalSupply)
		wantItem(t, r, chain.ItemTotalSupply, chain.Warn, "not compared", "ask an archive node")
		if _, err := c.TotalSupply(t.Context(), w.token, r.Head); !fault.Is(err, fault.Unsupported) {
			t.Errorf("%s: %v", message, err)
		}
	}

	// Pruned history is like blocks that the database does not store.
	w.Call(t, nil, "anvil_reorg", 20, []any{})
	p := newProxy(t, w.URL)
	p.script = func(c call) map[string]any {
		for n := uint64(1); n < 15; n++ {
			if c.says(0, hexadecimal(n)) {
				return refused(4444, "pruned history unavailable")
			}
		}
		if c.blocks(t) > 0 {
			return refused(4444, "pruned history unavailable")
		}
		return nil
	}
	r := w.reconcile(t, w.dial(t, p.URL), w.options())
	wantItem(t, r, chain.ItemHash, chain.Fail, "at or below finality (29)")
	if *r.FirstDivergent > 16 || r.LastAgreed != nil {
		t.Errorf("%d, %v", *r.FirstDivergent, r.LastAgreed)
	}
}

// TestReorganisedMeanwhile: a comparison over two histories is none.
func TestReorganisedMeanwhile(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"anvil_reorg", "anvil_rollback"} {
		w := newWorld(t)
		p := newProxy(t, w.URL)
		done := false
		p.script = func(c call) map[string]any {
			if c.Method == "eth_getTransactionCount" && !done {
				done = true
				params := []any{2}
				if how == "anvil_reorg" {
					params = append(params, []any{})
				}
				w.Call(t, nil, how, params...)
			}
			return nil
		}
		_, err := chain.Reconcile(t.Context(), w.dial(t, p.URL), w.options(), w.indexed)
		if !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "compare again") {
			t.Errorf("%s: %v", how, err)
		}
	}
}

// TestNodeWithoutAPool: pending transactions are not known everywhere.
func TestNodeWithoutAPool(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	p := newProxy(t, w.URL)
	p.script = func(c call) map[string]any {
		if c.says(1, "pending") {
			return refused(-32602, "pending is not supported")
		}
		return nil
	}
	wantOnly(t, w.reconcile(t, w.dial(t, p.URL), w.options()), chain.Pass)
}
