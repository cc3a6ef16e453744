package chain_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/chain"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func TestEqual(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.reconcile(t, w.dial(t), w.options())
	wantOnly(t, r, chain.Pass)
	if len(r.Items) != 11 || r.Head.Number != 31 || r.Behind != 0 || r.Finality != (chain.Finality{Height: 29}) ||
		r.LastAgreed == nil || *r.LastAgreed != 31 || r.FirstDivergent != nil {
		t.Errorf("%d items, %+v", len(r.Items), r)
	}
	wantItem(t, r, chain.ItemFinality, chain.Pass, "2 blocks of what is indexed may still be reorganised", "as the node says")
	wantItem(t, r, chain.ItemStoredHashes, chain.Pass)
	// One log of the deployment, and three in each of the blocks 3, 6 … 30.
	digest := chain.NewLogDigest()
	for _, row := range w.rows {
		if err := digest.Add(row); err != nil {
			t.Fatal(err)
		}
	}
	if i := item(t, r, chain.ItemLogs); digest.Count() != 31 || i.Expected != digest.String() || i.Observed != digest.String() {
		t.Errorf("%s, want %s", i, digest)
	}
	if i := item(t, r, chain.ItemTotalSupply); i.Expected != "1000000" {
		t.Error(i)
	}
}

func TestBehindButConsistent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Mine(t, 500)
	r := w.reconcile(t, w.dial(t), w.options())
	wantOnly(t, r, chain.Pass)
	if r.Behind != 500 || r.IndexedHeight != 31 || r.Head.Number != 531 {
		t.Errorf("%+v", r)
	}
	wantItem(t, r, chain.ItemHeight, chain.Pass, "500 blocks behind")
	wantItem(t, r, chain.ItemFinality, chain.Pass, "all that is indexed is final")

	o := w.options()
	o.MaxBehind = 500
	wantOnly(t, w.reconcile(t, w.dial(t), o), chain.Pass)
	o.MaxBehind = 499
	r = w.reconcile(t, w.dial(t), o)
	wantOnly(t, r, chain.Fail, chain.ItemHeight)
	wantItem(t, r, chain.ItemHeight, chain.Fail, "500 blocks behind; 499 are allowed")
}

func TestAnotherChainEndsTheComparison(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	o := w.options()
	o.ChainID = 1
	r := w.reconcile(t, w.dial(t), o)
	wantOnly(t, r, chain.Fail, chain.ItemChainID)
	if len(r.Items) != 1 {
		t.Errorf("%d items", len(r.Items))
	}
	if err := r.Err(); !fault.Is(err, fault.Mismatch) || !strings.Contains(err.Error(), "chain-id: expected 1, observed 31337") {
		t.Error(err)
	}

	o = w.options()
	o.Genesis = w.hashes[1]
	r = w.reconcile(t, w.dial(t), o)
	wantOnly(t, r, chain.Fail, chain.ItemGenesis)
	if len(r.Items) != 2 {
		t.Errorf("%d items", len(r.Items))
	}

	o.Genesis = ""
	r = w.reconcile(t, w.dial(t), o)
	wantOnly(t, r, chain.Warn, chain.ItemGenesis)
	wantItem(t, r, chain.ItemGenesis, chain.Warn, "configure this one")
}

