package rds_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/managed/managedtest"
	"github.com/lifeboat-dr/lifeboat/internal/managed/rds"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

const secretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

// signed signs what came, and compares.
func signed(r *http.Request, body []byte) bool {
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	// The signature covers the headers that it names and no others.
	_, list, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	list, _, _ = strings.Cut(list, ",")
	again := &http.Request{Method: r.Method, URL: r.URL, Host: r.Host, Header: http.Header{}, ContentLength: r.ContentLength}
	for name := range strings.SplitSeq(list, ";") {
		for _, value := range r.Header.Values(name) {
			again.Header.Add(name, value)
		}
	}
	again.URL.Host = r.Host
	sum := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: managedtest.AccessKeyID, SecretAccessKey: secretKey}
	err = v4.NewSigner().SignHTTP(r.Context(), credentials, again, hex.EncodeToString(sum[:]), "rds", managedtest.Region, at)
	return err == nil && again.Header.Get("Authorization") == r.Header.Get("Authorization")
}

func double(t *testing.T) *managedtest.RDS {
	d := managedtest.NewRDS(managedtest.NewCloud(t))
	d.Signed = signed
	return d
}

func config(d *managedtest.RDS) managed.Config {
	c := d.Config()
	c.URL, c.SecretAccessKey = secret.String(d.PG.URL), secretKey
	return c
}

func open(t *testing.T, c managed.Config) managed.Service {
	t.Helper()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	service, err := rds.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return service
}

func TestService(t *testing.T) {
	t.Parallel()
	d := double(t)
	c := config(d)
	wrong := c
	wrong.SecretAccessKey = "not-the-secret-key"
	managedtest.Run(t, managedtest.Subject{
		Cloud: d.Cloud, Config: c, Denied: wrong, Wrong: wrong.SecretAccessKey.Reveal(), Open: open,
	})
	t.Run("PlacedAsTheSource", func(t *testing.T) {
		placed(t, d, c, map[string]string{
			"DBSubnetGroupName": "private", "DBParameterGroupName": "tuned", "DBInstanceClass": "",
			"VpcSecurityGroupIds.VpcSecurityGroupId.1": "sg-1", "VpcSecurityGroupIds.VpcSecurityGroupId.2": "sg-2",
		})
	})
	t.Run("PlacedAsConfigured", func(t *testing.T) {
		c := c
		c.SubnetGroup, c.ParameterGroup, c.InstanceClass, c.SecurityGroups = "drills", "small", "db.t4g.medium", []string{"sg-9"}
		placed(t, d, c, map[string]string{
			"DBSubnetGroupName": "drills", "DBParameterGroupName": "small", "DBInstanceClass": "db.t4g.medium",
			"VpcSecurityGroupIds.VpcSecurityGroupId.1": "sg-9", "VpcSecurityGroupIds.VpcSecurityGroupId.2": "",
		})
	})
	t.Run("WrongKeyID", func(t *testing.T) {
		c := c
		c.AccessKeyID = "AKIDANOTHER"
		if _, err := open(t, c).Window(t.Context()); !fault.Is(err, fault.Denied) {
			t.Errorf("an unknown access key: %v", err)
		}
	})
}

func placed(t *testing.T, d *managedtest.RDS, c managed.Config, want map[string]string) {
	name := strings.ToLower(t.Name()[len("TestService/"):])
	managedtest.Restored(t, open(t, c), managed.Request{Name: name, At: d.Earliest})
	want["PubliclyAccessible"], want["DeletionProtection"], want["MultiAZ"] = "false", "false", "false"
	want["RestoreTime"] = d.Earliest.UTC().Format(time.RFC3339)
	got := d.Asked(name)
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
}

func TestSourceIsDeleted(t *testing.T) {
	t.Parallel()
	d := double(t)
	d.Earlier = []managedtest.AutomatedBackup{{
		Identifier: managedtest.Source, Resource: "db-OLD", Status: "retained",
		Earliest: d.Earliest.Add(-48 * time.Hour), Latest: d.Earliest.Add(-24 * time.Hour),
	}}
	c := config(d)
	d.Remove(managedtest.Source)
	got, err := open(t, c).Window(t.Context())
	if err != nil || !got.Earliest.Equal(d.Earliest) {
		t.Errorf("the window of retained backups begins at %v, want %v: %v", got.Earliest, d.Earliest, err)
	}
	request := managed.Request{Name: "from-retained"}
	if err := open(t, c).Restore(t.Context(), request); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "subnetGroup") {
		t.Errorf("a restore to nobody knows where: %v", err)
	}
	c.SubnetGroup, c.SecurityGroups = "private", []string{"sg-1"}
	managedtest.Restored(t, open(t, c), request)
	if asked := d.Asked(request.Name); asked["SourceDbiResourceId"] == "" || asked["SourceDBInstanceIdentifier"] != "" {
		t.Errorf("the restore is of %v", asked)
	}
}
