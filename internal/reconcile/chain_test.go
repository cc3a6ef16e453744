package reconcile

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// schema is an index of a chain as applications have it, with values in many forms.
const schema = `
CREATE TABLE blocks (number bigint PRIMARY KEY, hash bytea NOT NULL);
CREATE TABLE logs (block numeric(78), index int, tx text, contract text, PRIMARY KEY (block, index));
CREATE TABLE balances (account bytea, contract text, value numeric(78));
CREATE TABLE supplies (contract text, value bytea);
CREATE TABLE accounts (account text PRIMARY KEY, next int)`

// indexed is a chain, and a database that has indexed it.
type indexed struct {
	*world
	node           *servers.AnvilServer
	token, genesis string
	copies         int
}

// newIndexed has a token with transfers in all of 20 blocks, and all of it
// indexed. Final is what lies two blocks below the head.
func newIndexed(t *testing.T) *indexed {
	t.Helper()
	x := &indexed{world: &world{pg: servers.Postgres(t)}, node: servers.Anvil(t, "--slots-in-an-epoch", "1")}
	x.token = x.node.ERC20(t)
	for i := range 19 {
		x.transfer(t, i)
		x.node.Mine(t, 1)
	}
	x.exec(t, schema)
	x.index(t, 20)
	var genesis block
	x.node.Call(t, &genesis, "eth_getBlockByNumber", "0x0", false)
	x.genesis = genesis.Hash
	return x
}

// transfer sends a token from the first account to one of the others.
func (x *indexed) transfer(t *testing.T, i int) {
	t.Helper()
	to := strings.TrimPrefix(x.node.Accounts[1+i%3], "0x")
	x.node.Send(t, x.node.Accounts[0], x.token, fmt.Sprintf("0xa9059cbb%064s%064x", to, i+1))
}

type block struct{ Hash string }

type logEntry struct {
	BlockNumber, LogIndex, TransactionHash, Address string
}

// index reads the chain up to a height into the tables.
func (x *indexed) index(t *testing.T, height int) {
	t.Helper()
	batch := &pgx.Batch{}
	at := fmt.Sprintf("%#x", height)
	for n := range height + 1 {
		var b block
		x.node.Call(t, &b, "eth_getBlockByNumber", fmt.Sprintf("%#x", n), false)
		batch.Queue("INSERT INTO blocks VALUES ($1, decode(substr($2, 3), 'hex'))", n, b.Hash)
	}
	var logs []logEntry
	x.node.Call(t, &logs, "eth_getLogs", map[string]string{"fromBlock": "0x0", "toBlock": at, "address": x.token})
	for _, l := range logs {
		batch.Queue("INSERT INTO logs VALUES ($1, $2, upper(substr($3, 3)), $4)", fromHex(t, l.BlockNumber), fromHex(t, l.LogIndex), l.TransactionHash, l.Address)
	}
	var supply string
	x.node.Call(t, &supply, "eth_call", map[string]string{"to": x.token, "data": "0x18160ddd"}, at)
	batch.Queue("INSERT INTO supplies VALUES ($1, decode(substr($2, 3), 'hex'))", x.token, supply)
	for _, account := range x.node.Accounts[:4] {
		var native, tokens, next string
		x.node.Call(t, &native, "eth_getBalance", account, at)
		x.node.Call(t, &tokens, "eth_call", map[string]string{"to": x.token, "data": fmt.Sprintf("0x70a08231%064s", account[2:])}, at)
		x.node.Call(t, &next, "eth_getTransactionCount", account, at)
		batch.Queue("INSERT INTO balances VALUES (decode(substr($1, 3), 'hex'), NULL, $2::numeric)", account, decimalOf(t, native))
		batch.Queue("INSERT INTO balances VALUES (decode(substr($1, 3), 'hex'), $3, $2::numeric)", account, decimalOf(t, tokens), x.token)
		batch.Queue("INSERT INTO accounts VALUES ($1, $2)", account, fromHex(t, next))
	}
	conn, err := pgx.Connect(t.Context(), x.pg.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatal(err)
	}
}