// TestReorganised forces reorganisations of a depth on a chain of 31 blocks, of which 29 are final.
func TestReorganised(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		depth   uint64
		outcome chain.Outcome
		detail  string
	}{
		{1, chain.Warn, "an ordinary reorganisation of 1 block,"},
		{2, chain.Warn, "an ordinary reorganisation of 2 blocks,"},
		{3, chain.Fail, "at or below finality (29)"},
		{17, chain.Fail, "at or below finality (29)"},
		{30, chain.Fail, "at or below finality (29)"},
	} {
		t.Run(fmt.Sprint(c.depth), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.Call(t, nil, "anvil_reorg", c.depth, []any{})
			if head := w.head(t); head != 31 || w.block(t, 31-c.depth) != w.hashes[31-c.depth] || w.block(t, 32-c.depth) == w.hashes[32-c.depth] {
				t.Fatalf("the reorganisation left head %d", head)
			}
			r := w.reconcile(t, w.dial(t), w.options())
			wantItem(t, r, chain.ItemHash, c.outcome, c.detail, fmt.Sprintf("block %d is the first", 32-c.depth))
			if r.Outcome() != c.outcome || r.FirstDivergent == nil || *r.FirstDivergent != 32-c.depth ||
				r.LastAgreed == nil || *r.LastAgreed != 31-c.depth {
				t.Errorf("%s, %v, %v", r.Outcome(), r.FirstDivergent, r.LastAgreed)
			}
			// The logs below are compared, and agree; amounts are of a block that is gone.
			wantItem(t, r, chain.ItemLogs, chain.Pass, fmt.Sprintf("to %d", 31-c.depth))
			wantItem(t, r, chain.ItemTotalSupply, chain.Warn, "not compared")
		})
	}
}

// TestDivergenceWithoutAllHashes: what can't be shown to lie above finality fails.
func TestDivergenceWithoutAllHashes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Call(t, nil, "anvil_reorg", 2, []any{})
	c := w.dial(t)

	w.indexed.Hashes = nil
	r := w.reconcile(t, c, w.options())
	wantItem(t, r, chain.ItemHash, chain.Fail, "no stored hash below it agrees", "may differ, too")
	wantItem(t, r, chain.ItemLogs, chain.Warn, "not compared")
	if r.LastAgreed != nil || *r.FirstDivergent != 31 {
		t.Errorf("%+v", r)
	}

	// Every fifth block is stored: 25 agrees, nothing between it and 31 is known.
	w.indexed.Hashes = w.nearest
	for n := range uint64(31) {
		if n%5 != 0 {
			delete(w.hashes, n)
		}
	}
	delete(w.hashes, 30)
	r = w.reconcile(t, c, w.options())
	wantItem(t, r, chain.ItemHash, chain.Fail, "the last that agrees is 25", "up to finality (29) may differ, too")
	if *r.LastAgreed != 25 || *r.FirstDivergent != 31 {
		t.Errorf("%d, %d", *r.LastAgreed, *r.FirstDivergent)
	}

	w.hashes[29] = w.block(t, 29)
	r = w.reconcile(t, c, w.options())
	wantItem(t, r, chain.ItemHash, chain.Warn, "an ordinary reorganisation of 2 blocks")
	if *r.LastAgreed != 29 || *r.FirstDivergent != 31 {
		t.Errorf("%d, %d", *r.LastAgreed, *r.FirstDivergent)
	}
}

func TestAheadOfTheNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// A node that lost its last blocks, or does not have them yet.
	w.Call(t, nil, "anvil_rollback", 6)
	r := w.reconcile(t, w.dial(t), w.options())
	wantItem(t, r, chain.ItemHeight, chain.Fail, "6 blocks ahead", "its head is stored with the same hash")
	wantItem(t, r, chain.ItemHash, chain.Pass, "block 25")
	wantItem(t, r, chain.ItemLogs, chain.Pass, "blocks 1 to 25")
	wantItem(t, r, chain.ItemTotalSupply, chain.Warn, "does not have the indexed block")
	wantItem(t, r, chain.ItemNonce, chain.Warn, "may be lost")
	if *r.LastAgreed != 25 || r.FirstDivergent != nil || r.Behind != 0 {
		t.Errorf("%+v", r)
	}

	// A node of a fork that left at block 20, and is shorter.
	w.Call(t, nil, "anvil_reorg", 5, []any{})
	r = w.reconcile(t, w.dial(t), w.options())
	wantItem(t, r, chain.ItemHeight, chain.Fail, "they are not the same")
	wantItem(t, r, chain.ItemHash, chain.Fail, "block 21 is the first", "at or below finality (23)")
	if *r.LastAgreed != 20 || *r.FirstDivergent != 21 {
		t.Errorf("%d, %d", *r.LastAgreed, *r.FirstDivergent)
	}

	// Without hashes nobody knows which it is.
	w.indexed.Hash, w.indexed.Hashes = "", nil
	r = w.reconcile(t, w.dial(t), w.options())
	wantItem(t, r, chain.ItemHeight, chain.Fail, "may still be synchronising, or the database is of another chain")
	wantItem(t, r, chain.ItemHash, chain.Warn, "stores no hash")
	if r.LastAgreed != nil {
		t.Errorf("%+v", r)
	}
}

func TestAStoredHashWasChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.indexed.Hashes = w.nearest
	// Batches of four look at blocks 7, 15, 23 and 30.
	w.hashes[15] = w.hashes[14]
	r := w.reconcile(t, w.dial(t), w.options())
	wantOnly(t, r, chain.Fail, chain.ItemStoredHashes)
	wantItem(t, r, chain.ItemStoredHashes, chain.Fail, "block 15", "the stored row that is wrong")
}

func TestLogsDiffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	whole := w.rows
	// The row of log 1 in block 12: one of the deployment comes before three in each third block.
	const at = 1 + 3*3 + 1
	if whole[at].Block != 12 || whole[at].Index != 1 {
		t.Fatalf("%+v", whole[at])
	}
	other := whole[at]
	other.TxHash = whole[0].TxHash
	late := chain.LogKey{Block: 31, Index: 7, TxHash: whole[0].TxHash}
	for _, c := range []struct {
		name   string
		rows   []chain.LogKey
		detail []string
	}{
		{"one missing", remove(whole, at), []string{
			"first in blocks 8 to 14", "log 1 of block 12 (transaction 0x" + whole[at].TxHash + ") is on the chain and not in the database", "; in all 1 difference in 1 range of",
		}},
		{"the first missing", remove(whole, 0), []string{"first in blocks 1 to 7", "log 0 of block 1 "}},
		{"the last missing", remove(whole, len(whole)-1), []string{"first in blocks 29 to 31", "log 2 of block 30 "}},
		{"one twice", insert(whole, at, whole[at]), []string{"first in blocks 8 to 14", "log 1 of block 12 ", "not again, on the chain"}},
		{"one too many, after all", insert(whole, len(whole), late), []string{"log 7 of block 31 ", "is in the database"}},
		{"of another transaction", insert(remove(whole, at), at, other), []string{
			"log 1 of block 12 is of transaction 0x" + whole[at].TxHash + " on the chain, of 0x" + other.TxHash + " in the database",
		}},
		{"two ranges", remove(remove(whole, at), 1), []string{"first in blocks 1 to 7", "log 0 of block 3 ", "; in all 2 differences in 2 ranges"}},
		{"all missing", nil, []string{"first in blocks 1 to 7", "; in all 31 differences in 5 ranges"}},
	} {
		w.rows = c.rows
		r := w.reconcile(t, w.dial(t), w.options())
		wantOnly(t, r, chain.Fail, chain.ItemLogs)
		wantItem(t, r, chain.ItemLogs, chain.Fail, c.detail...)
		if i := item(t, r, chain.ItemLogs); i.Expected == i.Observed || !strings.HasPrefix(i.Expected, "31 logs, blake3:") ||
			!strings.HasPrefix(i.Observed, fmt.Sprint(len(c.rows))+" logs, blake3:") {
			t.Errorf("%s: %s", c.name, i)
		}
	}
}

