package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// chainPlan reconciles an index with its chain.
const chainPlan = `  indexed:
    kind: restore_test
    surfaces: [main]
    reconcile:
      - name: ledger
        kind: chain
        surface: main
        chain:
          url: URL
          chainId: "CHAIN"
          genesis: "GENESIS"
          height: "SELECT number, hash FROM blocks ORDER BY number DESC LIMIT 1"
          hashes: "SELECT number, hash FROM blocks WHERE number = ANY($1)"
          nonces: "SELECT account, next FROM accounts"`

// block is what a node says of a block.
type block struct{ Hash string }

// index writes into tables what a database has indexed of the blocks of a
// chain: their hashes, and the next nonces of its accounts.
func index(t *testing.T, live string, node *servers.AnvilServer, height int) {
	t.Helper()
	statements := []string{`CREATE TABLE blocks (number bigint PRIMARY KEY, hash bytea NOT NULL)`, `CREATE TABLE accounts (account text PRIMARY KEY, next int)`}
	for n := range height + 1 {
		var b block
		node.Call(t, &b, "eth_getBlockByNumber", fmt.Sprintf("%#x", n), false)
		statements = append(statements, fmt.Sprintf(`INSERT INTO blocks VALUES (%d, decode('%s', 'hex'))`, n, strings.TrimPrefix(b.Hash, "0x")))
	}
	for _, account := range node.Accounts[:2] {
		var next string
		node.Call(t, &next, "eth_getTransactionCount", account, fmt.Sprintf("%#x", height))
		nonce, err := strconv.ParseInt(next, 0, 64)
		if err != nil {
			t.Fatal(err)
		}
		statements = append(statements, fmt.Sprintf(`INSERT INTO accounts VALUES ('%s', %d)`, account, nonce))
	}
	execSQL(t, live, statements...)
}

// TestDrillOfAReorganisedChain restores an index of a chain that goes on, and
// then of one that was reorganised below what the index has.
func TestDrillOfAReorganisedChain(t *testing.T) {
	t.Parallel()
	pg, rd, node := servers.Postgres(t), servers.Redis(t), servers.Anvil(t, "--slots-in-an-epoch", "1")
	live := shop(t, pg, 10)
	pay := func() {
		node.Send(t, node.Accounts[0], node.Accounts[1], "")
		node.Mine(t, 1)
	}
	for range 20 {
		pay()
	}
	index(t, live, node, 20)
	var genesis block
	node.Call(t, &genesis, "eth_getBlockByNumber", "0x0", false)
	plan := strings.NewReplacer("URL", node.URL, "CHAIN", strconv.Itoa(servers.AnvilChainID), "GENESIS", genesis.Hash).Replace(chainPlan)
	s, _ := drillSite(t, live, rd.URL, snapshotPolicies, plan)
	s.start(t, "up")
	var made point
	s.ask(t, &made, "snapshot", "create", "main", "--wait")

	t.Run("behind but consistent", func(t *testing.T) {
		node.Mine(t, 3)
		d := s.drill(t, "indexed")
		s.passes(t, d)
		r := reconciliation(t, d, "ledger")
		if r.Result != drill.Pass || !strings.Contains(r.Detail, "indexed up to block 20, 3 behind the head") {
			t.Errorf("the reconciliation: %+v", r)
		}
	})
	t.Run("ahead with a transaction", func(t *testing.T) {
		pay()
		d := s.drill(t, "indexed")
		if r := reconciliation(t, d, "ledger"); d.Verdict != drill.VerdictPartial || len(d.Findings) != 1 || !strings.Contains(d.Findings[0].Cause, "double-send hazard") {
			t.Errorf("the chain has seen more of an account than the index: %s %+v %+v", d.Verdict, d.Findings, r)
		}
		s.leftNothing(t, d)
	})
	t.Run("reorganised", func(t *testing.T) {
		// What the index has from block 17 on is no part of the chain any more.
		node.Call(t, nil, "anvil_reorg", 8, []any{})
		node.Mine(t, 5)
		var now block
		node.Call(t, &now, "eth_getBlockByNumber", "0x11", false)
		if text(t, live, `SELECT encode(hash, 'hex') FROM blocks WHERE number = 17`) == strings.TrimPrefix(now.Hash, "0x") {
			t.Fatal("the chain was not reorganised below the index")
		}
		d := s.drill(t, "indexed")
		s.fails(t, d, "indexed/chain-diverged/ledger", "first divergent block is 17")
	})
}

// reconciliation finds one by its name.
func reconciliation(t *testing.T, d drilled, name string) drill.Reconciliation {
	t.Helper()
	for _, r := range d.Evidence.Reconciled {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("there is no reconciliation %s: %+v", name, d.Evidence.Reconciled)
	return drill.Reconciliation{}
}