func decimalOf(t *testing.T, hex string) string {
	t.Helper()
	text, err := amount([]byte(hex))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func fromHex(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.ParseInt(text, 0, 64)
	if err != nil {
		t.Fatal(err)
	}
	return int(n)
}

// restored is a copy of the tables, in a schema of its own, with a change made to it.
func (x *indexed) restored(t *testing.T, change string) *Runner {
	t.Helper()
	x.copies++
	schema := "copy" + strconv.Itoa(x.copies)
	sql := "CREATE SCHEMA " + schema
	for _, table := range []string{"blocks", "logs", "balances", "supplies", "accounts"} {
		sql += fmt.Sprintf("; CREATE TABLE %s.%s AS TABLE public.%s", schema, table, table)
	}
	x.exec(t, sql+"; SET search_path = "+schema+"; "+change)
	url := secret.String(x.pg.URL + "?search_path=" + schema)
	return &Runner{Servers: map[string]drill.Server{"main": {Kind: "postgres", URL: url}}}
}

// plan compares everything.
func (x *indexed) plan(change func(*drill.Chain)) drill.Reconcile {
	c := &drill.Chain{
		URL: secret.String("http://user:HIDDEN-PASSWORD@" + x.node.Address + "/?key=HIDDEN-KEY"), ChainID: strconv.Itoa(servers.AnvilChainID), Genesis: x.genesis,
		Height: "SELECT number, hash FROM blocks ORDER BY number DESC LIMIT 1",
		Hashes: "SELECT number, hash FROM blocks WHERE number = ANY($1)",
		Contracts: []drill.Contract{{
			Address: x.token, Logs: "SELECT block, index, tx FROM logs WHERE contract = $1 AND block BETWEEN $2 AND $3 ORDER BY block, index",
		}},
		Balances: "SELECT account, contract, value FROM balances", Supplies: "SELECT contract, value FROM supplies",
		Nonces: "SELECT account, next FROM accounts",
	}
	change(c)
	return drill.Reconcile{Name: "chain", Kind: drill.ReconcileChain, Surface: "main", Chain: c}
}

// check reconciles a copy of the database with a change made to it.
func (x *indexed) check(t *testing.T, change, want, says string, plan func(*drill.Chain)) drill.Reconciliation {
	t.Helper()
	w := &world{Runner: x.restored(t, change)}
	got := w.run(t, x.plan(plan), want)
	wantDetail(t, got, says)
	if strings.Contains(fmt.Sprint(got), "HIDDEN") {
		t.Errorf("a secret is shown: %+v", got)
	}
	return got
}

func asPlanned(*drill.Chain) {}

func TestChain(t *testing.T) {
	t.Parallel()
	x := newIndexed(t)
	got := x.check(t, "", drill.Pass, "indexed up to block 20, 0 behind the head, 18 final", asPlanned)
	// ID, genesis, height, finality, hash, stored hashes, logs, 8 balances, 1 supply, 4 nonces.
	if len(got.Items) != 20 {
		t.Errorf("%d items: %+v", len(got.Items), got.Items)
	}
	x.node.Mine(t, 5)
	for name, c := range map[string]struct {
		change, want, says string
		plan               func(*drill.Chain)
	}{
		"behind, and consistent": {"", drill.Pass, "indexed up to block 20, 5 behind the head, 23 final", asPlanned},
		"not too far behind":     {"", drill.Pass, "behind-final  at most 3 blocks 3 blocks", func(c *drill.Chain) { c.MaxBehind = 3 }},
		"too far behind":         {"", drill.Fail, "the index is 3 blocks behind the final height 23", func(c *drill.Chain) { c.MaxBehind = 2 }},
		"no genesis": {"", drill.Warn, "configure this one", func(c *drill.Chain) {
			c.Genesis = ""
		}},
		"another chain's ID": {"", drill.Fail, "the node is of another chain", func(c *drill.Chain) { c.ChainID = "1" }},
		"another genesis": {"", drill.Fail, "another chain with the same ID", func(c *drill.Chain) {
			c.Genesis = "0x" + strings.Repeat("00", 32)
		}},
		"log lost":      {"DELETE FROM logs WHERE block = 7", drill.Fail, "of block 7 (transaction 0x", asPlanned},
		"log's index":   {"UPDATE logs SET index = 1 WHERE block = 7", drill.Fail, "log 0 of block 7", asPlanned},
		"log's hash":    {"UPDATE logs SET tx = repeat('0', 64) WHERE block = 7", drill.Fail, "of 0x00", asPlanned},
		"a later log":   {"DELETE FROM logs WHERE block = 7", drill.Pass, "blocks 8 to 20", func(c *drill.Chain) { c.Contracts[0].From = 8 }},
		"balance":       {"UPDATE balances SET value = value + 1 WHERE contract IS NOT NULL AND account IN (SELECT account FROM balances ORDER BY account LIMIT 1)", drill.Fail, "balance 0x", asPlanned},
		"native":        {"UPDATE balances SET value = value - 1 WHERE contract IS NULL", drill.Fail, "at block 20", asPlanned},
		"supply":        {`UPDATE supplies SET value = '\x01'`, drill.Fail, "total-supply", asPlanned},
		"behind a fork": {`UPDATE blocks SET hash = sha256(hash) WHERE number >= 13`, drill.Fail, "the first divergent block is 13", asPlanned},
		"hash of one":   {`UPDATE blocks SET hash = sha256(hash) WHERE number = 13`, drill.Fail, "block 13: the chain agrees", asPlanned},
		"ahead":         {`INSERT INTO blocks VALUES (30, sha256(''))`, drill.Fail, "5 blocks ahead of the node", asPlanned},

		"nonce too high": {"UPDATE accounts SET next = next + 1", drill.Warn, "neither on the chain nor pending", asPlanned},
		"nonce too low":  {"UPDATE accounts SET next = next - 1 WHERE next > 0", drill.Warn, "double-send hazard", asPlanned},
		"nonce may not": {"UPDATE accounts SET next = next - 1 WHERE next > 0", drill.Fail, "double-send hazard", func(c *drill.Chain) {
			c.NonceAhead = drill.Fail
		}},

		"other forms": {"", drill.Pass, "indexed up to block 20", func(c *drill.Chain) {
			c.Height = "SELECT max(number)::text, NULL::text FROM blocks"
			c.Hashes = "SELECT number::numeric(20,2), upper(encode(hash, 'hex')) FROM blocks WHERE number = ANY($1)"
			c.Balances = "SELECT '0x' || upper(encode(account, 'hex')), decode(substr(contract, 3), 'hex'), value::text || '.00' FROM balances"
			c.Supplies = "SELECT substr(contract, 3), '0x' || encode(value, 'hex') FROM supplies"
			c.Nonces = "SELECT decode(substr(account, 3), 'hex'), next::numeric FROM accounts"
			c.Contracts[0].Logs = "SELECT block::int, index::text, decode(tx, 'hex') FROM logs WHERE lower(contract) = lower($1) AND block >= $2 AND block <= $3 ORDER BY 1, 2"
		}},
		"only a height": {"", drill.Warn, "the database stores no hash", func(c *drill.Chain) {
			*c = drill.Chain{URL: c.URL, ChainID: c.ChainID, Genesis: c.Genesis, Height: "SELECT max(number) FROM blocks"}
		}},

		"nothing indexed": {"TRUNCATE blocks", drill.Fail, "chain.height answers no row", asPlanned},
		"NULL indexed":    {"TRUNCATE blocks", drill.Fail, "has indexed nothing", func(c *drill.Chain) { c.Height = "SELECT max(number) FROM blocks" }},
		"many heights":    {"", drill.Fail, "more than one row", func(c *drill.Chain) { c.Height = "SELECT number FROM blocks" }},
		"no height":       {"", drill.Fail, `"up" is no whole number`, func(c *drill.Chain) { c.Height = "SELECT 'up'" }},
		"columns":         {"", drill.Fail, "chain.nonces answers 1 columns; 2 are wanted", func(c *drill.Chain) { c.Nonces = "SELECT account FROM accounts" }},
		"no table":        {"DROP TABLE accounts", drill.Fail, `relation "accounts" does not exist`, asPlanned},
		"no logs":         {"DROP TABLE logs", drill.Fail, `relation "logs" does not exist`, asPlanned},
		"disorder": {"", drill.Fail, "order logs by block and index", func(c *drill.Chain) {
			c.Contracts[0].Logs += " DESC"
			c.Contracts[0].Logs = strings.Replace(c.Contracts[0].Logs, "ORDER BY block,", "ORDER BY block DESC,", 1)
		}},
		"odd account":  {"UPDATE accounts SET account = 'me' WHERE account = (SELECT max(account) FROM accounts)", drill.Fail, "chain.nonces, row", asPlanned},
		"odd amount":   {"", drill.Fail, "chain.supplies, row 1", func(c *drill.Chain) { c.Supplies = "SELECT contract, 1e30::float8 FROM supplies" }},
		"odd contract": {"", drill.Fail, "chain.balances, row 1", func(c *drill.Chain) { c.Balances = "SELECT account, 'ETH', value FROM balances" }},
		"too many rows": {"", drill.Fail, "let it sample them", func(c *drill.Chain) {
			c.Nonces = "SELECT a.account, n FROM generate_series(1, 100001) n, (SELECT account FROM accounts LIMIT 1) a"
		}},
		"writing": {"", drill.Fail, "read-only transaction", func(c *drill.Chain) { c.Supplies = "DELETE FROM supplies RETURNING contract, value" }},
	} {
		t.Run(name, func(t *testing.T) { x.check(t, c.change, c.want, c.says, c.plan) })
	}
}

// TestChainReorganised has a chain that takes back blocks that are indexed.
func TestChainReorganised(t *testing.T) {
	t.Parallel()
	x := newIndexed(t)
	x.node.Call(t, nil, "anvil_reorg", 6, []any{})
	onlyBlocks := func(c *drill.Chain) { c.Balances, c.Supplies, c.Nonces = "", "", "" }
	x.node.Mine(t, 1)
	// What is final by now was not when it was indexed.
	got := x.check(t, "", drill.Fail, "the first divergent block is 15", asPlanned)
	wantDetail(t, got, "block 15 is the first whose stored hash is not the chain's")
	x.node.Mine(t, 20)
	x.check(t, "", drill.Fail, "the first divergent block is 15", onlyBlocks)
	x.check(t, "DELETE FROM blocks WHERE number >= 15; DELETE FROM logs WHERE block >= 15", drill.Pass, "indexed up to block 14", onlyBlocks)
}

// TestChainReorganisedAboveFinality has a reorganisation that the indexer would undo.
func TestChainReorganisedAboveFinality(t *testing.T) {
	t.Parallel()
	x := newIndexed(t)
	x.node.Call(t, nil, "anvil_reorg", 1, []any{})
	got := x.check(t, "", drill.Warn, "the first divergent block is 20", func(c *drill.Chain) { c.Nonces = "" })
	wantDetail(t, got, "an ordinary reorganisation")
}

// TestChainNonceHazard has an account that went on sending after what was restored.
func TestChainNonceHazard(t *testing.T) {
	t.Parallel()
	x := newIndexed(t)
	x.transfer(t, 30)
	x.transfer(t, 31)
	x.check(t, "", drill.Warn, "(20 mined, the rest pending)", asPlanned)
	x.node.Mine(t, 1)
	got := x.check(t, "", drill.Warn, "the account sent transactions 20 to 21 after what was restored", asPlanned)
	if got.Items[0].Name != "nonce" || got.Items[0].Expected != "22" || got.Items[0].Observed != "20" {
		t.Errorf("got %+v", got.Items[0])
	}
	x.check(t, "", drill.Fail, "double-send hazard", func(c *drill.Chain) { c.NonceAhead = drill.Fail })
}

// TestChainUnreachable has a node, or a database, that can't be reached, and a wrong kind of surface.
func TestChainUnreachable(t *testing.T) {
	t.Parallel()
	x := newIndexed(t)
	r := x.restored(t, "")
	r.Servers["redis"] = drill.Server{Kind: "redis", URL: "redis://127.0.0.1:1/0"}
	rec := x.plan(asPlanned)
	rec.Surface = "redis"
	wantDetail(t, (&world{Runner: r}).run(t, rec, drill.Fail), "an index of a chain is read from postgres")
	rec.Surface = "other"
	wantDetail(t, (&world{Runner: r}).run(t, rec, drill.Fail), "surface other was not restored")

	x.node.Kill()
	if _, err := r.Run(t.Context(), x.plan(asPlanned)); !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), "HIDDEN") {
		t.Errorf("got %v", err)
	}
	x.pg.Kill()
	if _, err := r.Run(t.Context(), x.plan(asPlanned)); !fault.Is(err, fault.Unavailable) || strings.Contains(err.Error(), servers.PGPassword) {
		t.Errorf("got %v", err)
	}
}
