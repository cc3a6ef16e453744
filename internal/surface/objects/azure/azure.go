// Package azure is a container of Azure Blob Storage in an account that keeps versions.
package azure

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/service"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/microsoft"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Bucket is one container.
type Bucket struct {
	account *service.Client
	client  *container.Client
	options container.ClientOptions
	name    string
}

// Open prepares the client; nothing is sent yet. Errors are of kind fault.Invalid.
func Open(c surface.Bucket) (*Bucket, error) {
	options, err := microsoft.Configure(microsoft.Options{
		Transport: transport.Options{CAFile: c.CAFile, Idle: transport.Idle, Connections: bucket.AtOnce},
		// A service asks who copies many objects at once to wait.
		Attempts: 5,
	})
	if err != nil {
		return nil, err
	}
	account, err := microsoft.Blobs(c.ConnectionString, options)
	if err != nil {
		return nil, err
	}
	return &Bucket{
		account: account, client: account.NewContainerClient(c.Container), name: c.Container,
		options: container.ClientOptions{ClientOptions: options},
	}, nil
}

// In implements bucket.Bucket.
func (b *Bucket) In(name string) bucket.Bucket {
	other := *b
	other.name, other.client = name, b.account.NewContainerClient(name)
	return &other
}

// String implements bucket.Bucket.
func (b *Bucket) String() string { return "azure://" + b.name }

// Traits implements bucket.Bucket. A copy has the Content-MD5 of its source, or none where that has none.
func (b *Bucket) Traits() bucket.Traits {
	return bucket.Traits{
		Product: "Azure Blob Storage", API: "2019-12-12", Digest: bucket.MD5, DeletesUntold: true, OnlookersUnseen: true,
		EnableVersions: "az storage account blob-service-properties update --account-name ACCOUNT --enable-versioning true, and write one blob",
		Limits:         []string{"Event Grid and object replication of the storage account can't be looked at with a connection string"},
	}
}

// Posture implements bucket.Bucket. Whether an account keeps versions is not
// shown to a connection string: the newest blob of the first page tells.
func (b *Bucket) Posture(ctx context.Context, prefix string) (bucket.Posture, error) {
	properties, err := b.client.GetProperties(ctx, nil)
	if err != nil {
		return bucket.Posture{}, b.fault(err, "read the properties of", "")
	}
	p := bucket.Posture{
		Now:              value(properties.Date),
		LifecycleUnknown: "the management policy of a storage account is not shown to a connection string",
		LockUnknown:      "the immutability policies of a storage account are not shown to a connection string",
	}
	if p.Versions = value(properties.IsImmutableStorageWithVersioningEnabled); p.Versions {
		return p, nil
	}
	page, err := b.pager(prefix).NextPage(ctx)
	if err != nil {
		return p, b.fault(err, "list the versions of", prefix)
	}
	var newest time.Time
	for _, item := range page.Segment.BlobItems {
		if v, ok := version(item); ok && v.Modified.After(newest) {
			newest, p.Versions = v.Modified, v.ID != ""
		}
	}
	return p, nil
}

// Onlookers implements bucket.Bucket: what there may be can't be looked at.
func (b *Bucket) Onlookers(context.Context, string) ([]string, error) { return nil, nil }

// Anonymous implements bucket.Bucket.
func (b *Bucket) Anonymous(ctx context.Context, key string) (int, error) {
	// A connection string with a signature has it in every URL.
	u, err := url.Parse(b.client.URL())
	if err != nil {
		return 0, fault.New(fault.Internal, "ask without credentials for %s: the URL of the container is none", b.at(key))
	}
	u.RawQuery = ""
	stranger, err := container.NewClientWithNoCredential(u.String(), &b.options)
	if err != nil {
		return 0, fault.New(fault.Internal, "ask without credentials for %s: no client can be made", b.at(key))
	}
	_, err = stranger.NewBlobClient(key).GetProperties(ctx, nil)
	var response *azcore.ResponseError
	switch {
	case err == nil:
		return http.StatusOK, nil
	case errors.As(err, &response):
		return response.StatusCode, nil
	default:
		return 0, b.fault(err, "ask without credentials for", key)
	}
}

// value is what p points to, or the zero value.
func value[T any](p *T) T {
	if p == nil {
		return *new(T)
	}
	return *p
}

func digest(md5 []byte) string {
	if len(md5) == 0 {
		return ""
	}
	return fmt.Sprintf("%s:%x", bucket.MD5, md5)
}
