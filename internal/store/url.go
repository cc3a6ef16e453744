package store

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
)

// azureConnection is the variable that Azure's own tools read.
const azureConnection = "AZURE_STORAGE_CONNECTION_STRING"

// ParseURL is the configuration of a store that is named by a URL:
//
//	s3://BUCKET/PREFIX?region=R&endpoint=URL   credentials as the SDK finds them
//	gcs://BUCKET/PREFIX?endpoint=URL           application default credentials
//	azure://CONTAINER/PREFIX                   AZURE_STORAGE_CONNECTION_STRING
//	file:///DIR, or the path of a folder
//
// Anything else is fault.Invalid. A URL holds no credentials.
func ParseURL(text string) (Config, error) {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Fragment != "" {
		return Config{}, fault.New(fault.Invalid, "a store is named by s3://BUCKET/PREFIX, gcs://BUCKET/PREFIX, azure://CONTAINER/PREFIX or a folder, and a URL of one holds no credentials")
	}
	prefix, query := strings.Trim(u.Path, "/"), u.Query()
	switch u.Scheme {
	case "s3":
		return Config{Kind: "s3", Bucket: u.Host, Prefix: prefix, Region: query.Get("region"), Endpoint: query.Get("endpoint")}, nil
	case "gcs", "gs":
		return Config{Kind: "gcs", Bucket: u.Host, Prefix: prefix, Endpoint: query.Get("endpoint")}, nil
	case "azure":
		connection := os.Getenv(azureConnection)
		if connection == "" {
			return Config{}, fault.New(fault.Invalid, "set %s to reach a container of Azure", azureConnection)
		}
		return Config{Kind: "azure", Container: u.Host, Prefix: prefix, ConnectionString: secret.String(connection)}, nil
	case "file", "":
		dir, err := filepath.Abs(u.Path)
		if u.Path == "" || err != nil || u.Host != "" {
			return Config{}, fault.New(fault.Invalid, "%q is not a folder: write file:///DIR or its path", text)
		}
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return Config{}, fault.New(fault.Missing, "there is no folder %s", dir)
		}
		return Config{Kind: "local", Dir: dir}, nil
	default:
		return Config{}, fault.New(fault.Invalid, "a store of kind %q is not known: write s3, gcs, azure or file", u.Scheme)
	}
}
