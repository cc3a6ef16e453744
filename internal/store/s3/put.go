package s3

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/chunks"
)

const (
	// partLimit is how many parts S3 takes for one object.
	partLimit = 10_000
	// abortWithin bounds the cleaning up after a failed upload.
	abortWithin = 30 * time.Second
)

// target is what every request of one Put says.
type target struct {
	name        string
	ifNoneMatch *string
	lock        types.ObjectLockMode
	retainUntil *time.Time
}

// Put implements store.Store: in one request what fits into one chunk, as a
// multipart upload what is larger.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, opts store.PutOptions) (store.Object, error) {
	t, err := s.target(ctx, key, opts)
	if err != nil {
		return store.Object{}, err
	}
	stream := chunks.NewStream(r, chunks.NewPlan(opts.Estimate, partLimit))
	defer stream.Close()
	o := store.Object{Key: key}
	first, err := stream.Next(ctx)
	switch {
	case err != nil:
	case first.Last:
		o.Size = int64(len(first.Data))
		o.Version, err = s.putWhole(ctx, t, first.Data)
	default:
		o.Version, o.Size, err = s.putParts(ctx, t, stream, first)
	}
	if err != nil {
		err = s.lost(ctx, s.fault(err, "store", key), key)
		return store.Object{}, store.Taken(ctx, s, key, opts, err)
	}
	if first.Last {
		stream.Release(first)
	}
	return o, nil
}

func (s *Store) target(ctx context.Context, key string, opts store.PutOptions) (target, error) {
	name, err := s.keys.Key(key)
	if err != nil {
		return target{}, err
	}
	t := target{name: name}
	if opts.IfAbsent {
		t.ifNoneMatch = aws.String("*")
	}
	if !opts.RetainUntil.IsZero() {
		f, err := s.Features(ctx)
		if err != nil {
			return target{}, err
		}
		if f.ObjectLock {
			t.lock, t.retainUntil = types.ObjectLockModeCompliance, &opts.RetainUntil
		}
	}
	return t, nil
}

// lost makes an error a Conflict only if the key is really taken: S3 refuses
// some of several writers at once before any of them has won.
func (s *Store) lost(ctx context.Context, err error, key string) error {
	if amazon.Code(err) != codeAtOnce {
		return err
	}
	if _, missing := s.Stat(ctx, key); missing != nil {
		return fault.Wrap(fault.Unavailable, err, "several writers at once")
	}
	return err
}

func (s *Store) putWhole(ctx context.Context, t target, data []byte) (string, error) {
	out, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: s.bucket, Key: &t.name, Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data))),
		ChecksumCRC32: checksum(data), IfNoneMatch: t.ifNoneMatch,
		ObjectLockMode: t.lock, ObjectLockRetainUntilDate: t.retainUntil,
	})
	if err != nil {
		return "", err
	}
	return version(out.VersionId), nil
}

// checksum is the CRC-32 as S3 spells it, over each chunk: the service refuses
// what arrives otherwise. Sent as a header, it spares the SDK a trailer that
// not all services understand.
func checksum(data []byte) *string {
	sum := binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(data))
	return aws.String(base64.StdEncoding.EncodeToString(sum))
}

func (s *Store) putParts(ctx context.Context, t target, stream *chunks.Stream, first chunks.Chunk) (string, int64, error) {
	if t.ifNoneMatch != nil {
		// Spare the caller sending what can't win; the completion decides.
		if _, err := s.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: s.bucket, Key: &t.name}); err == nil {
			return "", 0, fault.New(fault.Conflict, "the object exists already")
		}
	}
	upload, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: s.bucket, Key: &t.name, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
		ObjectLockMode: t.lock, ObjectLockRetainUntilDate: t.retainUntil,
	})
	if err != nil {
		return "", 0, err
	}
	version, size, err := s.sendParts(ctx, t, upload.UploadId, stream, first)
	if err != nil {
		// What can't be given up now is what SweepUploads is for.
		_ = s.abort(ctx, t.name, upload.UploadId)
		return "", 0, err
	}
	return version, size, nil
}

func (s *Store) sendParts(ctx context.Context, t target, id *string, stream *chunks.Stream, first chunks.Chunk) (string, int64, error) {
	var done parts
	total, err := stream.Each(ctx, first, func(ctx context.Context, c chunks.Chunk) error {
		number, sum := aws.Int32(int32(c.Number)), checksum(c.Data)
		out, err := s.client.UploadPart(ctx, &s3.UploadPartInput{
			Bucket: s.bucket, Key: &t.name, UploadId: id, PartNumber: number,
			Body: bytes.NewReader(c.Data), ContentLength: aws.Int64(int64(len(c.Data))), ChecksumCRC32: sum,
		})
		if err != nil {
			return err
		}
		done.add(types.CompletedPart{PartNumber: number, ETag: out.ETag, ChecksumCRC32: sum})
		return nil
	})
	if err != nil {
		return "", 0, err
	}
	out, err := s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: s.bucket, Key: &t.name, UploadId: id, IfNoneMatch: t.ifNoneMatch,
		MpuObjectSize: &total.Bytes, MultipartUpload: &types.CompletedMultipartUpload{Parts: done.inOrder()},
	})
	if err != nil {
		return "", 0, err
	}
	return version(out.VersionId), total.Bytes, nil
}

// abort gives up an upload, also when ctx has ended already.
func (s *Store) abort(ctx context.Context, name string, id *string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortWithin)
	defer cancel()
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: s.bucket, Key: &name, UploadId: id})
	return missingIsFine(err)
}
