package config

import (
	"slices"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// kube is the path of a kubeconfig that nobody reads here.
const kube = "/etc/kube/config"

// oneServer knows what the kubeconfig would say: its contexts are of one API
// server, but for "other".
func oneServer(a, b cluster.Config) bool { return (a.Context == "other") == (b.Context == "other") }

// protecting is a configuration with a live surface of every kind that can be a target.
func protecting(t *testing.T) *Config {
	t.Helper()
	places, _, found := strings.Cut(usable, "policies:")
	if !found {
		t.Fatal("the usable configuration has no policies")
	}
	c, err := Load(write(t, places+`  shop: {kind: kubernetes, kubeconfig: `+kube+`, namespaces: [shop]}
  pay: {kind: velero, kubeconfig: `+kube+`, context: live, namespaces: [pay], velero: {storage: {name: default}, backup: {ttl: 36h}}}
  files: {kind: objects, bucket: {kind: s3, bucket: files, prefix: app}}
  metrics: {kind: telemetry, telemetry: {url: "http://metrics:9090"}}
policies:
  long: {surface: files, cron: "0 2 * * *", store: primary, keep: {days: 30, monthly: 3}}
  short: {surface: files, cron: "0 2 * * *", store: primary, keep: {days: 90, last: 5}}
  pay: {surface: pay, cron: "0 2 * * *", store: primary, keep: {daily: 2}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestLiveTargets(t *testing.T) {
	t.Parallel()
	c := protecting(t)
	for _, one := range []struct {
		kind string
		url  secret.String
		want string
	}{
		{"postgres", "postgres://other:x@DB:5432/app?sslmode=disable", "the live surface main"},
		{"postgres", "postgres://app@db/", "the live surface main"},
		{"postgres", "postgres://app@db/copy", ""},
		{"postgres", "postgres://app@standby/app", ""},
		{"redis", "redis://cache/7", "the live surface redis"},
		{"redis", "redis://cache:6380", ""},
		{"telemetry", "http://user:x@metrics:9090", "the live surface metrics"},
		{"telemetry", "http://metrics:9091", ""},
		{"kubernetes", secret.String("kubernetes://" + kube), "the live surface pay"},
		{"kubernetes", secret.String("kubernetes://" + kube + "?context=alias&namespace=shop:shop2"), "the live surface pay"},
		{"velero", secret.String("kubernetes://" + kube + "?context=alias&namespace=shop:shop&namespace=pay:pay2"), "the live surface shop"},
		{"velero", secret.String("kubernetes://" + kube + "?namespace=shop:pay&namespace=pay:pay2"), "the live surface pay"},
		{"velero", secret.String("kubernetes://" + kube + "?namespace=shop:shop2&namespace=pay:pay2"), ""},
		{"kubernetes", secret.String("kubernetes://" + kube + "?id=x&namespace=shop:shop2"), ""},
		{"kubernetes", secret.String("kubernetes://" + kube + "?context=other"), ""},
		{"kubernetes", "redis://x", ""},
		{"objects", "objects:///files/app/", "the live surface files"},
		{"objects", "objects:///files/", "the live surface files"},
		{"objects", "objects:///files", "the live surface files"},
		{"objects", "objects:///files/app/below/", "the live surface files"},
		{"objects", "objects:///files/apple/", ""},
		{"objects", "objects:///b/anything/", "the store primary"},
		{"objects", "objects:///files/.lifeboat-restores/copies/x/?id=x", ""},
	} {
		if what, live := c.LiveTarget(one.kind, one.url, oneServer); what != one.want || live != (one.want != "") {
			t.Errorf("%s %s: %q, %t", one.kind, one.url.Reveal(), what, live)
		}
	}
	for _, one := range [][3]string{
		{"b", "x/", "the store primary"}, {"", "app/", ""}, {"files", "elsewhere/", ""}, {"other", "", ""},
	} {
		if what, _ := c.LiveObjects("files", one[0], one[1]); what != one[2] {
			t.Errorf("%q: %q", one, what)
		}
	}
}

// A cluster that is written in two ways is known for one by who reads
// kubeconfigs, and validating reads nothing outside the configuration.
func TestTargetsAreValidatedAsWrittenAndCheckedByWhoConnects(t *testing.T) {
	t.Parallel()
	c := protecting(t)
	c.Targets = map[string]Target{"copy": {Kind: "kubernetes", URL: secret.String("kubernetes://" + kube + "?context=alias")}}
	if err := c.Validate(); err != nil {
		t.Errorf("another context of the kubeconfig: %v", err)
	}
	if err := c.CheckTargets(oneServer); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "targets.copy is the live surface pay itself") {
		t.Errorf("another context of the live cluster: %v", err)
	}
	c.Targets["copy"] = Target{Kind: "kubernetes", URL: secret.String("kubernetes://" + kube + "?context=other")}
	if err := c.CheckTargets(oneServer); err != nil {
		t.Errorf("another cluster: %v", err)
	}
	c.Targets["copy"] = Target{Kind: "velero", URL: secret.String("kubernetes://" + kube + "?context=live")}
	if err := c.Validate(); !fault.Is(err, fault.Invalid) {
		t.Errorf("the live cluster as written: %v", err)
	}
}

func TestPointsThatOutliveWhatTheyNeed(t *testing.T) {
	t.Parallel()
	c := protecting(t)
	got := slices.DeleteFunc(c.Warnings(), func(line string) bool { return !strings.HasPrefix(line, "policies.") })
	want := []string{"policies.long keeps points of files for 93 days, and its bucket (noncurrentDays)", "policies.pay keeps points of pay for 2 days, and Velero"}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("%q", got)
	}
}

func TestALostBucketIsNotRehearsedFromItself(t *testing.T) {
	t.Parallel()
	text := usable + `  files: {surface: files, cron: "0 2 * * *", store: primary, copies: [disk], keep: {days: 90}}
drills:
  yearly: {kind: annual_full, surfaces: [main, files], store: disk, owner: ops@example.com}
`
	text = strings.Replace(text, "policies:\n", "  files: {kind: objects, bucket: {kind: s3, bucket: files, prefix: app}}\npolicies:\n", 1)
	const want = "drills.yearly restores files from the old versions in the live bucket itself, which kind annual_full takes for lost"
	if _, err := Load(write(t, text), nil); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v", err)
	}
	if _, err := Load(write(t, strings.Replace(text, "[main, files]", "[main]", 1)), nil); err != nil {
		t.Error(err)
	}
}
