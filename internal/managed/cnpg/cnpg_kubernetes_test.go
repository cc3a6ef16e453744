//go:build kubernetes

package cnpg_test

import (
	"os"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/managed/cnpg"
	"github.com/lifeboat-dr/lifeboat/internal/managed/managedtest"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

var kube *servers.KubernetesServer

func TestMain(m *testing.M) { os.Exit(servers.RunWithKubernetes(m, &kube)) }

func config(d *servers.CNPG) managed.Config {
	return managed.Config{
		Kind: managed.KindCNPG, Instance: servers.CNPGInstance, URL: secret.String(d.PG.URL),
		CNPG: managed.CNPG{
			Config: cluster.Config{Kubeconfig: d.Kubeconfig}, Namespace: d.Namespace,
			Service: managed.ServiceNodePort, Address: d.Host + ":{port}",
		},
	}
}

func open(t *testing.T, c managed.Config) managed.Service {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	service, err := cnpg.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return service
}

func TestService(t *testing.T) {
	t.Parallel()
	d := servers.NewCNPG(t, kube)
	c := config(d)
	const token = "not-a-token-of-this-cluster"
	wrong := c
	wrong.Kubeconfig = kube.Stranger(t, token)
	managedtest.Run(t, managedtest.Subject{
		Cloud: d, Config: c, Denied: wrong, Wrong: token, Open: open,
		Archive: d.Archive, Interruptible: true,
		Elsewhere: func(c managed.Config, address string) managed.Config {
			c.Kubeconfig = kube.At(t, address)
			return c
		},
	})
}
