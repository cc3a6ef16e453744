package s3

import (
	"context"
	"io"
	"iter"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/transport"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	name, err := s.keys.Key(key)
	if err != nil {
		return nil, err
	}
	if offset < 0 || length == 0 {
		return store.Empty(ctx, s, key, offset, "read "+s.at(key))
	}
	out, err := s.open(ctx, name, offset, length, nil)
	if amazon.Code(err) == codeInvalidRange {
		return store.Empty(ctx, s, key, offset, "read "+s.at(key))
	}
	if err != nil {
		return nil, s.fault(err, "read", key)
	}
	return transport.Resume(out.Body, "read "+s.at(key), offset, length, func(offset, length int64) (io.ReadCloser, error) {
		again, err := s.open(ctx, name, offset, length, out.ETag)
		if err != nil {
			return nil, s.fault(err, "read on", key)
		}
		return again.Body, nil
	}), nil
}

func (s *Store) open(ctx context.Context, name string, offset, length int64, etag *string) (*s3.GetObjectOutput, error) {
	in := &s3.GetObjectInput{Bucket: s.bucket, Key: &name, IfMatch: etag}
	if offset > 0 || length > 0 {
		in.Range = aws.String(transport.Range(offset, length))
	}
	return s.client.GetObject(ctx, in)
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, opts store.ListOptions) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		under, err := s.keys.Ascending(opts)
		if err != nil {
			yield(store.Entry{}, err)
			return
		}
		in := &s3.ListObjectsV2Input{Bucket: s.bucket, Prefix: &under}
		if opts.Shallow {
			in.Delimiter = aws.String("/")
		}
		if after := s.keys.After(opts); after != "" {
			in.StartAfter = &after
		}
		pages := s3.NewListObjectsV2Paginator(s.client, in)
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(store.Entry{}, s.fault(err, "list", opts.Prefix))
				return
			}
			for _, e := range s.keys.Page(entries(page), opts) {
				if !yield(e, nil) {
					return
				}
			}
		}
	}
}

func entries(page *s3.ListObjectsV2Output) []store.Entry {
	all := make([]store.Entry, 0, len(page.Contents)+len(page.CommonPrefixes))
	for _, o := range page.Contents {
		all = append(all, store.Entry{Object: store.Object{
			Key: aws.ToString(o.Key), Size: aws.ToInt64(o.Size), Modified: aws.ToTime(o.LastModified),
		}})
	}
	for _, p := range page.CommonPrefixes {
		all = append(all, store.Entry{Object: store.Object{Key: aws.ToString(p.Prefix)}, Dir: true})
	}
	return all
}

// SweepUploads implements store.Store. An upload's age is that of its beginning.
func (s *Store) SweepUploads(ctx context.Context, prefix string, before time.Time) (int, error) {
	under, err := s.keys.Under(prefix)
	if err != nil {
		return 0, err
	}
	swept := 0
	pages := s3.NewListMultipartUploadsPaginator(s.client, &s3.ListMultipartUploadsInput{Bucket: s.bucket, Prefix: &under})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return swept, s.fault(err, "list the uploads to", prefix)
		}
		for _, u := range page.Uploads {
			if !aws.ToTime(u.Initiated).Before(before) {
				continue
			}
			if err := s.abort(ctx, aws.ToString(u.Key), u.UploadId); err != nil {
				return swept, s.fault(err, "give up an upload to", prefix)
			}
			swept++
		}
	}
	return swept, nil
}
