package velero

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func configured(t testing.TB, v surface.Velero) *Surface {
	t.Helper()
	s, err := New("shop", surface.Config{
		Kind:    Kind,
		Cluster: surface.Cluster{Config: cluster.Config{Kubeconfig: "/nowhere"}, Namespaces: []string{"shop", "pay"}},
		Velero:  &v,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func asJSON(t testing.TB, of any) string {
	t.Helper()
	text, err := json.MarshalIndent(of, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func requireJSON(t testing.TB, what string, got any, want string) {
	t.Helper()
	var a, b any
	if err := json.Unmarshal([]byte(asJSON(t, got)), &a); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b, a); diff != "" {
		t.Errorf("%s: %s", what, diff)
	}
}

// TestSchedulesAreWhatTheChartMakes has every row of the table of the chart's settings.
func TestSchedulesAreWhatTheChartMakes(t *testing.T) {
	t.Parallel()
	no, yes := false, true
	for name, c := range map[string]struct {
		schedule surface.VeleroSchedule
		want     string
	}{
		"the defaults": {surface.VeleroSchedule{}, `{"schedule": "0 2 * * *", "template": {
			"includedNamespaces": ["shop", "pay"], "excludedResources": ["events", "events.events.k8s.io"],
			"defaultVolumesToFsBackup": true, "storageLocation": "default", "ttl": "720h0m0s"}}`},
		"schedule.cron and schedule.paused": {
			surface.VeleroSchedule{Cron: "15 1 * * 1", Paused: true},
			`{"schedule": "15 1 * * 1", "paused": true, "template": {
			"includedNamespaces": ["shop", "pay"], "excludedResources": ["events", "events.events.k8s.io"],
			"defaultVolumesToFsBackup": true, "storageLocation": "default", "ttl": "720h0m0s"}}`,
		},
		"retention.days, includeAllPVCs, labelSelector": {
			surface.VeleroSchedule{VeleroBackup: surface.VeleroBackup{
				RetentionDays: 3, IncludeAllPVCs: &no, SnapshotVolumes: &yes,
				LabelSelector: map[string]string{"kots.io/app-slug": "settlemint-dalp"}, ExcludedResources: []string{},
			}},
			`{"schedule": "0 2 * * *", "template": {"includedNamespaces": ["shop", "pay"],
			"labelSelector": {"matchLabels": {"kots.io/app-slug": "settlemint-dalp"}}, "snapshotVolumes": true,
			"defaultVolumesToFsBackup": false, "storageLocation": "default", "ttl": "72h0m0s"}}`,
		},
		"the support chart": {
			surface.VeleroSchedule{Preset: "support"},
			`{"schedule": "0 */4 * * *", "template": {
			"includedNamespaces": ["shop", "pay"], "excludedResources": ["events", "events.events.k8s.io"],
			"defaultVolumesToFsBackup": true, "storageLocation": "default", "ttl": "168h0m0s"}}`,
		},
	} {
		s := configured(t, surface.Velero{Schedules: map[string]surface.VeleroSchedule{"x": c.schedule}})
		wanted, err := s.wanted()
		if err != nil {
			t.Fatal(err)
		}
		if names := slices.Collect(maps.Keys(wanted[schedules])); len(names) != 1 || names[0] != "shop-x" || len(wanted[locations]) != 0 {
			t.Errorf("%s: %v", name, wanted)
		}
		requireJSON(t, name, wanted[schedules]["shop-x"], c.want)
	}
}

func TestASelectorOfTheSurfaceIsThatOfItsBackups(t *testing.T) {
	t.Parallel()
	s := configured(t, surface.Velero{})
	s.cluster.LabelSelector, s.cluster.ExcludeResources = "app in (a,b),!skip", []string{"widgets.example.com"}
	spec, err := s.backupSpec(surface.VeleroBackup{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	requireJSON(t, "backup", spec, `{"includedNamespaces": ["shop", "pay"],
		"excludedResources": ["events", "events.events.k8s.io", "widgets.example.com"],
		"labelSelector": {"matchExpressions": [{"key": "app", "operator": "In", "values": ["a", "b"]}, {"key": "skip", "operator": "DoesNotExist"}]},
		"defaultVolumesToFsBackup": true, "storageLocation": "default", "ttl": "1h0m0s"}`)
}

func TestLocations(t *testing.T) {
	t.Parallel()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, []byte("PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		storage surface.VeleroStorage
		want    string
	}{
		"AWS": {
			surface.VeleroStorage{Provider: "s3", Bucket: "b", Prefix: "/p/", Region: "eu-west-1", Default: true},
			`{"provider": "aws", "accessMode": "ReadWrite", "default": true, "config": {"region": "eu-west-1"}, "objectStorage": {"bucket": "b", "prefix": "p"}}`,
		},
		"S3-compatible": {
			surface.VeleroStorage{
				Provider: "s3", Bucket: "b", Region: "r", Endpoint: "https://minio:9000", PublicEndpoint: "https://minio.example.com",
				CAFile: ca, Credential: surface.VeleroCredential{Name: "keys"}, AccessMode: "ReadOnly",
			},
			`{"provider": "aws", "accessMode": "ReadOnly", "credential": {"name": "keys", "key": "cloud"},
			"config": {"region": "r", "s3Url": "https://minio:9000", "publicUrl": "https://minio.example.com", "s3ForcePathStyle": "true"},
			"objectStorage": {"bucket": "b", "caCert": "UEVN"}}`,
		},
		"Azure": {
			surface.VeleroStorage{
				Provider: "azure", Bucket: "b", ResourceGroup: "g", StorageAccount: "a", Subscription: "s",
				Credential: surface.VeleroCredential{Name: "keys", Key: "azure"},
			},
			`{"provider": "azure", "accessMode": "ReadWrite", "credential": {"name": "keys", "key": "azure"},
			"config": {"resourceGroup": "g", "storageAccount": "a", "subscriptionId": "s"}, "objectStorage": {"bucket": "b"}}`,
		},
		"GCS": {
			surface.VeleroStorage{Provider: "gcs", Bucket: "b", ServiceAccount: "a@b.iam"},
			`{"provider": "gcp", "accessMode": "ReadWrite", "config": {"serviceAccount": "a@b.iam"}, "objectStorage": {"bucket": "b"}}`,
		},
	} {
		got, err := locationOf(c.storage)
		if err != nil {
			t.Fatal(err)
		}
		requireJSON(t, name, got, c.want)
	}
	if _, err := locationOf(surface.VeleroStorage{CAFile: ca + "x"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a CA file that isn't there: %v", err)
	}
}

func TestWhatWasChangedByHandIsSeen(t *testing.T) {
	t.Parallel()
	want := map[string]any{"schedule": "0 2 * * *", "template": map[string]any{"ttl": "1h0m0s", "includedNamespaces": []any{"a"}}}
	is := map[string]any{
		"schedule": "0 2 * * *", "paused": nil,
		"template": map[string]any{"ttl": "1h0m0s", "includedNamespaces": []any{"a"}, "hooks": map[string]any{}, "csiSnapshotTimeout": "0s", "orderedResources": []any{}},
	}
	if diff := differing("spec", tidy(want), tidy(is)); len(diff) > 0 {
		t.Errorf("what Velero writes of its own counts as a change: %v", diff)
	}
	is["template"].(map[string]any)["excludedNamespaces"] = []any{"b"}
	is["template"].(map[string]any)["ttl"] = "2h0m0s"
	is["paused"] = true
	diff := differing("spec", tidy(want), tidy(is))
	if want := []string{"spec.paused", "spec.template.excludedNamespaces", "spec.template.ttl"}; !slices.Equal(diff, want) {
		t.Errorf("%v", diff)
	}
}

func TestSettingsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	good := surface.Config{Kind: Kind, Cluster: surface.Cluster{Namespaces: []string{"a"}}, Velero: &surface.Velero{}}
	for name, c := range map[string]func(*surface.Config){
		"another kind":  func(c *surface.Config) { c.Kind = "redis" },
		"no namespaces": func(c *surface.Config) { c.Namespaces = nil },
		"no velero":     func(c *surface.Config) { c.Velero = nil },
		"run":           func(c *surface.Config) { c.Velero = &surface.Velero{Run: "x"} },
		"labelSelector": func(c *surface.Config) { c.LabelSelector = "a in b" },
	} {
		bad := good
		c(&bad)
		if _, err := New("x", bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, err := New("x", good); err != nil || s.Kind() != "velero" {
		t.Error(err)
	}
}

func TestALocationWithBackupsIsInUse(t *testing.T) {
	t.Parallel()
	in := func(location string) backup { return backup{Spec: backupSpec{StorageLocation: location}} }
	all := []backup{in("old"), in("new"), in("old"), in("")}
	for location, want := range map[string]int{"old": 2, "new": 1, "other": 0} {
		if got := within(all, location); got != want {
			t.Errorf("%d Backups are in %s, not %d", got, location, want)
		}
	}
	seen := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"uid": "u", "resourceVersion": "7"}}}
	if p := asSeen(seen).Preconditions; p == nil || *p.UID != "u" || *p.ResourceVersion != "7" {
		t.Errorf("the deletion's conditions are %+v", p)
	}
}
