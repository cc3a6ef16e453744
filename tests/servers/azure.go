package servers

import (
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

const azureAccount = "testaccount"

// AzureServer is an emulator of Azure Blob Storage with its data in a temporary folder.
type AzureServer struct {
	*Process
	// Address is its HOST:PORT.
	Address string

	key        string
	containers atomic.Int32
}

// Azure starts an emulator of Azure Blob Storage.
func Azure(t testing.TB) *AzureServer {
	t.Helper()
	a := &AzureServer{Address: Address(t), key: base64.StdEncoding.EncodeToString([]byte("a key for tests alone"))}
	host, port, err := net.SplitHostPort(a.Address)
	if err != nil {
		t.Fatalf("split %q: %v", a.Address, err)
	}
	cmd := exec.Command("node", Tool(t, "node_modules", "azurite", "dist", "src", "blob", "main.js"),
		"--silent", "--disableTelemetry", "--skipApiVersionCheck", "--location", t.TempDir(), "--blobHost", host, "--blobPort", port)
	cmd.Env = append(cmd.Environ(), "AZURITE_ACCOUNTS="+azureAccount+":"+a.key)
	a.Process = Start(t, cmd, Dialable(a.Address))
	return a
}

// Container makes a new container and returns the configuration of a store in it.
func (a *AzureServer) Container(t testing.TB) store.Config {
	t.Helper()
	c := store.Config{
		Kind: "azure", Container: "container-" + strconv.Itoa(int(a.containers.Add(1))), ConnectionString: a.connection(a.Address, a.key),
	}
	client, err := container.NewClientFromConnectionString(c.ConnectionString.Reveal(), c.Container, nil)
	if err == nil {
		_, err = client.Create(context.Background(), nil)
	}
	if err != nil {
		t.Fatalf("make container %s: %v", c.Container, err)
	}
	return c
}

// Proxied returns a store's configuration with its endpoint behind a proxy.
func (a *AzureServer) Proxied(t testing.TB, c store.Config) (store.Config, *Proxy) {
	t.Helper()
	p := NewProxy(t, a.Address)
	c.ConnectionString = a.connection(p.Address, a.key)
	return c, p
}

// WrongKey returns a store's configuration with another key than the account's.
func (a *AzureServer) WrongKey(c store.Config) store.Config {
	c.ConnectionString = a.connection(a.Address, base64.StdEncoding.EncodeToString([]byte("some other key")))
	return c
}

func (a *AzureServer) connection(address, key string) secret.String {
	return secret.String(strings.Join([]string{
		"DefaultEndpointsProtocol=http", "AccountName=" + azureAccount, "AccountKey=" + key,
		fmt.Sprintf("BlobEndpoint=http://%s/%s", address, azureAccount),
	}, ";"))
}
