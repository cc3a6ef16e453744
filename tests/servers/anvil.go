package servers

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// erc20 is the creation code of erc20/Token.sol, made by solc 0.8.37 with
// --evm-version paris --optimize --optimize-runs 200 --no-cbor-metadata.
//
//go:embed erc20/Token.hex
var erc20 string

// AnvilChainID is the ID of the chain that every AnvilServer begins.
const AnvilChainID = 31337

// AnvilServer is an EVM node with a chain of its own. It mines when told to, and
// its accounts are unlocked.
type AnvilServer struct {
	*Process
	// URL takes JSON-RPC over HTTP, Address is its HOST:PORT.
	URL, Address string
	// Accounts have 10,000 units of the currency each.
	Accounts []string
}

// Anvil starts an EVM node. Further settings are given as on its command line:
// "--slots-in-an-epoch", "1" makes final what lies two blocks below the head.
func Anvil(t testing.TB, args ...string) *AnvilServer {
	t.Helper()
	a := &AnvilServer{Address: Address(t)}
	a.URL = "http://" + a.Address
	host, port, err := net.SplitHostPort(a.Address)
	if err != nil {
		t.Fatalf("split %q: %v", a.Address, err)
	}
	dir := t.TempDir()
	cmd := exec.Command(Tool(t, "anvil", "node_modules", "@foundry-rs", "anvil-linux-amd64", "bin", "anvil"),
		append([]string{"--host", host, "--port", port, "--cache-path", dir, "--no-mining", "--threads", "1", "--color", "never"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), "HOME="+dir)
	a.Process = Start(t, cmd, func() error { return a.call(&a.Accounts, "eth_accounts") })
	return a
}

// Call calls a method of JSON-RPC and decodes its result into out, if that is not nil.
func (a *AnvilServer) Call(t testing.TB, out any, method string, params ...any) {
	t.Helper()
	if err := a.call(out, method, params...); err != nil {
		t.Fatal(err)
	}
}

func (a *AnvilServer) call(out any, method string, params ...any) error {
	if params == nil {
		params = []any{}
	}
	body, err := json.Marshal(map[string]any{"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
	if err != nil {
		return fmt.Errorf("write %s: %w", method, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, a.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask %s: %w", method, err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask %s: %w", method, err)
	}
	defer res.Body.Close()
	var answer struct{ Result, Error json.RawMessage }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return fmt.Errorf("read the answer to %s: %w", method, err)
	}
	if answer.Error != nil {
		return fmt.Errorf("%s: %s", method, answer.Error)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer.Result, out)
}

// Mine mines blocks; what was sent is in the first of them.
func (a *AnvilServer) Mine(t testing.TB, blocks int) {
	t.Helper()
	a.Call(t, nil, "anvil_mine", fmt.Sprintf("%#x", blocks))
}

// Send sends a transaction from one of the accounts and gives its hash. An
// empty to deploys data as a contract. It is pending until the next Mine.
func (a *AnvilServer) Send(t testing.TB, from, to, data string) (hash string) {
	t.Helper()
	tx := map[string]string{"from": from, "data": data, "gas": "0x1000000"}
	if to != "" {
		tx["to"] = to
	}
	a.Call(t, &hash, "eth_sendTransaction", tx)
	return hash
}

// ERC20 deploys the token of erc20/Token.sol in a block of its own and gives its
// address. The first account has all of it, 1,000,000.
func (a *AnvilServer) ERC20(t testing.TB) (address string) {
	t.Helper()
	hash := a.Send(t, a.Accounts[0], "", "0x"+strings.TrimSpace(erc20))
	a.Mine(t, 1)
	var receipt *struct{ ContractAddress, Status string }
	a.Call(t, &receipt, "eth_getTransactionReceipt", hash)
	if receipt == nil || receipt.Status != "0x1" {
		t.Fatalf("the token's deployment failed: %+v", receipt)
	}
	return receipt.ContractAddress
}
