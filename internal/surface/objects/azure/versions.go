package azure

import (
	"context"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/container"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

func (b *Bucket) pager(prefix string) *runtime.Pager[container.ListBlobsFlatResponse] {
	return b.client.NewListBlobsFlatPager(&container.ListBlobsFlatOptions{Prefix: &prefix, Include: container.ListBlobsInclude{Versions: true}})
}

// Versions implements bucket.Bucket.
func (b *Bucket) Versions(ctx context.Context, prefix string) iter.Seq2[bucket.Version, error] {
	return bucket.Ascending(bucket.ByKey(b.items(ctx, prefix), history))
}

func (b *Bucket) items(ctx context.Context, prefix string) iter.Seq2[bucket.Version, error] {
	return func(yield func(bucket.Version, error) bool) {
		for pages := b.pager(prefix); pages.More(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(bucket.Version{}, b.fault(err, "list the versions of", prefix))
				return
			}
			for _, item := range page.Segment.BlobItems {
				if v, ok := version(item); ok && !yield(v, nil) {
					return
				}
			}
		}
	}
}

// version is an item of a listing, unless it is a folder, which accounts with a
// hierarchical namespace list as well.
func version(item *container.BlobItem) (bucket.Version, bool) {
	p := item.Properties
	if p == nil || strings.EqualFold(value(p.ResourceType), "directory") {
		return bucket.Version{}, false
	}
	v := bucket.Version{
		Key: value(item.Name), ID: value(item.VersionID), Size: value(p.ContentLength), ETag: strings.Trim(string(value(p.ETag)), `"`),
		Digest: digest(p.ContentMD5), Modified: moment(value(item.VersionID), value(p.LastModified)),
	}
	// Without versions, what is listed is what is there.
	v.Current = v.ID == "" || value(item.IsCurrentVersion)
	return v, true
}

// moment is when a version was made: its ID is a time, finer than the blob's.
func moment(id string, modified time.Time) time.Time {
	if made, err := time.Parse(time.RFC3339Nano, id); err == nil {
		return made
	}
	return modified
}

// history puts the versions of a blob into order. The service has no marks of
// deletions: a blob without a current version was deleted, nobody knows when.
func history(key []bucket.Version) []bucket.Version {
	slices.SortFunc(key, func(x, y bucket.Version) int {
		switch {
		case x.Current == y.Current:
			return strings.Compare(y.ID, x.ID)
		case x.Current:
			return -1
		default:
			return 1
		}
	})
	if len(key) == 0 || key[0].Current {
		return key
	}
	return slices.Insert(key, 0, bucket.Version{Key: key[0].Key, Current: true, Deleted: true})
}

// at is the client of one version.
func at(client *blob.Client, id string) (*blob.Client, error) {
	if id == "" {
		return client, nil
	}
	return client.WithVersionID(id)
}

// Stat implements bucket.Bucket.
func (b *Bucket) Stat(ctx context.Context, key, id string) (bucket.Version, error) {
	client, err := at(b.client.NewBlobClient(key), id)
	if err != nil {
		// The cause may quote the URL, which may carry a signature.
		return bucket.Version{}, fault.New(fault.Invalid, "look at %s version %s: the version can't be asked for", b.at(key), id)
	}
	p, err := client.GetProperties(ctx, nil)
	switch {
	case err != nil && id != "" && bloberror.HasCode(err, bloberror.InvalidQueryParameterValue):
		return bucket.Version{}, fault.New(fault.Missing, "%s has no version %s", b.at(key), id)
	case err != nil:
		return bucket.Version{}, b.fault(err, "look at", bucket.Version{Key: key, ID: id}.String())
	}
	found := value(p.VersionID)
	if id != "" && found != id {
		// An account without versions answers with what is there now.
		return bucket.Version{}, fault.New(fault.Missing, "%s has no version %s", b.at(key), id)
	}
	return bucket.Version{
		Key: key, ID: found, Size: value(p.ContentLength), ETag: strings.Trim(string(value(p.ETag)), `"`), Digest: digest(p.ContentMD5),
		Modified: moment(found, value(p.LastModified)), Current: id == "" || value(p.IsCurrentVersion),
	}, nil
}

// quoted is an ETag as a condition has it.
func quoted(etag string) *azcore.ETag {
	if etag == "" {
		return nil
	}
	return new(azcore.ETag(`"` + etag + `"`))
}
