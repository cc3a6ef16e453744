package all_test

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/managed/all"
	"github.com/lifeboat-dr/lifeboat/internal/managed/azure"
	"github.com/lifeboat-dr/lifeboat/internal/managed/rds"
)

const surface = "postgres://app:secret@db/orders"

func TestOpensTheServiceOfAKind(t *testing.T) {
	t.Parallel()
	aws, err := all.Open(t.Context(), managed.Config{Kind: managed.KindRDS, Instance: "orders", Region: "eu-west-1"}, surface)
	if _, ok := aws.(*rds.Service); !ok || err != nil {
		t.Errorf("%T, %v", aws, err)
	}
	arm, err := all.Open(t.Context(), managed.Config{
		Kind: managed.KindAzure, Instance: "orders", Subscription: "s", ResourceGroup: "g",
		TenantID: "00000000-0000-0000-0000-000000000000", ClientID: "c", ClientSecret: "s",
	}, surface)
	if _, ok := arm.(*azure.Service); !ok || err != nil {
		t.Errorf("%T, %v", arm, err)
	}
}

func TestRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]managed.Config{
		"nothing": {},
		"no such authority": {
			Kind: managed.KindRDS, Instance: "orders", Region: "eu-west-1", CAFile: "/nonexistent/ca.pem",
		},
		"no such authority in Azure": {
			Kind: managed.KindAzure, Instance: "orders", Subscription: "s", ResourceGroup: "g", CAFile: "/nonexistent/ca.pem",
		},
	} {
		if _, err := all.Open(t.Context(), c, surface); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range []managed.Config{
		{Kind: managed.KindRDS, Instance: "orders", Region: "eu-west-1"},
		{Kind: managed.KindAzure, Instance: "orders", Subscription: "s", ResourceGroup: "g"},
	} {
		if _, err := all.Open(t.Context(), c, "redis://db"); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s with another database's URL: %v", c.Kind, err)
		}
	}
}
