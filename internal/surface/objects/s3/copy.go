package s3

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"golang.org/x/sync/errgroup"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// CopyFrom implements bucket.Bucket. S3 takes over metadata and tags; storage
// class and encryption are the target's own.
func (b *Bucket) CopyFrom(ctx context.Context, from string, v bucket.Version, key string) (bucket.Version, error) {
	if v.Size > b.wholeLimit {
		return b.copyParts(ctx, from, v, key)
	}
	in := &s3.CopyObjectInput{Bucket: &b.name, Key: &key, CopySource: source(from, v), CopySourceIfMatch: condition(v)}
	out, err := b.client.CopyObject(ctx, in)
	if gone(err) {
		return bucket.Version{}, b.goneFrom(from, v)
	}
	if err != nil {
		return bucket.Version{}, b.fault(err, "copy "+from+"/"+v.String()+" to", key)
	}
	made := bucket.Version{Key: key, ID: aws.ToString(out.VersionId), Size: v.Size, Current: true}
	if out.CopyObjectResult != nil {
		made.ETag, made.Digest = digest(out.CopyObjectResult.ETag)
		made.Modified = aws.ToTime(out.CopyObjectResult.LastModified)
	}
	return made, b.verify(ctx, from, v, made, out.ServerSideEncryption)
}

// verify compares the ETag of a copy with that of its source, where both are MD5 sums.
func (b *Bucket) verify(ctx context.Context, from string, v, made bucket.Version, how types.ServerSideEncryption) error {
	if v.Digest == "" || made.Digest == "" || v.Digest == made.Digest || !plain(how) {
		return nil
	}
	origin := &Bucket{client: b.client, name: from}
	head, err := origin.head(ctx, v.Key, v.ID)
	if err != nil {
		return err
	}
	if !plain(head.ServerSideEncryption) || head.SSECustomerAlgorithm != nil {
		return nil
	}
	return fault.New(fault.Corrupt, "the copy of %s in %s has the ETag %s, not %s", origin.at(v.String()), b.at(made.Key), made.ETag, v.ETag)
}

// plain reports whether an object that is so encrypted has its MD5 as its ETag.
func plain(how types.ServerSideEncryption) bool {
	return how == "" || how == types.ServerSideEncryptionAes256
}

func (b *Bucket) goneFrom(from string, v bucket.Version) error {
	return fault.New(fault.Missing, "s3://%s/%s is not there any more", from, v)
}

// source names a version in a header.
func source(from string, v bucket.Version) *string {
	path := strings.ReplaceAll(url.PathEscape(from+"/"+v.Key), "%2F", "/")
	// A plus sign may stand in a path, and is read as a space here.
	text := strings.ReplaceAll(path, "+", "%2B")
	if v.ID != "" {
		text += "?versionId=" + url.QueryEscape(v.ID)
	}
	return &text
}

// condition holds what has no version to what was listed.
func condition(v bucket.Version) *string {
	if v.ID != "" || v.ETag == "" {
		return nil
	}
	return aws.String(`"` + v.ETag + `"`)
}

const (
	// partsAtOnce is how many parts of one object are copied at the same time.
	partsAtOnce = 4
	// abortWithin bounds the cleaning up after a failed copy.
	abortWithin = 30 * time.Second
)

// copyParts copies what is too large for one request.
func (b *Bucket) copyParts(ctx context.Context, from string, v bucket.Version, key string) (bucket.Version, error) {
	origin := &Bucket{client: b.client, name: from}
	head, err := origin.head(ctx, v.Key, v.ID)
	if err != nil {
		return bucket.Version{}, err
	}
	doing := "copy " + from + "/" + v.String() + " to"
	tags, err := origin.tags(ctx, v)
	if err != nil {
		return bucket.Version{}, err
	}
	upload, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &b.name, Key: &key, Metadata: head.Metadata, ContentType: head.ContentType, ContentEncoding: head.ContentEncoding,
		ContentLanguage: head.ContentLanguage, ContentDisposition: head.ContentDisposition, CacheControl: head.CacheControl,
		WebsiteRedirectLocation: head.WebsiteRedirectLocation, Tagging: tags,
	})
	if err != nil {
		return bucket.Version{}, b.fault(err, doing, key)
	}
	parts, err := b.parts(ctx, from, v, key, upload.UploadId)
	if err == nil {
		var out *s3.CompleteMultipartUploadOutput
		out, err = b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
			Bucket: &b.name, Key: &key, UploadId: upload.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		})
		if err == nil {
			made := bucket.Version{Key: key, ID: aws.ToString(out.VersionId), Size: v.Size, Current: true}
			made.ETag, made.Digest = digest(out.ETag)
			return made, nil
		}
	}
	// What was copied of it costs money until it is given up.
	cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortWithin)
	defer cancel()
	_, _ = b.client.AbortMultipartUpload(cleanup, &s3.AbortMultipartUploadInput{Bucket: &b.name, Key: &key, UploadId: upload.UploadId})
	if gone(err) {
		return bucket.Version{}, b.goneFrom(from, v)
	}
	return bucket.Version{}, b.fault(err, doing, key)
}

func (b *Bucket) parts(ctx context.Context, from string, v bucket.Version, key string, upload *string) ([]types.CompletedPart, error) {
	parts := make([]types.CompletedPart, (v.Size+b.partSize-1)/b.partSize)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(partsAtOnce)
	for i := range parts {
		group.Go(func() error {
			start := int64(i) * b.partSize
			number := aws.Int32(int32(i + 1))
			out, err := b.client.UploadPartCopy(ctx, &s3.UploadPartCopyInput{
				Bucket: &b.name, Key: &key, UploadId: upload, PartNumber: number, CopySource: source(from, v), CopySourceIfMatch: condition(v),
				CopySourceRange: aws.String(fmt.Sprintf("bytes=%d-%d", start, min(start+b.partSize, v.Size)-1)),
			})
			if err != nil {
				return err
			}
			parts[i] = types.CompletedPart{PartNumber: number, ETag: out.CopyPartResult.ETag}
			return nil
		})
	}
	return parts, group.Wait()
}

// tags are those of a version as a header has them; nil for none.
func (b *Bucket) tags(ctx context.Context, v bucket.Version) (*string, error) {
	in := &s3.GetObjectTaggingInput{Bucket: &b.name, Key: &v.Key}
	if v.ID != "" {
		in.VersionId = &v.ID
	}
	out, err := b.client.GetObjectTagging(ctx, in)
	if amazon.Lacks(err) || amazon.Code(err) == "NoSuchTagSet" {
		return nil, nil
	}
	if err != nil {
		return nil, b.fault(err, "read the tags of", v.String())
	}
	if len(out.TagSet) == 0 {
		return nil, nil
	}
	values := url.Values{}
	for _, tag := range out.TagSet {
		values.Set(aws.ToString(tag.Key), aws.ToString(tag.Value))
	}
	return aws.String(values.Encode()), nil
}