func TestStoredLogsThatCannotBeCompared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.dial(t)
	whole := w.rows
	bad := whole[4]
	bad.TxHash = "0x12"
	for name, rows := range map[string][]chain.LogKey{
		"disordered": insert(remove(whole, 5), 4, whole[5]),
		"no hash":    insert(remove(whole, 4), 4, bad),
	} {
		w.rows = rows
		if _, err := chain.Reconcile(t.Context(), c, w.options(), w.indexed); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.rows = whole
	broken := fault.New(fault.Denied, "no SELECT on logs")
	w.indexed.Logs = failingLogs(broken)
	if _, err := chain.Reconcile(t.Context(), c, w.options(), w.indexed); !errors.Is(err, broken) || !fault.Is(err, fault.Denied) {
		t.Error(err)
	}
	w.indexed.Logs = allLogs(whole)
	if _, err := chain.Reconcile(t.Context(), c, w.options(), w.indexed); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "block 9 was given for blocks 1 to 7") {
		t.Error(err)
	}
}

func TestContractOfLaterBlocks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.indexed.Contracts = append(w.indexed.Contracts,
		chain.Contract{Address: w.token, From: 32}, chain.Contract{Address: w.Accounts[1]})
	r := w.reconcile(t, w.dial(t), w.options())
	if last := len(r.Items) - 1; r.Outcome() != chain.Pass || len(r.Items) != 13 {
		t.Errorf("%s, %d items", r.Outcome(), last)
	}
	if !strings.Contains(r.Items[7].Detail, "nothing to compare") || !strings.Contains(r.Items[8].Detail, "no logs on either side") {
		t.Errorf("%s; %s", r.Items[7], r.Items[8])
	}
}

func TestAmountsDiffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.dial(t)
	whole := w.indexed.Amounts
	for i, name := range []string{chain.ItemBalance, chain.ItemBalance, chain.ItemTotalSupply} {
		w.indexed.Amounts = append([]chain.Sample{}, whole...)
		// By one unit of the smallest.
		value := []byte(whole[i].Value)
		value[len(value)-1] = '0' + ('9' - value[len(value)-1])
		w.indexed.Amounts[i].Value = string(value)
		r := w.reconcile(t, c, w.options())
		wantOnly(t, r, chain.Fail, name)
		if bad := r.Items[slices.IndexFunc(r.Items, func(i chain.Item) bool { return i.Result == chain.Fail })]; !strings.HasSuffix(bad.Detail,
			fmt.Sprintf("the chain has %s and the database %s", whole[i].Value, value)) {
			t.Errorf("the detail does not say what differs: %s", bad)
		}
	}
	w.indexed.Amounts = []chain.Sample{{Amount: chain.Amount{Contract: w.Accounts[1]}, Value: "0"}}
	r := w.reconcile(t, c, w.options())
	wantItem(t, r, chain.ItemTotalSupply, chain.Fail, "there is no contract at")

	// Amounts are those of the indexed block, whatever came after.
	w.indexed.Amounts = whole
	w.live(t, 6)
	w.forget(31)
	wantItem(t, w.reconcile(t, c, w.options()), chain.ItemTotalSupply, chain.Pass)
	w.indexed.Height, w.indexed.Hash = 37, w.block(t, 37)
	w.indexed.Contracts = nil
	wantOnly(t, w.reconcile(t, c, w.options()), chain.Fail, chain.ItemBalance, chain.ItemBalance, chain.ItemNonce)
}

