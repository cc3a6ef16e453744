package azure

import (
	"bytes"
	"context"
	"io"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// copyPause is how long to wait before a copy in progress is looked at again.
const copyPause = 500 * time.Millisecond

// CopyFrom implements bucket.Bucket. Within one account the service copies at
// once; where it takes its time, this waits for it.
func (b *Bucket) CopyFrom(ctx context.Context, from string, v bucket.Version, key string) (bucket.Version, error) {
	doing := "copy " + from + "/" + v.String() + " to"
	source, err := at(b.account.NewContainerClient(from).NewBlobClient(v.Key), v.ID)
	if err != nil {
		return bucket.Version{}, fault.New(fault.Invalid, "%s %s: the version can't be asked for", doing, b.at(key))
	}
	options := &blob.StartCopyFromURLOptions{}
	if v.ID == "" {
		options.SourceModifiedAccessConditions = &blob.SourceModifiedAccessConditions{SourceIfMatch: quoted(v.ETag)}
	}
	target := b.client.NewBlobClient(key)
	_, err = target.StartCopyFromURL(ctx, source.URL(), options)
	if bloberror.HasCode(err, bloberror.ConditionNotMet, bloberror.SourceConditionNotMet) {
		return bucket.Version{}, fault.New(fault.Missing, "%s %s: it has changed since it was listed", doing, b.at(key))
	}
	if err != nil {
		return bucket.Version{}, b.fault(err, doing, key)
	}
	for {
		p, err := target.GetProperties(ctx, nil)
		if err != nil {
			return bucket.Version{}, b.fault(err, doing, key)
		}
		switch value(p.CopyStatus) {
		case blob.CopyStatusTypePending:
			select {
			case <-ctx.Done():
				return bucket.Version{}, fault.Wrap(fault.Unavailable, ctx.Err(), "%s %s", doing, b.at(key))
			case <-time.After(copyPause):
			}
		case blob.CopyStatusTypeFailed, blob.CopyStatusTypeAborted:
			return bucket.Version{}, fault.New(fault.Unavailable, "%s %s: the service gave up: %s", doing, b.at(key), value(p.CopyStatusDescription))
		default:
			made := bucket.Version{
				Key: key, ID: value(p.VersionID), Size: value(p.ContentLength), ETag: strings.Trim(string(value(p.ETag)), `"`),
				Digest: digest(p.ContentMD5), Modified: moment(value(p.VersionID), value(p.LastModified)), Current: true,
			}
			if made.Size != v.Size || made.Digest != v.Digest {
				return made, fault.New(fault.Corrupt, "%s %s: it has %d bytes and digest %q, not %d and %q", doing, b.at(key), made.Size, made.Digest, v.Size, v.Digest)
			}
			return made, nil
		}
	}
}

// Put implements bucket.Bucket.
func (b *Bucket) Put(ctx context.Context, key string, data []byte) error {
	_, err := b.client.NewBlockBlobClient(key).Upload(ctx, streaming.NopCloser(bytes.NewReader(data)), nil)
	return b.fault(err, "write", key)
}

// Get implements bucket.Bucket.
func (b *Bucket) Get(ctx context.Context, key string) ([]byte, error) {
	out, err := b.client.NewBlobClient(key).DownloadStream(ctx, nil)
	if err != nil {
		return nil, b.fault(err, "read", key)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(io.LimitReader(out.Body, bucket.SmallLimit))
	return data, b.fault(err, "read", key)
}

// Hide implements bucket.Bucket.
func (b *Bucket) Hide(ctx context.Context, keys ...string) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(bucket.AtOnce)
	for _, key := range keys {
		group.Go(func() error {
			_, err := b.client.NewBlobClient(key).Delete(ctx, withSnapshots(""))
			return b.fault(fine(err), "delete", key)
		})
	}
	return group.Wait()
}

func withSnapshots(etag string) *blob.DeleteOptions {
	o := &blob.DeleteOptions{DeleteSnapshots: new(blob.DeleteSnapshotsOptionTypeInclude)}
	if etag != "" {
		o.AccessConditions = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{IfMatch: quoted(etag)}}
	}
	return o
}

// fine drops the error that what was to be removed isn't there.
func fine(err error) error {
	if bloberror.HasCode(err, bloberror.BlobNotFound) {
		return nil
	}
	return err
}

// Destroy implements bucket.Bucket. The service removes a version only when it
// is not the current one any more.
func (b *Bucket) Destroy(ctx context.Context, versions ...bucket.Version) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(bucket.AtOnce)
	for _, v := range versions {
		if v.Deleted {
			continue
		}
		group.Go(func() error { return b.fault(b.destroy(ctx, v), "delete", v.String()) })
	}
	return group.Wait()
}

func (b *Bucket) destroy(ctx context.Context, v bucket.Version) error {
	client := b.client.NewBlobClient(v.Key)
	if v.Current {
		_, err := client.Delete(ctx, withSnapshots(v.ETag))
		// Another writer's object is left alone.
		if err = fine(err); err != nil && !bloberror.HasCode(err, bloberror.ConditionNotMet) {
			return err
		}
	}
	if v.ID == "" {
		return nil
	}
	old, err := client.WithVersionID(v.ID)
	if err != nil {
		return fault.New(fault.Invalid, "the version can't be asked for")
	}
	_, err = old.Delete(ctx, nil)
	return fine(err)
}
