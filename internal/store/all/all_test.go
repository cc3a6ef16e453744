package all

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

const connection = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net"

func TestOpen(t *testing.T) {
	t.Parallel()
	for _, c := range []store.Config{
		{Kind: "local", Dir: filepath.Join(t.TempDir(), "made", "here"), Prefix: "p"},
		{Kind: "s3", Bucket: "b", AccessKeyID: "id", SecretAccessKey: "secret", Region: "eu-west-1"},
		{Kind: "s3", Bucket: "b", Endpoint: "http://127.0.0.1:9"},
		{Kind: "azure", Container: "c", ConnectionString: connection},
		{Kind: "gcs", Bucket: "b", Endpoint: "http://127.0.0.1:9"},
	} {
		if s, err := Open(t.Context(), c); err != nil || s == nil {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	notCredentials := filepath.Join(t.TempDir(), "credentials.json")
	if err := os.WriteFile(notCredentials, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		config store.Config
		says   string
	}{
		{store.Config{}, "kind"},
		{store.Config{Kind: "ftp"}, `"ftp"`},
		{store.Config{Kind: "local"}, "dir"},
		{store.Config{Kind: "local", Dir: "relative"}, "absolute"},
		{store.Config{Kind: "local", Dir: "/tmp", Prefix: "../up"}, "prefix"},
		{store.Config{Kind: "s3"}, "bucket"},
		{store.Config{Kind: "s3", Bucket: "b", AccessKeyID: "id"}, "secretAccessKey"},
		{store.Config{Kind: "s3", Bucket: "b", SecretAccessKey: "HIDDEN"}, "accessKeyId"},
		{store.Config{Kind: "s3", Bucket: "b", Endpoint: "host:9000"}, "endpoint"},
		{store.Config{Kind: "s3", Bucket: "b", Endpoint: "https://user:HIDDEN@host"}, "endpoint"},
		{store.Config{Kind: "s3", Bucket: "b", CAFile: "/nowhere/ca.pem"}, "caFile"},
		{store.Config{Kind: "azure"}, "container"},
		{store.Config{Kind: "azure", Container: "c"}, "connectionString"},
		{store.Config{Kind: "azure", Container: "c", ConnectionString: "HIDDEN"}, "connectionString"},
		{store.Config{Kind: "azure", Container: "c", ConnectionString: "AccountName=a;AccountKey=HIDDEN!"}, "connectionString"},
		{store.Config{Kind: "gcs"}, "bucket"},
		{store.Config{Kind: "gcs", Bucket: "b", Endpoint: "ftp://host"}, "endpoint"},
		{store.Config{Kind: "gcs", Bucket: "b", CredentialsFile: "/nowhere/key.json"}, "credentialsFile"},
		{store.Config{Kind: "gcs", Bucket: "b", CredentialsFile: notCredentials}, "credentialsFile"},
	} {
		_, err := Open(t.Context(), c.config)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want an invalid error about %s", c.config, err, c.says)
		}
		if err != nil && (strings.Contains(err.Error(), "HIDDEN") || strings.Contains(err.Error(), "\n")) {
			t.Errorf("%+v: tells too much: %v", c.config, err)
		}
	}
}
