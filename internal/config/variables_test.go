package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
)

// fromVariables loads without any file.
func fromVariables(t *testing.T, environ ...string) (*Config, error) {
	t.Helper()
	t.Chdir(t.TempDir())
	return Load("", append(environ, "LIFEBOAT_DATA_DIR=/d"))
}

var bothSurfaces = map[string]Surface{
	"main":  {Config: surface.Config{Kind: "postgres", URL: "postgres://app:pw@db/app"}},
	"redis": {Config: surface.Config{Kind: "redis", URL: "redis://cache:6379"}},
}

func policy(surface, cron string, paused bool) Policy {
	return Policy{
		Surface: surface, Kind: "snapshot", Cron: cron, TimeZone: "UTC", Store: "primary", Verify: VerifyAfter, Paused: paused,
	}
}

func TestVariablesAlone(t *testing.T) {
	urls := []string{"POSTGRES_URL=postgres://app:pw@db/app", "REDIS_URL=redis://cache:6379"}
	local := map[string]store.Config{"primary": {Kind: "local", Dir: "/points"}}
	const prefix = "altcha-sentinel-backups/db/${iso_date()}"
	for name, c := range map[string]struct {
		environ []string
		want    Config
	}{
		"nothing but servers": {nil, Config{
			Encryption: seal.Config{Unencrypted: true}, Policies: map[string]Policy{}, PointsPrefix: prefix,
		}},
		"azure, in the seed's spelling": {
			[]string{
				"SNAPHOSTS_CRON_SCHEDULE=0 0 * * *", "SNAPHOSTS_STORAGE_PROVIDER=azure",
				"SNAPHOSTS_STORAGE_AZURE_CONTAINER=backups", "SNAPHOSTS_STORAGE_AZURE_CONNECTION_STRING=AccountName=x;AccountKey=y",
				"SNAPSHOTS_ENCRYPTION_KEY=open sesame",
			},
			Config{
				Encryption: seal.Config{Passphrase: "open sesame"},
				Stores: map[string]store.Config{
					"primary": {Kind: "azure", Container: "backups", ConnectionString: "AccountName=x;AccountKey=y"},
				},
				Policies: map[string]Policy{
					"main-snapshots": policy("main", "0 0 * * *", false), "redis-snapshots": policy("redis", "0 0 * * *", false),
				},
				PointsPrefix: prefix,
			},
		},
		"s3, with leftovers of another provider": {
			[]string{
				"SNAPSHOTS_STORAGE_PROVIDER=S3", "SNAPSHOTS_STORAGE_S3_BUCKET=b", "SNAPSHOTS_STORAGE_S3_ACCESS_KEY_ID=id",
				"SNAPSHOTS_STORAGE_S3_SECRET_ACCESS_KEY=shh", "SNAPSHOTS_STORAGE_S3_REGION=eu", "SNAPSHOTS_STORAGE_S3_ENDPOINT=http://s3:9000",
				"SNAPSHOTS_STORAGE_LOCAL_DIR=/points", "SNAPSHOTS_DB_PREFIX=/my/${iso_date()}/",
				"SNAPSHOTS_AGE_SECRET_KEY=AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0",
			},
			Config{
				Encryption: seal.Config{Identity: "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"},
				Stores: map[string]store.Config{"primary": {
					Kind: "s3", Bucket: "b", AccessKeyID: "id", SecretAccessKey: "shh", Region: "eu", Endpoint: "http://s3:9000",
				}},
				Policies: map[string]Policy{}, PointsPrefix: "my/${iso_date()}",
			},
		},
		"schedules apart, disabled": {
			[]string{
				"SNAPSHOTS_STORAGE_PROVIDER=local", "SNAPSHOTS_STORAGE_LOCAL_DIR=/points", "SNAPHOSTS_STORAGE_LOCAL_DIR=/points",
				"SNAPSHOTS_MAIN_SCHEDULE=@daily", "SNAPSHOTS_REDIS_SCHEDULE=@hourly", "SNAPSHOTS_ENABLED=0",
			},
			Config{
				Encryption: seal.Config{Unencrypted: true}, Stores: local, PointsPrefix: prefix,
				Policies: map[string]Policy{
					"main-snapshots": policy("main", "@daily", true), "redis-snapshots": policy("redis", "@hourly", true),
				},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := fromVariables(t, append(c.environ, urls...)...)
			if err != nil {
				t.Fatal(err)
			}
			want := c.want
			want.Surfaces, want.Temporal, want.Listen = bothSurfaces, Temporal{Namespace: "default"}, "127.0.0.1:8080"
			want.DataDir, want.Audit.File, want.Parallel, want.Compression.Level = "/d", "/d/audit.jsonl", 2, 1
			want.Evidence.Origin = "lifeboat-evidence"
			if diff := cmp.Diff(&want, got, ignoreOrigins); diff != "" {
				t.Error("(-want +got):\n", diff)
			}
		})
	}
}

func TestVariablesFromFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"url": "postgres://db/app\n", "key": "open sesame\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := fromVariables(t, "POSTGRES_URL_FILE="+dir+"/url", "SNAPHOSTS_ENCRYPTION_KEY_FILE="+dir+"/key")
	if err != nil {
		t.Fatal(err)
	}
	if c.Surfaces["main"].URL != "postgres://db/app" || c.Encryption.Passphrase != "open sesame" {
		t.Errorf("the files were not read: %d surfaces, unencrypted %v", len(c.Surfaces), c.Encryption.Unencrypted)
	}
	if w := c.Warnings(); len(w) != 0 {
		t.Errorf("warnings: %q", w)
	}
}

func TestBadVariables(t *testing.T) {
	for name, c := range map[string]struct {
		environ []string
		want    string
	}{
		"two spellings": {
			[]string{"SNAPSHOTS_DB_PREFIX=a", "SNAPHOSTS_DB_PREFIX=b"},
			"SNAPSHOTS_DB_PREFIX and SNAPHOSTS_DB_PREFIX are set to different values; unset the second",
		},
		"provider":    {[]string{"SNAPSHOTS_STORAGE_PROVIDER=ftp"}, "SNAPSHOTS_STORAGE_PROVIDER: the provider must be s3, azure or local"},
		"no provider": {[]string{"SNAPSHOTS_STORAGE_S3_BUCKET=b"}, "SNAPSHOTS_STORAGE_PROVIDER: is not set, though"},
		"no bucket":   {[]string{"SNAPSHOTS_STORAGE_PROVIDER=s3"}, "SNAPSHOTS_STORAGE_S3_BUCKET: stores.primary.bucket is missing"},
		"URL":         {[]string{"POSTGRES_URL=mysql://hush-hush@x"}, "POSTGRES_URL: surfaces.main.url does not fit kind postgres"},
		"cron": {
			[]string{
				"POSTGRES_URL=postgres://x", "SNAPSHOTS_STORAGE_PROVIDER=local", "SNAPSHOTS_STORAGE_LOCAL_DIR=/p",
				"SNAPHOSTS_CRON_SCHEDULE=daily",
			},
			"SNAPHOSTS_CRON_SCHEDULE: policies.main-snapshots.cron \"daily\" is not a schedule",
		},
		"enabled": {[]string{"SNAPSHOTS_ENABLED=maybe"}, "SNAPSHOTS_ENABLED: must be 1 or 0"},
		"age": {
			[]string{"SNAPSHOTS_AGE_PUBLIC_KEY=age1nonsense", "SNAPSHOTS_STORAGE_PROVIDER=local", "SNAPSHOTS_STORAGE_LOCAL_DIR=/p"},
			"SNAPSHOTS_AGE_PUBLIC_KEY: ",
		},
		"file": {[]string{"SNAPSHOTS_ENCRYPTION_KEY_FILE=/nonexistent/x"}, "SNAPSHOTS_ENCRYPTION_KEY_FILE: cannot read /nonexistent/x"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fromVariables(t, c.environ...)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant %s…", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hush") {
				t.Error("a secret is in the message")
			}
		})
	}
}

func TestVariablesWarn(t *testing.T) {
	c, err := fromVariables(t, "POSTGRES_URL=postgres://x", "SNAPSHOTS_CRON_SCHEDULE=@daily", "SNAPSHOTS_ENCRYPTION_KEY=x", "SNAPSHOTS_STROAGE=s3")
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(c.Warnings(), "\n")
	for _, want := range []string{"SNAPSHOTS_CRON_SCHEDULE is set and no store is", "SNAPSHOTS_STROAGE is not one that Lifeboat reads"} {
		if !strings.Contains(got, want) {
			t.Errorf("no warning %q in %q", want, got)
		}
	}
}
