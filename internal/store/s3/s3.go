// Package s3 is a store in a bucket of Amazon S3, or of a service that speaks
// its protocol.
package s3

import (
	"context"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/keyspace"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Store is one bucket.
type Store struct {
	client *s3.Client
	bucket *string
	keys   keyspace.Keyspace

	known    sync.Mutex
	features *store.Features
}

// Open prepares the client; nothing is sent yet. Errors are of kind fault.Invalid.
func Open(ctx context.Context, c store.Config) (store.Store, error) {
	return open(ctx, c, transport.Idle)
}

func open(ctx context.Context, c store.Config, idle time.Duration) (store.Store, error) {
	keys, err := keyspace.New(c.Prefix)
	if err != nil {
		return nil, err
	}
	if err := validate(c); err != nil {
		return nil, err
	}
	client, err := amazon.S3{
		Options: amazon.Options{
			Region: c.Region, AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey,
			Transport: transport.Options{CAFile: c.CAFile, Idle: idle}, Attempts: 3, Backoff: 2 * time.Second,
		},
		Endpoint: c.Endpoint, PathStyle: c.PathStyle,
	}.Connect(ctx)
	if err != nil {
		return nil, err
	}
	return &Store{bucket: &c.Bucket, keys: keys, client: client}, nil
}

func validate(c store.Config) error {
	switch {
	case c.Bucket == "":
		return fault.New(fault.Invalid, "an s3 store needs bucket")
	case c.AccessKeyID != "" && c.SecretAccessKey == "":
		return fault.New(fault.Invalid, "an s3 store with accessKeyId needs secretAccessKey")
	case c.AccessKeyID == "" && c.SecretAccessKey != "":
		return fault.New(fault.Invalid, "an s3 store with secretAccessKey needs accessKeyId")
	}
	return nil
}

// checkKey is the key of an upload that Check begins and gives up.
const checkKey = ".lifeboat-check"

// Check implements store.Store. It lists, and begins an upload and gives it up:
// that needs the permissions of a Put and makes no object.
func (s *Store) Check(ctx context.Context) error {
	key, err := s.keys.Key(checkKey)
	if err != nil {
		return err
	}
	under, err := s.keys.Under("")
	if err != nil {
		return err
	}
	if _, err := s.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: s.bucket, Prefix: &under, MaxKeys: aws.Int32(1)}); err != nil {
		return s.fault(err, "list", "")
	}
	upload, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: s.bucket, Key: &key})
	if err != nil {
		return s.fault(err, "begin an upload to", "")
	}
	return s.fault(s.abort(ctx, key, upload.UploadId), "give up an upload to", "")
}

// Features implements store.Store.
func (s *Store) Features(ctx context.Context) (store.Features, error) {
	s.known.Lock()
	defer s.known.Unlock()
	if s.features != nil {
		return *s.features, nil
	}
	var f store.Features
	versioning, err := s.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: s.bucket})
	if err == nil {
		f.Versions = versioning.Status == types.BucketVersioningStatusEnabled
	} else if !amazon.Lacks(err) {
		return store.Features{}, s.fault(err, "read the versioning of", "")
	}
	lock, err := s.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: s.bucket})
	if err == nil {
		configured := lock.ObjectLockConfiguration
		f.ObjectLock = configured != nil && configured.ObjectLockEnabled == types.ObjectLockEnabledEnabled
	} else if !amazon.Lacks(err) {
		return store.Features{}, s.fault(err, "read the object lock of", "")
	}
	s.features = &f
	return f, nil
}

// Stat implements store.Store.
func (s *Store) Stat(ctx context.Context, key string) (store.Object, error) {
	name, err := s.keys.Key(key)
	if err != nil {
		return store.Object{}, err
	}
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: s.bucket, Key: &name})
	if err != nil {
		return store.Object{}, s.fault(err, "stat", key)
	}
	return store.Object{
		Key: key, Size: aws.ToInt64(head.ContentLength), Modified: aws.ToTime(head.LastModified), Version: version(head.VersionId),
	}, nil
}

// version is empty in a bucket without versions, where S3 may call it null.
func version(id *string) string {
	if v := aws.ToString(id); v != "null" {
		return v
	}
	return ""
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, keys ...string) error {
	names, err := s.keys.Keys(keys)
	if err != nil {
		return err
	}
	if len(names) == 1 {
		// Some services know no other way, and it needs no body.
		_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: s.bucket, Key: &names[0]})
		return s.fault(missingIsFine(err), "delete", keys[0])
	}
	for start := 0; start < len(names); start += deleteAtOnce {
		if err := s.deleteMany(ctx, names[start:min(start+deleteAtOnce, len(names))]); err != nil {
			return err
		}
	}
	return nil
}

// deleteAtOnce is how many keys S3 takes in one request.
const deleteAtOnce = 1000

func (s *Store) deleteMany(ctx context.Context, names []string) error {
	batch := make([]types.ObjectIdentifier, len(names))
	for i := range names {
		batch[i].Key = &names[i]
	}
	out, err := s.client.DeleteObjects(ctx, &s3.DeleteObjectsInput{
		Bucket: s.bucket, Delete: &types.Delete{Objects: batch, Quiet: aws.Bool(true)},
	})
	if err != nil {
		return s.fault(err, "delete from", "")
	}
	for _, e := range out.Errors {
		if code := aws.ToString(e.Code); code != amazon.NoSuchKey {
			return fault.While(amazon.Answer(code, aws.ToString(e.Message), nil, meanings), "delete %s", aws.ToString(e.Key))
		}
	}
	return nil
}