func TestNonces(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	c := w.dial(t)
	// Of what the account sends now, the database doesn't know.
	w.spread(t, 1)
	w.spread(t, 1)
	r := w.reconcile(t, c, w.options())
	wantOnly(t, r, chain.Warn, chain.ItemNonce)
	wantItem(t, r, chain.ItemNonce, chain.Warn, "double-send hazard", "transactions 11 to 12 after")
	if i := item(t, r, chain.ItemNonce); i.Expected != "13 (11 mined, the rest pending)" || i.Observed != "11" {
		t.Error(i)
	}
	w.Mine(t, 1)
	o := w.options()
	o.NonceAhead = chain.Fail
	r = w.reconcile(t, c, o)
	wantOnly(t, r, chain.Fail, chain.ItemNonce)
	if i := item(t, r, chain.ItemNonce); i.Expected != "13" || !strings.Contains(i.Detail, "double-send hazard") {
		t.Error(i)
	}
	w.indexed.Nonces[0].Value = 13
	wantOnly(t, w.reconcile(t, c, o), chain.Pass)
	w.indexed.Nonces[0].Value = 15
	r = w.reconcile(t, c, o)
	wantOnly(t, r, chain.Warn, chain.ItemNonce)
	wantItem(t, r, chain.ItemNonce, chain.Warn, "transactions 13 to 14 were sent as the database knows", "may be lost")
}

func TestWhatCannotBeReconciled(t *testing.T) {
	t.Parallel()
	account := "0x" + strings.Repeat("1", 40)
	for name, c := range map[string]struct {
		o  chain.Options
		in chain.Indexed
	}{
		"no chain":     {chain.Options{}, chain.Indexed{}},
		"bad genesis":  {chain.Options{ChainID: 1, Genesis: "0x12"}, chain.Indexed{}},
		"bad outcome":  {chain.Options{ChainID: 1, NonceAhead: "pass"}, chain.Indexed{}},
		"bad hash":     {chain.Options{ChainID: 1}, chain.Indexed{Hash: "12"}},
		"no logs":      {chain.Options{ChainID: 1}, chain.Indexed{Contracts: []chain.Contract{{Address: account}}}},
		"bad contract": {chain.Options{ChainID: 1}, chain.Indexed{Contracts: []chain.Contract{{Address: "0x1"}}, Logs: allLogs(nil)}},
		"bad topic": {chain.Options{ChainID: 1}, chain.Indexed{
			Contracts: []chain.Contract{{Address: account, Topics: [][]string{nil, {"0x12"}}}}, Logs: allLogs(nil),
		}},
		"nothing named": {chain.Options{ChainID: 1}, chain.Indexed{Amounts: []chain.Sample{{Value: "1"}}}},
		"a fraction":    {chain.Options{ChainID: 1}, chain.Indexed{Amounts: []chain.Sample{{Amount: chain.Amount{Account: account}, Value: "1.5"}}}},
		"a sign":        {chain.Options{ChainID: 1}, chain.Indexed{Amounts: []chain.Sample{{Amount: chain.Amount{Account: account}, Value: "-1"}}}},
		"bad account":   {chain.Options{ChainID: 1}, chain.Indexed{Nonces: []chain.NextNonce{{Account: "1"}}}},
	} {
		// Nobody listens there: what is wrong is found before the node is asked.
		client, err := chain.Dial(chain.Config{URL: "http://127.0.0.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := chain.Reconcile(t.Context(), client, c.o, c.in); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func remove(rows []chain.LogKey, at int) []chain.LogKey {
	return slices.Delete(slices.Clone(rows), at, at+1)
}

func insert(rows []chain.LogKey, at int, row chain.LogKey) []chain.LogKey {
	return slices.Insert(slices.Clone(rows), at, row)
}

type storedLogs = func(context.Context, chain.Contract, uint64, uint64) iter.Seq2[chain.LogKey, error]

// failingLogs is a database that can't be read.
func failingLogs(err error) storedLogs {
	return func(context.Context, chain.Contract, uint64, uint64) iter.Seq2[chain.LogKey, error] {
		return func(yield func(chain.LogKey, error) bool) { yield(chain.LogKey{}, err) }
	}
}

// allLogs is a query that forgets to select by block.
func allLogs(rows []chain.LogKey) storedLogs {
	return func(context.Context, chain.Contract, uint64, uint64) iter.Seq2[chain.LogKey, error] {
		return func(yield func(chain.LogKey, error) bool) {
			for _, row := range rows {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}
