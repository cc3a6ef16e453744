package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/managed/managedtest"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	surfaces "github.com/lifeboat-dr/lifeboat/internal/surface/all"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

const managedConfig = `listen: %LISTEN%
dataDir: %DATA%
encryption: {identity: IDENTITY}
stores:
  primary: {kind: local, dir: %STORE%}
surfaces:
  main: {kind: postgres, url: "POSTGRES", managed: {MANAGED}}
`

const managedSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

// managedSite is a site with a database that the double of a provider runs.
func managedSite(t *testing.T, cloud *managedtest.Cloud, c managed.Config) *site {
	t.Helper()
	identity, _, err := seal.GenerateIdentity()
	if err != nil {
		t.Fatal(err)
	}
	c.SecretAccessKey = ""
	if c.AccessKeyID != "" {
		c.SecretAccessKey = managedSecret
	}
	var settings []string
	for name, value := range map[string]string{
		"kind": c.Kind, "instance": c.Instance, "region": c.Region, "accessKeyId": c.AccessKeyID, "secretAccessKey": c.SecretAccessKey.Reveal(),
		"subscription": c.Subscription, "resourceGroup": c.ResourceGroup, "tenantId": c.TenantID, "clientId": c.ClientID,
		"clientSecret": c.ClientSecret.Reveal(), "authority": c.Authority, "endpoint": c.Endpoint, "caFile": c.CAFile,
	} {
		if value != "" {
			settings = append(settings, fmt.Sprintf("%s: %q", name, value))
		}
	}
	return newSite(t, strings.NewReplacer("IDENTITY", identity.Reveal(), "POSTGRES", cloud.PG.URL,
		"MANAGED", strings.Join(settings, ", ")).Replace(managedConfig))
}

// managedServer is what a provider restored.
type managedServer struct {
	recoveredServer
	Provider, Instance string
}

// mark has the source hold the time, as a policy with a marker would.
func mark(t *testing.T, live string) {
	t.Helper()
	s, err := surfaces.Open("main", surface.Config{Kind: "postgres", URL: secret.String(live)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	done := make(chan error, 1)
	go func() { done <- s.(surface.Marker).Mark(ctx, 50*time.Millisecond) }()
	eventually(t, time.Minute, "the source holds the time", func() bool {
		_, err := s.(surface.Marker).Marked(t.Context(), surface.Target{URL: secret.String(live)})
		return err == nil
	})
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

func passwordOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	return password
}

// nextSecond waits until the source's clock has passed a whole second, and returns it.
func nextSecond(t *testing.T, live string) string {
	t.Helper()
	at := text(t, live, `SELECT to_char(date_trunc('second', clock_timestamp() AT TIME ZONE 'UTC') + interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')`)
	eventually(t, time.Minute, "it is "+at, func() bool {
		return text(t, live, `SELECT clock_timestamp() > '`+at+`'::timestamptz`) == "true"
	})
	return at
}

// TestManagedRecovery is the accident of TestPointInTimeRecovery where a provider keeps the backups.
func TestManagedRecovery(t *testing.T) {
	t.Parallel()
	for kind, double := range map[string]func(*managedtest.Cloud) managed.Config{
		managed.KindRDS:   func(c *managedtest.Cloud) managed.Config { return managedtest.NewRDS(c).Config() },
		managed.KindAzure: func(c *managedtest.Cloud) managed.Config { return managedtest.NewAzure(c).Config() },
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			cloud := managedtest.NewCloud(t)
			s := managedSite(t, cloud, double(cloud))
			s.start(t, "up")
			s.managedWindow(t, cloud, kind)
			s.managedAccident(t, cloud, kind)
			s.managedLatest(t, cloud)
			s.managedRefusals(t, cloud)
		})
	}
}

func (s *site) managedWindow(t *testing.T, cloud *managedtest.Cloud, kind string) {
	t.Helper()
	if stdout, stderr, code := s.run(t, "check"); code != 0 || !strings.Contains(stdout, kind+", ") {
		t.Errorf("check: exit %d, %s%s", code, stdout, stderr)
	}
	var byCommand, byREST window
	s.ask(t, &byCommand, "pitr", "status", "main")
	if status := s.call(t, http.MethodGet, "/v1/pitr/main", "", &byREST); status != http.StatusOK {
		t.Errorf("GET the window: %d", status)
	}
	for _, w := range []window{byCommand, byREST} {
		if w.Store != kind || !w.Earliest.Equal(cloud.Earliest) || w.Latest.Before(w.Earliest) || w.Gaps == nil || len(w.Gaps)+len(w.Alarms) != 0 {
			t.Errorf("the window is %+v, want it from %v", w, cloud.Earliest)
		}
	}
	if stdout, _, _ := s.run(t, "pitr", "status", "main"); !strings.Contains(stdout, managedtest.Source) || strings.Contains(stdout, "LSN") {
		t.Errorf("for people: %s", stdout)
	}
}

