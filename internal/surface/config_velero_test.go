package surface_test

import (
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

func readVelero(t *testing.T, text string) surface.Config {
	t.Helper()
	c := surface.Config{Kind: surface.KindVelero}
	decoder := yaml.NewDecoder(strings.NewReader("namespaces: [shop]\n" + text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSettingsOfVeleroThatMakeSense(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing but the kind": "velero: {}",
		"S3": `velero:
  namespace: backup
  storage: {name: main, provider: s3, bucket: b, prefix: p, region: eu-west-1, credential: {name: s, key: k}, default: true}
  schedules:
    nightly: {}
    hourly: {preset: hourly, labelSelector: {kots.io/app-slug: settlemint-dalp}}
    own: {cron: "*/5 1-3 * JAN MON", ttl: 36h, paused: true, includeAllPVCs: false, snapshotVolumes: true, excludedResources: []}
  run: adopt
  schedule: nightly
  allowPartial: true`,
		"another service than AWS": `velero: {storage: {provider: s3, bucket: b, region: r, endpoint: "https://s3.example.com:9000", publicEndpoint: "https://s3.example.org", caFile: /ca.pem}}`,
		"Azure":                    `velero: {storage: {provider: azure, bucket: b, resourceGroup: g, storageAccount: a, subscription: s}, backup: {retentionDays: 7}}`,
		"Google":                   `velero: {storage: {provider: gcs, bucket: b, serviceAccount: a@b.iam}}`,
		"a location of others":     `velero: {storage: {name: theirs}}`,
	} {
		if wrong := readVelero(t, text).Problems(); len(wrong) > 0 {
			t.Errorf("%s: %v", name, wrong)
		}
	}
}

func TestSettingsOfVeleroThatMakeNone(t *testing.T) {
	t.Parallel()
	for setting, text := range map[string]string{
		"velero.namespace":                     `velero: {namespace: "Two Words"}`,
		"velero.run":                           `velero: {run: sometimes}`,
		"velero.schedule":                      `velero: {run: adopt}`,
		"velero.backup":                        `velero: {run: adopt, schedule: x, backup: {retentionDays: 3}}`,
		"velero.backup.ttl":                    `velero: {backup: {retentionDays: 3, ttl: 3h}}`,
		"velero.backup.excludedResources":      `velero: {backup: {excludedResources: ["*"]}}`,
		"velero.storage.provider":              `velero: {storage: {bucket: b}}`,
		"velero.storage.bucket":                `velero: {storage: {provider: s3}}`,
		"velero.storage.storageAccount":        `velero: {storage: {provider: azure, bucket: b}}`,
		"velero.storage.region":                `velero: {storage: {provider: gcs, bucket: b, region: r}}`,
		"velero.storage.serviceAccount":        `velero: {storage: {provider: s3, bucket: b, serviceAccount: r}}`,
		"velero.storage.endpoint":              `velero: {storage: {provider: s3, bucket: b, endpoint: "s3.example.com"}}`,
		"velero.storage.publicEndpoint":        `velero: {storage: {provider: s3, bucket: b, publicEndpoint: "https://user:pw@host"}}`,
		"velero.storage.caFile":                `velero: {storage: {provider: s3, bucket: b, caFile: ca.pem}}`,
		"velero.storage.credential.name":       `velero: {storage: {provider: s3, bucket: b, credential: {key: k, name: ""}}}`,
		"velero.storage.accessMode":            `velero: {storage: {provider: s3, bucket: b, accessMode: Sometimes}}`,
		"velero.schedules.Daily":               `velero: {schedules: {Daily: {}}}`,
		"velero.schedules.x.preset":            `velero: {schedules: {x: {preset: yearly}}}`,
		"velero.schedules.x.cron":              `velero: {schedules: {x: {cron: "0 2 * *"}}}`,
		"velero.schedules.y":                   `velero: {schedules: {y: {retentionDays: -1}}}`,
		"velero.schedules.z.excludedResources": `velero: {schedules: {z: {excludedResources: [""]}}}`,
	} {
		wrong := readVelero(t, text).Problems()
		if len(wrong) != 1 || wrong[0].Setting != setting || strings.Contains(wrong[0].Text, "pw@") {
			t.Errorf("%s: %v", setting, wrong)
		}
	}
	readOnly := readVelero(t, `velero: {storage: {provider: s3, bucket: b, accessMode: ReadOnly}}`)
	if wrong := readOnly.Problems(); len(wrong) != 1 || wrong[0].Setting != "velero.run" {
		t.Errorf("read-only storage: %v", wrong)
	}
}

// TestUsualSchedules has the table of backups that is promised: hourly, daily and
// weekly with 48h, 7d and 30d, and the support chart's every 4 hours with 7 days.
func TestUsualSchedules(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for text, want := range map[string]struct {
		cron      string
		retention time.Duration
	}{
		"{}":                                  {"0 2 * * *", 30 * day},
		"{preset: hourly}":                    {"0 * * * *", 48 * time.Hour},
		"{preset: daily}":                     {"0 2 * * *", 7 * day},
		"{preset: weekly}":                    {"0 3 * * 0", 30 * day},
		"{preset: support}":                   {"0 */4 * * *", 7 * day},
		"{preset: support, retentionDays: 3}": {"0 */4 * * *", 3 * day},
		"{preset: daily, cron: '@daily'}":     {"@daily", 7 * day},
		"{ttl: 90m}":                          {"0 2 * * *", 90 * time.Minute},
		"{retentionDays: 3}":                  {"0 2 * * *", 3 * day},
	} {
		s := readVelero(t, "velero: {schedules: {x: "+text+"}}").Velero.Schedules["x"]
		if s.Expression() != want.cron || s.Retention() != want.retention {
			t.Errorf("%s: %s, %s", text, s.Expression(), s.Retention())
		}
	}
}
