package azure_test

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/managed/azure"
	"github.com/lifeboat-dr/lifeboat/internal/managed/managedtest"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

func open(t *testing.T, c managed.Config) managed.Service {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	service, err := azure.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return service
}

func TestService(t *testing.T) {
	t.Parallel()
	d := managedtest.NewAzure(managedtest.NewCloud(t))
	c := d.Config()
	c.URL = secret.String(d.PG.URL)
	wrong := c
	wrong.ClientSecret = "not-the-client-secret"
	managedtest.Run(t, managedtest.Subject{
		Cloud: d.Cloud, Config: c, Denied: wrong, Wrong: wrong.ClientSecret.Reveal(), Open: open,
	})
	t.Run("PlacedAsTheSource", func(t *testing.T) {
		placed(t, d, c, managedtest.Subnet, managedtest.PrivateDNSZone)
	})
	t.Run("PlacedAsConfigured", func(t *testing.T) {
		c := c
		c.Subnet, c.PrivateDNSZone = managedtest.Subnet+"-drills", managedtest.PrivateDNSZone+"-drills"
		placed(t, d, c, c.Subnet, c.PrivateDNSZone)
	})
	t.Run("PublicStaysPublic", func(t *testing.T) {
		d.Public.Store(true)
		defer d.Public.Store(false)
		placed(t, d, c, "", "")
	})
	t.Run("SeenLate", func(t *testing.T) { seenLate(t, d, c) })
	t.Run("FailsUnseen", func(t *testing.T) { failsUnseen(t, d, c) })
	t.Run("NoResourceGroup", func(t *testing.T) {
		c := c
		c.ResourceGroup = "never-was"
		// A server in a group that isn't there is not gone: the configuration is wrong.
		if _, err := open(t, c).Status(t.Context(), "any"); !fault.Is(err, fault.Missing) || !strings.Contains(err.Error(), "resourceGroup") {
			t.Errorf("a missing resource group: %v", err)
		}
	})
}

func placed(t *testing.T, d *managedtest.Azure, c managed.Config, subnet, zone string) {
	name := strings.ToLower(t.Name()[len("TestService/"):])
	managedtest.Restored(t, open(t, c), managed.Request{Name: name, At: d.Earliest})
	got := d.Asked(name)
	if got["delegatedSubnetResourceId"] != subnet || got["privateDnsZoneArmResourceId"] != zone {
		t.Errorf("the server is placed in %v, want %s and %s", got, subnet, zone)
	}
}

// seenLate has the service tell of a server only after a while.
func seenLate(t *testing.T, d *managedtest.Azure, c managed.Config) {
	d.VisibleAfter.Store(2)
	defer d.VisibleAfter.Store(1)
	release := d.Hold()
	service, request := open(t, c), managed.Request{Name: "seen-late"}
	if err := service.Restore(t.Context(), request); err != nil {
		t.Fatal(err)
	}
	release()
	// A worker that has not begun it finds it as well.
	begun := d.Restores()
	if err := open(t, c).Restore(t.Context(), request); err != nil || d.Restores() != begun {
		t.Errorf("another worker's attempt: %v, and %d restores begun by it", err, d.Restores()-begun)
	}
	managedtest.Restored(t, service, request)
}

// failsUnseen has an operation fail before there is a server.
func failsUnseen(t *testing.T, d *managedtest.Azure, c managed.Config) {
	d.VisibleAfter.Store(1 << 20)
	defer d.VisibleAfter.Store(1)
	d.FailRestores(true)
	defer d.FailRestores(false)
	service, request := open(t, c), managed.Request{Name: "fails-unseen"}
	err := service.Restore(t.Context(), request)
	if !fault.Is(err, fault.Internal) || !strings.Contains(err.Error(), "InternalServerError") {
		t.Fatalf("a restore that has failed at once: %v", err)
	}
	d.Remove(request.Name)
	d.FailRestores(false)
	d.VisibleAfter.Store(1)
	managedtest.Restored(t, service, request)
}
