package managed_test

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
)

func rds() managed.Config {
	return managed.Config{Kind: managed.KindRDS, Instance: "orders", Region: "eu-west-1", SecurityGroups: []string{"sg-1"}}
}

func azure() managed.Config {
	return managed.Config{Kind: managed.KindAzure, Instance: "orders", Subscription: "s", ResourceGroup: "g"}
}

func TestConfigsThatAreFine(t *testing.T) {
	t.Parallel()
	keys, client := rds(), azure()
	keys.AccessKeyID, keys.SecretAccessKey, keys.Endpoint = "a", "s", "http://127.0.0.1:1"
	client.TenantID, client.ClientID, client.ClientSecret, client.Endpoint = "t", "c", "s", "https://management.example"
	client.URL = "postgresql://u:p@h/d"
	for _, c := range []managed.Config{rds(), azure(), keys, client} {
		if err := c.Validate(); err != nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestConfigsThatAreWrong(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		base   managed.Config
		change func(*managed.Config)
		want   []string
	}{
		"no kind":         {rds(), func(c *managed.Config) { c.Kind = "" }, []string{"kind must be rds, azure-flexible or cnpg"}},
		"no instance":     {rds(), func(c *managed.Config) { c.Instance = "" }, []string{"instance is missing"}},
		"half a key":      {rds(), func(c *managed.Config) { c.AccessKeyID = "a" }, []string{"secretAccessKey is missing"}},
		"other half":      {rds(), func(c *managed.Config) { c.SecretAccessKey = "hidden" }, []string{"accessKeyId is missing"}},
		"of Azure":        {rds(), func(c *managed.Config) { c.Subnet = "s" }, []string{"subnet is no setting of kind rds"}},
		"of AWS":          {azure(), func(c *managed.Config) { c.Region = "r" }, []string{"region is no setting of kind azure-flexible"}},
		"nowhere":         {azure(), func(c *managed.Config) { c.Subscription, c.ResourceGroup = "", "" }, []string{"subscription is missing", "resourceGroup is missing"}},
		"half a client":   {azure(), func(c *managed.Config) { c.ClientID = "c" }, []string{"tenantId, clientSecret is missing"}},
		"in the clear":    {azure(), func(c *managed.Config) { c.Endpoint = "http://h" }, []string{"endpoint must be like https://HOST"}},
		"clear authority": {azure(), func(c *managed.Config) { c.Authority = "http://h" }, []string{"authority must be like https://HOST"}},
		"a login in it":   {rds(), func(c *managed.Config) { c.Endpoint = "https://u:hidden@h" }, []string{"endpoint must be like"}},
		"no URL":          {rds(), func(c *managed.Config) { c.URL = "hidden" }, []string{"url must be like postgres://"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.change(&c.base)
			err := c.base.Validate()
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("got %v, want a fault of kind invalid", err)
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q shows a secret, or has several lines", err)
			}
		})
	}
}