func (s *site) managedAccident(t *testing.T, cloud *managedtest.Cloud, kind string) {
	t.Helper()
	live := cloud.PG.URL
	execSQL(t, live, `CREATE TABLE lines AS SELECT generate_series(1, 1000) AS n`)
	mark(t, live)
	at := nextSecond(t, live)
	execSQL(t, live, `DROP TABLE lines`)
	// The fraction is more than providers promise: they restore to the second before.
	asked := strings.Replace(at, "Z", ".4Z", 1)
	eventually(t, time.Minute, "the window holds "+at, func() bool {
		var w window
		s.ask(t, &w, "pitr", "status", "main")
		return w.Latest.Format(time.RFC3339) > at
	})
	var back managedServer
	s.ask(t, &back, "pitr", "restore", "main", "--at", asked)
	if back.State != "restored" || back.Asked != asked || back.Provider != kind || !cloud.Has(back.Instance) {
		t.Fatalf("restored: %+v", back)
	}
	if got := text(t, back.URL, `SELECT count(*) FROM lines`); got != "1000" {
		t.Errorf("%s lines, want 1000", got)
	}
	if r := back.Reached; r.Time.IsZero() || r.Time.Format(time.RFC3339) > at || r.Marker.IsZero() || r.LossSeconds == nil || *r.LossSeconds < 0 || r.LSN == "0/0" {
		t.Errorf("reached %+v", r)
	}
	var checks strings.Builder
	for _, c := range back.Checks {
		fmt.Fprintln(&checks, c.Name+": "+c.Result)
	}
	for _, want := range []string{"provider: " + kind + " restored to " + at, "server: PostgreSQL ", "marker: "} {
		if !strings.Contains(checks.String(), want) {
			t.Errorf("checks without %q:\n%s", want, checks.String())
		}
	}
	for _, event := range history(t, s.temporal(t), back.WorkflowID, "") {
		raw, err := proto.Marshal(event)
		if err != nil {
			t.Fatal(err)
		}
		for _, hush := range []string{passwordOf(t, live), managedSecret, managedtest.ClientSecret} {
			if bytes.Contains(raw, []byte(hush)) {
				t.Errorf("a secret is in the history: %v", event.GetEventType())
			}
		}
	}
	if stdout, stderr, code := s.run(t, "pitr", "delete", "main", back.ID); code != 0 || !strings.Contains(stdout, back.Instance) {
		t.Errorf("delete: exit %d, %q %q", code, stdout, stderr)
	}
	if cloud.Has(back.Instance) || !cloud.Has(managedtest.Source) {
		t.Error("the wrong instance is deleted")
	}
	if kind == managed.KindRDS {
		s.record(t, map[string]string{"recover-managed": back.WorkflowID, "remove": s.latest(t, workflows.RemoveName)})
	}
	if _, stderr, code := s.run(t, "pitr", "delete", "main", back.ID); code != 1 || !strings.Contains(stderr, back.Instance) || strings.Count(stderr, "\n") != 1 {
		t.Errorf("delete again: exit %d, %q", code, stderr)
	}
}

func (s *site) managedLatest(t *testing.T, cloud *managedtest.Cloud) {
	t.Helper()
	execSQL(t, cloud.PG.URL, `CREATE TABLE lately AS SELECT 'the last one' AS note`)
	var run started
	if status := s.call(t, http.MethodPost, "/v1/pitr/main/restore", `{"at":"latest"}`, &run); status != http.StatusAccepted {
		t.Fatalf("status %d", status)
	}
	var got struct {
		State, URL, Error string
		Result            managedServer
	}
	eventually(t, 2*time.Minute, "the recovery is done", func() bool {
		s.call(t, http.MethodGet, "/v1/admin/recoveries/"+run.ID, "", &got)
		return got.State != "running" && got.State != ""
	})
	if got.State != "done" || got.URL == "" {
		t.Fatalf("the recovery: %+v", got)
	}
	if note := text(t, got.URL, `SELECT note FROM lately`); note != "the last one" {
		t.Errorf("the note is %q", note)
	}
	if status := s.call(t, http.MethodDelete, "/v1/pitr/main/instances/"+run.ID, "", nil); status != http.StatusAccepted {
		t.Fatalf("status %d", status)
	}
	var removal struct{ State, Error string }
	eventually(t, time.Minute, "the instance is gone", func() bool {
		s.call(t, http.MethodGet, "/v1/admin/removals/"+run.ID, "", &removal)
		return removal.State == "done"
	})
	if cloud.Has(got.Result.Instance) {
		t.Errorf("%s is still there", got.Result.Instance)
	}
}

func (s *site) managedRefusals(t *testing.T, cloud *managedtest.Cloud) {
	t.Helper()
	begun := cloud.Restores()
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--at", "16/B374D848"}, 2, "16/B374D848"},
		{[]string{"--at", "4711"}, 2, "4711"},
		{[]string{"--at", "before the accident"}, 2, "before the accident"},
		{[]string{"--at", "latest", "--dir", "/elsewhere"}, 2, "--dir"},
		{[]string{"--at", "2001-01-01T00:00:00Z"}, 1, "the earliest to be had is " + cloud.Earliest.UTC().Format(time.RFC3339)},
		{[]string{"--at", "2101-01-01T00:00:00Z"}, 1, "the latest to be had is "},
	} {
		stdout, stderr, code := s.run(t, append([]string{"pitr", "restore", "main"}, c.args...)...)
		if code != c.code || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, c.want) {
			t.Errorf("%v: exit %d, %q %q, want exit %d and %q", c.args, code, stdout, stderr, c.code, c.want)
		}
	}
	if n := cloud.Restores() - begun; n != 0 {
		t.Errorf("%d restores were begun", n)
	}
}
