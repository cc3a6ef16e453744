package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lifeboat-dr/lifeboat/internal/drill"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// write puts a configuration file into a folder of its own.
func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lifeboat.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

var ignoreOrigins = cmpopts.IgnoreUnexported(Config{})

func TestLoadReadsEverySection(t *testing.T) {
	t.Parallel()
	passwordFile := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(passwordFile, []byte("from-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	key, public := signingKey(t, "ledger-of-tests")
	got, err := Load(filepath.Join("testdata", "lifeboat.yaml"), []string{
		"EVIDENCE_KEY=" + key, "SESSION_KEY=a long passphrase", "OIDC_SECRET=hush", "EVIDENCE_PUBLIC=" + public, "NODE=https://node.example.com/v2/token", "API_TOKEN=shh",
		"CODEC_KEY=codec", "PASSPHRASE=a: [b, ${S3_KEY}]", "S3_KEY=id", "S3_SECRET=shh", "AZURE=AccountName=x;AccountKey=y",
		"PG_PASSWORD_FILE=" + passwordFile,
	})
	if err != nil {
		t.Fatal(err)
	}
	yes := true
	want := &Config{
		Temporal: Temporal{
			Address: "temporal.example.com:7233", Namespace: "backups", CodecKey: "codec",
			TLS:          TLS{CA: "/etc/ca.pem", Cert: "/etc/client.pem", Key: "/etc/client.key", ServerName: "temporal"},
			OldCodecKeys: []secret.String{"older-key"},
		},
		Listen: "0.0.0.0:9090", DataDir: "/srv/lifeboat",
		Encryption:  seal.Config{Passphrase: "a: [b, ${S3_KEY}]", OldPassphrases: []secret.String{"costs ${PRICE}"}},
		Compression: Compression{Level: 3},
		Stores: map[string]store.Config{
			"primary": {
				Kind: "s3", Bucket: "backups", Region: "eu-west-1", Endpoint: "https://s3.example.com:9000",
				PathStyle: &yes, AccessKeyID: "id", SecretAccessKey: "shh", Prefix: "team-a",
			},
			"offsite": {Kind: "azure", Container: "backups", ConnectionString: "AccountName=x;AccountKey=y"},
			"cloud":   {Kind: "gcs", Bucket: "more-backups", CredentialsFile: "/etc/gcs.json"},
			"disk":    {Kind: "local", Dir: "/srv/points"},
		},
		Surfaces: map[string]Surface{
			"main": {Config: surface.Config{
				Kind: "postgres", URL: "postgres://app:from-file@db:5432/app",
				BinDir: "/usr/lib/postgresql/15/bin", ReloadHook: "systemctl reload app",
			}},
			"redis": {Config: surface.Config{
				Kind: "redis", URL: "rediss://cache:6379/0",
				CAFile: "/etc/ca.pem", CertFile: "/etc/c.pem", KeyFile: "/etc/k.pem",
			}},
			"orders": {
				Config: surface.Config{Kind: "postgres", URL: "postgres://app@orders.abc.rds.example.com/app"},
				Managed: &managed.Config{
					Kind: "rds", Instance: "orders", Region: "eu-west-1", SecurityGroups: []string{"sg-1", "sg-2"},
					AccessKeyID: "id", SecretAccessKey: "shh",
				},
			},
		},
		Targets: map[string]Target{"staging": {Kind: "postgres", URL: "postgresql://staging/app"}},
		Policies: map[string]Policy{
			"main-daily": {
				Surface: "main", Kind: "snapshot", Cron: "0 2 * * *", TimeZone: "Europe/Berlin", Store: "primary",
				Copies: []string{"offsite", "disk"}, Verify: VerifyAfter,
				Keep: Keep{Days: 30, Last: 7, Hourly: 24, Daily: 14, Weekly: 8, Monthly: 12, Yearly: 3},
			},
			"redis-hourly": {
				Surface: "redis", Kind: "snapshot", Cron: "@hourly", TimeZone: "UTC", Store: "disk", Verify: VerifyNever,
			},
			"redis-asleep": {
				Surface: "redis", Kind: "snapshot", TimeZone: "UTC", Paused: true, Store: "disk", Verify: VerifyAfter,
			},
		},
		PointsPrefix: "backups/${iso_date()}",
		Parallel:     4,
		Admin: Admin{Keys: []AdminKey{{
			Name: "ci", Hash: "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaA", Role: "operator",
		}}},
		Audit: Audit{File: "/var/log/lifeboat-audit.jsonl"},
		Pages: Pages{URL: "https://lifeboat.example", SessionKey: "a long passphrase", OIDC: &OIDC{
			Issuer: "https://id.example", ClientID: "lifeboat", ClientSecret: "hush", Scopes: []string{"groups"}, RoleClaim: "roles",
			Roles: map[string]string{"on-call": "operator", "leads": "approver"}, UsernameClaim: "preferred_username",
		}},
		Watch: Watch{Certificates: []string{"www.example:443"}, Disks: []string{"/srv"}},
		Evidence: Evidence{
			Store: "offsite", Copies: []string{"primary", "cloud"}, Origin: "ledger-of-tests", Key: secret.String(key),
			Trusted: []string{public}, Retain: drill.Duration(400 * day),
		},
		Drills: everyPlan(),
	}
	if diff := cmp.Diff(want, got, ignoreOrigins); diff != "" {
		t.Error("the configuration is not as the file says (-want +got):\n", diff)
	}
}

func TestLoadFillsDefaults(t *testing.T) {
	t.Parallel()
	path := write(t, "stores: {a: {kind: local, dir: /a}}\nencryption: {unencrypted: true}\n"+
		"surfaces: {main: {kind: postgres, url: postgres://db/app}}\npolicies: {p: {surface: main, cron: '@daily'}}\n")
	c, err := Load(path, []string{"HOME=/home/x", "LIFEBOAT_DATA_DIR=/data", "LIFEBOAT_LISTEN=:7070", "LIFEBOAT_ADMIN_KEY=k"})
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{
		Temporal: Temporal{Namespace: "default"}, Listen: ":7070", DataDir: "/data",
		Encryption: seal.Config{Unencrypted: true}, Compression: Compression{Level: 1}, Parallel: 2,
		Stores:   map[string]store.Config{"a": {Kind: "local", Dir: "/a"}},
		Surfaces: map[string]Surface{"main": {Config: surface.Config{Kind: "postgres", URL: "postgres://db/app"}}},
		Policies: map[string]Policy{
			"p": {Surface: "main", Kind: "snapshot", Cron: "@daily", TimeZone: "UTC", Store: "a", Verify: VerifyAfter},
		},
		PointsPrefix: "points",
		Admin:        Admin{FirstKey: "k"},
		Audit:        Audit{File: "/data/audit.jsonl"},
		Evidence:     Evidence{Origin: "lifeboat-evidence"},
	}
	if diff := cmp.Diff(want, c, ignoreOrigins); diff != "" {
		t.Error("defaults (-want +got):\n", diff)
	}
	if got := len(c.Warnings()); got != 2 {
		t.Errorf("%d warnings, want one for the missing encryption and one for the short key: %q", got, c.Warnings())
	}
}

func TestLoadFindsTheFile(t *testing.T) {
	named, other := write(t, "listen: :1\n"), write(t, "listen: :2\n")
	t.Chdir(t.TempDir())
	listen := func(path string, environ ...string) string {
		t.Helper()
		c, err := Load(path, append(environ, "LIFEBOAT_DATA_DIR=/d"))
		if err != nil {
			t.Fatal(err)
		}
		return c.Listen
	}
	if got := listen(""); got != "127.0.0.1:8080" {
		t.Errorf("without a file it listens on %s", got)
	}
	if got := listen("", "LIFEBOAT_CONFIG="+other); got != ":2" {
		t.Errorf("LIFEBOAT_CONFIG was not read: %s", got)
	}
	if got := listen(named, "LIFEBOAT_CONFIG="+other); got != ":1" {
		t.Errorf("the named file did not win: %s", got)
	}
	if err := os.WriteFile(DefaultFile, []byte("listen: :3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := listen(""); got != ":3" {
		t.Errorf("%s was not read: %s", DefaultFile, got)
	}
	if _, err := Load("nowhere.yaml", nil); !fault.Is(err, fault.Missing) {
		t.Errorf("a missing file gives %v", err)
	}
	if _, err := Load(".", nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("a folder gives %v", err)
	}
}

func TestDefaultDataDir(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		user int
		env  environment
		want string
	}{
		{0, environment{"XDG_STATE_HOME": "/x", "HOME": "/root"}, "/var/lib/lifeboat"},
		{1000, environment{"XDG_STATE_HOME": "/x", "HOME": "/home/a"}, "/x/lifeboat"},
		{1000, environment{"HOME": "/home/a"}, "/home/a/.local/state/lifeboat"},
	} {
		if got := defaultDataDir(c.env, c.user); got != c.want {
			t.Errorf("user %d with %v: %s, want %s", c.user, c.env, got, c.want)
		}
	}
}

func TestFirstStore(t *testing.T) {
	t.Parallel()
	c := &Config{
		Stores:   map[string]store.Config{"b": {}, "a": {}},
		Policies: map[string]Policy{"x": {Surface: "main", Store: "b"}},
	}
	if got := c.FirstStore("main", KindSnapshot); got != "b" {
		t.Errorf("the policy's store was not taken: %q", got)
	}
	if got := c.FirstStore("redis", KindSnapshot); got != "a" {
		t.Errorf("the first store was not taken: %q", got)
	}
	if got := new(Config).FirstStore("main", KindSnapshot); got != "" {
		t.Errorf("a store out of nowhere: %q", got)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	const base = `encryption: {passphrase: one}
stores: {a: {kind: azure, container: c, connectionString: "AccountName=x;AccountKey=k1"}, b: {kind: local, dir: /b}}
surfaces:
  main: {kind: postgres, url: "postgres://app:pw@db/app?sslpassword=p1"}
  cloud: {kind: postgres, url: "postgres://cloud/app", managed: {kind: rds, instance: orders, accessKeyId: i, secretAccessKey: s1, url: "postgres://app:m1@x/app"}}
`
	print := func(text string, environ ...string) string {
		t.Helper()
		c, err := Load(write(t, text), append(environ, "LIFEBOAT_DATA_DIR=/d"))
		if err != nil {
			t.Fatal(err)
		}
		return c.Fingerprint()
	}
	first := print(base)
	if !seal.ValidDigest(first) {
		t.Fatalf("%q is not a digest", first)
	}
	for _, same := range [][2]string{
		{"passphrase: one", "passphrase: two"},
		{"AccountKey=k1", "AccountKey=k2"},
		{"app:pw@", "app:other@"},
		{"sslpassword=p1", "sslpassword=p2"},
		{"secretAccessKey: s1", "secretAccessKey: s2"},
		{"app:m1@", "app:m2@"},
	} {
		if print(strings.Replace(base, same[0], same[1], 1)) != first {
			t.Errorf("the secret %q changed the fingerprint", same[1])
		}
	}
	if print(base, "LIFEBOAT_LISTEN=:9") != first {
		t.Error("the listen address changed the fingerprint")
	}
	for _, different := range [][2]string{
		{"passphrase: one", "unencrypted: true"},
		{"AccountName=x", "AccountName=y"},
		{"@db/app", "@db2/app"},
		{"dir: /b", "dir: /c"},
		{"instance: orders", "instance: invoices"},
		{"app:m1@", "admin:m1@"},
	} {
		if print(strings.Replace(base, different[0], different[1], 1)) == first {
			t.Errorf("the fingerprint did not change with %q", different[1])
		}
	}
}

func TestPoliciesOfRecovery(t *testing.T) {
	t.Parallel()
	c, err := Load(write(t, strings.Replace(usable, "policies:\n", `policies:
  Main-WAL: {surface: main, kind: wal, store: disk, interval: 1m30s, holdBack: 2GiB, marker: true}
  main-base: {surface: main, kind: base, cron: "@daily", store: disk, maxRate: 50MB, incrementals: 6}
`, 1)), nil)
	if err != nil {
		t.Fatal(err)
	}
	name, wal := c.WALPolicy("main")
	if name != "Main-WAL" || wal.Interval.Of() != 90*time.Second || wal.HoldBack != 2<<30 || wal.Slot != "lifeboat_main_wal" || !wal.Marker {
		t.Errorf("the policy of kind wal is %s: %+v", name, wal)
	}
	if base := c.Policies["main-base"]; base.MaxRate != 50e6 || base.Incrementals != 6 || base.Verify != VerifyAfter {
		t.Errorf("the policy of kind base is %+v", base)
	}
	if name, _ := c.WALPolicy("redis"); name != "" {
		t.Errorf("redis has the policy %s", name)
	}
}

func TestPushStores(t *testing.T) {
	t.Parallel()
	c := &Config{Policies: map[string]Policy{
		"x": {Surface: "main", Kind: KindWAL, Store: "b", Push: true}, "y": {Surface: "main", Kind: KindWAL, Store: "a", Push: true, Paused: true},
		"w": {Surface: "main", Kind: KindWAL, Store: "c"}, "z": {Surface: "other", Kind: KindWAL, Store: "d"}, "v": {Surface: "main", Kind: KindBase, Store: "e"},
	}}
	for surface, want := range map[string][]string{"main": {"a", "b"}, "other": {"d"}} {
		if got := c.PushStores(surface); !slices.Equal(got, want) {
			t.Errorf("%s is pushed to %q, want %q", surface, got, want)
		}
	}
}
