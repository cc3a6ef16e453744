package helm_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// minimal are values that the chart takes as they are.
const minimal = "ci/minimal-values.yaml"

func TestValuesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ values, says string }{
		"a key that is not there":              {"workers: {}", "additional properties 'workers' not allowed"},
		"one further down":                     {"apiserver: {replica: 3}", "additional properties 'replica' not allowed"},
		"a number for a switch":                {"worker: {enabled: 1}", "/worker/enabled': got number, want boolean"},
		"a text for a number":                  {`worker: {replicas: "two"}`, "/worker/replicas': got string, want integer"},
		"no worker at all":                     {"worker: {replicas: 0}", "/worker/replicas': minimum: got 0, want 1"},
		"another provider of storage":          {"backup: {storage: {provider: ftp}}", "/backup/storage/provider': value must be one of 's3', 'aws', 'azure', 'gcs', 'gcp'"},
		"backups without a bucket":             {"backup: {enabled: true}", "/backup/storage/bucket': minLength: got 0, want 1"},
		"a retention of no time":               {"backup: {retention: {days: 0}}", "/backup/retention/days': minimum: got 0, want 1"},
		"a schedule that is none":              {"backup: {schedule: {cron: daily}}", "/backup/schedule/cron': 'daily' does not match pattern"},
		"a size that is none":                  {"worker: {persistence: {size: lots}}", "/worker/persistence/size': 'lots' does not match pattern"},
		"an address without a port":            {"temporal: {address: temporal}", "/temporal/address': 'temporal' does not match pattern"},
		"a digest that is none":                {"image: {digest: latest}", "/image/digest': 'latest' does not match pattern"},
		"the address in the configuration":     {"config: {temporal: {address: \"a:1\"}}", "/config/temporal': false schema"},
		"a passphrase in the open":             {"config: {encryption: {passphrase: hush-hush-hush}}", "/config/encryption/passphrase': 'hush-hush-hush' does not match pattern"},
		"a store's key in the open":            {"config: {stores: {primary: {secretAccessKey: hush}}}", "/config/stores/primary/secretAccessKey': 'hush' does not match pattern"},
		"a password in a URL":                  {"config: {surfaces: {main: {url: \"postgres://app:hush@db/app\"}}}", "/config/surfaces/main/url': 'not' failed"},
		"an address that is a secret itself":   {"config: {alerts: {channels: {ops: {kind: slack, url: \"https://hooks.example.com/hush\"}}}}", "/config/alerts/channels/ops/url': 'https://hooks.example.com/hush' does not match pattern"},
		"a secret that is the chart's to name": {"secrets: {LIFEBOAT_ADMIN_KEY: {name: a, key: b}}", "/secrets/LIFEBOAT_ADMIN_KEY': false schema"},
		"a secret without a key":               {"secrets: {S3_SECRET_KEY: {name: a, key: null}}", "/secrets/S3_SECRET_KEY/key': got null, want string"},
		"no Temporal":                          {`temporal: {address: ""}`, "temporal.address is missing"},
		"two engines":                          {"embedded: {enabled: true}", "temporal.address is set beside embedded.enabled"},
		"no configuration":                     {"config: null", "config is missing"},
		"two configurations":                   {"existingConfigSecret: mine", "config and existingConfigSecret are both set"},
		"nobody who may do anything":           {`apiserver: {adminKey: {existingSecret: ""}}`, "apiserver.adminKey.existingSecret is missing"},
		"sessions that one server knows":       {`apiserver: {sessionKey: {existingSecret: ""}}`, "apiserver.sessionKey.existingSecret is missing"},
		"an ingress in the clear":              {"apiserver: {ingress: {enabled: true, host: lifeboat.example.com}}", "apiserver.ingress needs host and tlsSecret"},
		"metrics for everybody":                {"apiserver: {ingress: {enabled: true, host: lifeboat.example.com, tlsSecret: a}}", "metrics.token.existingSecret is missing"},
		"a token in the open":                  {"config: {metrics: {token: hush-hush-hush-hush}}", "/config/metrics/token': 'hush-hush-hush-hush' does not match pattern"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "values.yaml")
			if err := os.WriteFile(file, []byte(c.values), 0o600); err != nil {
				t.Fatal(err)
			}
			out, err := run(t, "template", "dalp", ".", "--kube-version", kubeVersion, "-f", minimal, "-f", file)
			if err == nil {
				t.Fatalf("was taken, and made %d bytes", len(out))
			}
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("says %q, and not %q", err, c.says)
			}
		})
	}
	if _, err := run(t, "template", "dalp", ".", "--kube-version", kubeVersion, "-f", minimal); err != nil {
		t.Errorf("without a mistake: %v", err)
	}
}

func TestAnOlderClusterIsRefused(t *testing.T) {
	t.Parallel()
	_, err := run(t, "template", "dalp", ".", "--kube-version", "1.29.0", "-f", minimal)
	if err == nil || !strings.Contains(err.Error(), "kubeVersion") {
		t.Errorf("Kubernetes 1.29: %v", err)
	}
}

// The values in docs/deploy.md work as they stand there.
func TestTheManualsValuesAreTaken(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(servers.Root(t), "docs", "deploy.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, block, found := strings.Cut(string(text), "```yaml\n# values.yaml\n")
	block, _, closed := strings.Cut(block, "```")
	file := filepath.Join(t.TempDir(), "values.yaml")
	if err := os.WriteFile(file, []byte(block), 0o600); err != nil || !found || !closed {
		t.Fatalf("docs/deploy.md has no values: %v", err)
	}
	all := objects(t, render(t, "lifeboat", values{"manual", []string{"-f", file}}))
	for name, pod := range pods(t, all) {
		for _, o := range all {
			if o.GetKind() == "ConfigMap" && o.GetName() == "dalp-lifeboat" {
				config, _, _ := unstructured.NestedString(o.Object, "data", "lifeboat.yaml")
				loads(t, name, config, pod)
			}
		}
	}
}
