package managed_test

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

func cnpg() managed.Config {
	return managed.Config{Kind: managed.KindCNPG, Instance: "orders", CNPG: managed.CNPG{Namespace: "shop"}}
}

func TestConfigsOfCloudNativePG(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		change func(*managed.Config)
		want   string
	}{
		"the least": {func(*managed.Config) {}, ""},
		"all of it": {func(c *managed.Config) {
			c.CNPG = managed.CNPG{
				Config: cluster.Config{Kubeconfig: "/etc/kubeconfig", Context: "dr"}, Namespace: "shop", ObjectStore: "read-only",
				ServerName: "orders", EnvironmentNamespace: "drills", Service: managed.ServiceNodePort, Address: "node.example:{port}",
				Credentials: managed.CredentialsApp, StorageClass: "cheap", StorageSize: "20Gi", Instances: 2,
				Resources: map[string]map[string]string{"requests": {"memory": "2Gi"}, "limits": {"cpu": "500m"}}, EgressCIDRs: []string{"10.1.0.0/16"},
			}
		}, ""},
		"the cluster's domain": {func(c *managed.Config) { c.Address = "{name}-rw.{namespace}.svc.cluster.local:5432" }, ""},
		"a load balancer":      {func(c *managed.Config) { c.Service = managed.ServiceLoadBalancer }, ""},
		"no namespace":         {func(c *managed.Config) { c.Namespace = "" }, "namespace is missing"},
		"beside the source":    {func(c *managed.Config) { c.EnvironmentNamespace = "shop" }, "environmentNamespace must be another"},
		"a relative path":      {func(c *managed.Config) { c.Kubeconfig = "kubeconfig" }, "kubeconfig must be an absolute path"},
		"another service":      {func(c *managed.Config) { c.Service = "ClusterIP" }, "service must be NodePort or LoadBalancer"},
		"which node":           {func(c *managed.Config) { c.Service = managed.ServiceNodePort }, "address must be like NODE:{port}"},
		"no node":              {func(c *managed.Config) { c.Address = "node:{port}" }, "{port} in address needs service NodePort"},
		"no port":              {func(c *managed.Config) { c.Address = "{name}" }, "address must be like HOST:PORT"},
		"whose":                {func(c *managed.Config) { c.Credentials = "root" }, "credentials must be url, app or superuser"},
		"no size":              {func(c *managed.Config) { c.StorageSize = "big" }, "storageSize must be like 20Gi"},
		"negative size":        {func(c *managed.Config) { c.StorageSize = "-1Gi" }, "storageSize must be like 20Gi"},
		"no amount":            {func(c *managed.Config) { c.Resources = map[string]map[string]string{"requests": {"cpu": "lots"}} }, "resources must be like"},
		"no such resources":    {func(c *managed.Config) { c.Resources = map[string]map[string]string{"claims": nil} }, "requests and limits only"},
		"fewer than none":      {func(c *managed.Config) { c.Instances = -1 }, "instances can't be negative"},
		"no range":             {func(c *managed.Config) { c.EgressCIDRs = []string{"10.0.0.1"} }, "egressCIDRs must be like"},
		"of AWS":               {func(c *managed.Config) { c.Region = "eu-west-1" }, "region is no setting of kind cnpg"},
		"of Azure":             {func(c *managed.Config) { c.Subnet = "s" }, "subnet is no setting of kind cnpg"},
		"an endpoint":          {func(c *managed.Config) { c.Endpoint = "https://api" }, "endpoint is no setting of kind cnpg"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := cnpg()
			c.change(&config)
			err := config.Validate()
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (!fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
	for _, other := range []managed.Config{rds(), azure()} {
		other.Namespace = "shop"
		if err := other.Validate(); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "namespace is no setting of kind "+other.Kind) {
			t.Errorf("%s with a namespace: %v", other.Kind, err)
		}
	}
}
