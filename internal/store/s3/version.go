package s3

import (
	"context"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
)

// noVersion is the ID of an object that was written while its bucket kept no versions.
const noVersion = "null"

// StatVersion implements store.Versioner. The version "null" is of an object
// that was written before the bucket kept versions.
func (s *Store) StatVersion(ctx context.Context, key, version string) (store.Object, error) {
	name, err := s.keys.Key(key)
	if err != nil {
		return store.Object{}, err
	}
	if version == "" {
		return store.Object{}, fault.New(fault.Invalid, "stat a version of %s: no version is given", s.at(key))
	}
	head, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: s.bucket, Key: &name, VersionId: &version})
	if err != nil {
		return store.Object{}, s.versionFault(ctx, err, key, name, version)
	}
	found := aws.ToString(head.VersionId)
	if found == "" {
		found = noVersion
	}
	if found != version {
		// A service without versions answers with what is there now.
		return store.Object{}, s.noVersion(key, version)
	}
	return store.Object{
		Key: key, Size: aws.ToInt64(head.ContentLength), Modified: aws.ToTime(head.LastModified), Version: version,
	}, nil
}

// versionFault says why a version could not be looked at. The answer to a HEAD
// has no body, so that a malformed version, which can't exist, looks like an
// expired token: a GET tells.
func (s *Store) versionFault(ctx context.Context, err error, key, name, version string) error {
	switch amazon.Status(err) {
	case http.StatusMethodNotAllowed:
		// The version is a delete marker.
		return s.noVersion(key, version)
	case http.StatusBadRequest:
		out, why := s.client.GetObject(ctx, &s3.GetObjectInput{
			Bucket: s.bucket, Key: &name, VersionId: &version, Range: aws.String("bytes=0-0"),
		})
		if why == nil {
			_ = out.Body.Close()
			break
		}
		if c := amazon.Code(why); c == "InvalidArgument" || c == "NoSuchVersion" || c == "InvalidVersionId" {
			return s.noVersion(key, version)
		}
		err = why
	}
	return s.fault(err, "stat version "+version+" of", key)
}

func (s *Store) noVersion(key, version string) error {
	return fault.New(fault.Missing, "%s has no version %s", s.at(key), version)
}
