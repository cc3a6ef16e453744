package s3

import (
	"bytes"
	"context"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// Put implements bucket.Bucket.
func (b *Bucket) Put(ctx context.Context, key string, data []byte) error {
	_, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.name, Key: &key, Body: bytes.NewReader(data)})
	return b.fault(err, "write", key)
}

// Get implements bucket.Bucket.
func (b *Bucket) Get(ctx context.Context, key string) ([]byte, error) {
	out, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key})
	if err != nil {
		return nil, b.fault(err, "read", key)
	}
	defer out.Body.Close()
	data, err := io.ReadAll(io.LimitReader(out.Body, bucket.SmallLimit))
	return data, b.fault(err, "read", key)
}

// Hide implements bucket.Bucket.
func (b *Bucket) Hide(ctx context.Context, keys ...string) error {
	batch := make([]types.ObjectIdentifier, len(keys))
	for i := range keys {
		batch[i].Key = &keys[i]
	}
	return b.remove(ctx, batch)
}

// Destroy implements bucket.Bucket.
func (b *Bucket) Destroy(ctx context.Context, versions ...bucket.Version) error {
	batch := make([]types.ObjectIdentifier, len(versions))
	for i := range versions {
		batch[i].Key = &versions[i].Key
		if versions[i].ID != "" {
			batch[i].VersionId = &versions[i].ID
		}
	}
	return b.remove(ctx, batch)
}

const (
	// deleteAtOnce is how many keys S3 takes in one request.
	deleteAtOnce = 1000
	// attempts is how often the library sends a request, and how often a key is
	// sent of which alone the answer says that the service has failed.
	attempts = 5
)

func (b *Bucket) remove(ctx context.Context, all []types.ObjectIdentifier) error {
	for start := 0; start < len(all); start += deleteAtOnce {
		batch := all[start:min(start+deleteAtOnce, len(all))]
		for attempt := 1; len(batch) > 0; attempt++ {
			failed, err := b.removeOnce(ctx, batch)
			if err != nil && (len(failed) == 0 || attempt == attempts) {
				return err
			}
			batch = failed
		}
	}
	return nil
}

// removeOnce returns an error, and of which keys it may pass.
func (b *Bucket) removeOnce(ctx context.Context, batch []types.ObjectIdentifier) (failed []types.ObjectIdentifier, err error) {
	out, err := b.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: &b.name, Delete: &types.Delete{Objects: batch, Quiet: aws.Bool(true)},
	})
	if err != nil {
		return nil, b.fault(err, "delete from", "")
	}
	for _, e := range out.Errors {
		code, text := aws.ToString(e.Code), aws.ToString(e.Message)
		if isGone(code, text) {
			continue
		}
		refused := fault.While(amazon.Answer(code, text, nil, meanings), "delete %s", b.at(aws.ToString(e.Key)))
		if !fault.Is(refused, fault.Unavailable) {
			return nil, refused
		}
		failed, err = append(failed, types.ObjectIdentifier{Key: e.Key, VersionId: e.VersionId}), refused
	}
	return failed, err
}
