package azure

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blockblob"

	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/store/chunks"
)

// blockLimit is how many blocks the service takes for one blob.
const blockLimit = 50_000

// terms are what the request says that makes a blob appear.
type terms struct {
	access *blob.AccessConditions
	lock   *blob.ImmutabilityPolicySetting
	until  *time.Time
}

// Put implements store.Store: in one request what fits into one chunk, as a
// list of blocks what is larger.
func (s *Store) Put(ctx context.Context, key string, r io.Reader, opts store.PutOptions) (store.Object, error) {
	name, err := s.keys.Key(key)
	if err != nil {
		return store.Object{}, err
	}
	t, err := s.terms(ctx, opts)
	if err != nil {
		return store.Object{}, err
	}
	stream := chunks.NewStream(r, chunks.NewPlan(opts.Estimate, blockLimit))
	defer stream.Close()
	o := store.Object{Key: key}
	first, err := stream.Next(ctx)
	switch {
	case err != nil:
	case first.Last:
		err = s.putWhole(ctx, name, t, first.Data, &o)
	default:
		err = s.putBlocks(ctx, name, t, stream, first, &o)
	}
	if opts.IfAbsent && bloberror.HasCode(err, bloberror.InvalidBlockList, bloberror.InvalidBlobOrBlock) {
		// Another writer's commit has discarded the blocks; it may have won.
		if _, missing := s.Stat(ctx, key); missing == nil {
			err = errExists
		}
	}
	if err != nil {
		return store.Object{}, store.Taken(ctx, s, key, opts, s.fault(err, "store", key))
	}
	if first.Last {
		stream.Release(first)
	}
	return o, nil
}

func (s *Store) terms(ctx context.Context, opts store.PutOptions) (terms, error) {
	var t terms
	if opts.IfAbsent {
		t.access = &blob.AccessConditions{ModifiedAccessConditions: &blob.ModifiedAccessConditions{
			IfNoneMatch: new(azcore.ETagAny),
		}}
	}
	if opts.RetainUntil.IsZero() {
		return t, nil
	}
	f, err := s.Features(ctx)
	if err == nil && f.ObjectLock {
		t.lock, t.until = new(blob.ImmutabilityPolicySettingLocked), new(opts.RetainUntil.UTC())
	}
	return t, err
}

func (s *Store) putWhole(ctx context.Context, name string, t terms, data []byte, o *store.Object) error {
	out, err := s.client.NewBlockBlobClient(name).Upload(ctx, seekable(data), &blockblob.UploadOptions{
		AccessConditions: t.access, ImmutabilityPolicyMode: t.lock, ImmutabilityPolicyExpiryTime: t.until,
	})
	if err != nil {
		return err
	}
	o.Size, o.Modified, o.Version = int64(len(data)), value(out.LastModified), value(out.VersionID)
	return nil
}

func (s *Store) putBlocks(ctx context.Context, name string, t terms, stream *chunks.Stream, first chunks.Chunk, o *store.Object) error {
	client := s.client.NewBlockBlobClient(name)
	if t.access != nil {
		// Spare the caller sending what can't win; the commit decides.
		if _, err := client.GetProperties(ctx, nil); err == nil {
			return errExists
		}
	}
	ids := blockIDs{upload: rand.Uint64()}
	total, err := stream.Each(ctx, first, func(ctx context.Context, c chunks.Chunk) error {
		_, err := client.StageBlock(ctx, ids.id(c.Number), seekable(c.Data), nil)
		return err
	})
	if err != nil {
		return err
	}
	out, err := client.CommitBlockList(ctx, ids.all(total.Chunks), &blockblob.CommitBlockListOptions{
		AccessConditions: t.access, ImmutabilityPolicyMode: t.lock, ImmutabilityPolicyExpiryTime: t.until,
	})
	if err != nil {
		return err
	}
	o.Size, o.Modified, o.Version = total.Bytes, value(out.LastModified), value(out.VersionID)
	return nil
}

// blockIDs names the blocks of one upload: all equally long, as the service
// wants it, and different from those of other writers to the same key.
type blockIDs struct{ upload uint64 }

func (b blockIDs) id(number int) string {
	return base64.StdEncoding.EncodeToString(fmt.Appendf(nil, "%016x-%06d", b.upload, number))
}

func (b blockIDs) all(count int) []string {
	ids := make([]string, count)
	for i := range ids {
		ids[i] = b.id(i + 1)
	}
	return ids
}

func seekable(data []byte) io.ReadSeekCloser { return streaming.NopCloser(bytes.NewReader(data)) }
