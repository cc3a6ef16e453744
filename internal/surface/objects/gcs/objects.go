package gcs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"golang.org/x/sync/errgroup"
	"google.golang.org/api/iterator"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/google"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// Versions implements bucket.Bucket.
func (b *Bucket) Versions(ctx context.Context, prefix string) iter.Seq2[bucket.Version, error] {
	return bucket.Ascending(bucket.ByKey(b.generations(ctx, prefix), b.history))
}

// listed are the fields of an object that a listing is asked for.
var listed = []string{"Name", "Generation", "Size", "Etag", "CRC32C", "Created", "Deleted"}

func (b *Bucket) generations(ctx context.Context, prefix string) iter.Seq2[bucket.Version, error] {
	return func(yield func(bucket.Version, error) bool) {
		query := &storage.Query{Prefix: prefix, Versions: true, Projection: storage.ProjectionNoACL}
		if err := query.SetAttrSelection(listed); err != nil {
			yield(bucket.Version{}, fault.Wrap(fault.Internal, err, "list the versions of %s", b))
			return
		}
		for it := b.handle().Objects(ctx, query); ; {
			attrs, err := it.Next()
			if errors.Is(err, iterator.Done) {
				return
			}
			if err != nil {
				yield(bucket.Version{}, b.fault(err, "list the versions of", prefix))
				return
			}
			if !yield(version(attrs), nil) {
				return
			}
		}
	}
}

func version(attrs *storage.ObjectAttrs) bucket.Version {
	return bucket.Version{
		Key: attrs.Name, ID: strconv.FormatInt(attrs.Generation, 10), Size: attrs.Size, ETag: strings.Trim(attrs.Etag, `"`),
		Digest: fmt.Sprintf("%s:%08x", bucket.CRC32C, attrs.CRC32C), Modified: attrs.Created,
		Replaced: attrs.Deleted, Current: attrs.Deleted.IsZero(),
	}
}

// overwriting is how long after the end of one generation the next may begin
// for the object not to have been deleted in between.
const overwriting = time.Second

// history puts the generations of a key into order. The service keeps no marks
// of deletions: a generation ends when it was deleted or overwritten, and where
// no other one begins then, it was deleted.
func (b *Bucket) history(key []bucket.Version) []bucket.Version {
	slices.SortFunc(key, func(x, y bucket.Version) int { return cmp.Or(len(y.ID)-len(x.ID), strings.Compare(y.ID, x.ID)) })
	out := make([]bucket.Version, 0, len(key)+1)
	for i, v := range key {
		ended := v.Replaced
		if !ended.IsZero() && (i == 0 || key[i-1].Modified.Sub(ended) > overwriting) {
			out = append(out, bucket.Version{Key: v.Key, Modified: ended, Current: i == 0, Deleted: true})
		}
		out = append(out, v)
	}
	return out
}

// generation is the object that an ID names. What is no number names none.
func (b *Bucket) generation(name string, v bucket.Version) (*storage.ObjectHandle, error) {
	handle := b.client.Bucket(name).Object(v.Key)
	if v.ID == "" {
		return handle, nil
	}
	generation, err := strconv.ParseInt(v.ID, 10, 64)
	if err != nil || generation <= 0 {
		return nil, fault.New(fault.Missing, "%s has no version %s: the service's generations are numbers", b.at(v.Key), v.ID)
	}
	return handle.Generation(generation), nil
}

// Stat implements bucket.Bucket.
func (b *Bucket) Stat(ctx context.Context, key, id string) (bucket.Version, error) {
	v := bucket.Version{Key: key, ID: id}
	handle, err := b.generation(b.name, v)
	if err != nil {
		return bucket.Version{}, err
	}
	attrs, err := handle.Attrs(ctx)
	if err != nil {
		return bucket.Version{}, b.fault(err, "look at", v.String())
	}
	found := version(attrs)
	if id != "" && found.ID != id {
		return bucket.Version{}, fault.New(fault.Missing, "%s has no version %s", b.at(key), id)
	}
	return found, nil
}

// CopyFrom implements bucket.Bucket. A large object takes several requests,
// which the library sends one after the other.
func (b *Bucket) CopyFrom(ctx context.Context, from string, v bucket.Version, key string) (bucket.Version, error) {
	source, err := b.generation(from, v)
	if err != nil {
		return bucket.Version{}, err
	}
	attrs, err := b.handle().Object(key).CopierFrom(source).Run(ctx)
	if err != nil {
		return bucket.Version{}, b.fault(err, "copy "+from+"/"+v.String()+" to", key)
	}
	made := version(attrs)
	if made.Size != v.Size || v.Digest != "" && made.Digest != v.Digest {
		return made, fault.New(fault.Corrupt, "the copy of gs://%s/%s in %s has %d bytes and %s, not %d and %s", from, v, b.at(key), made.Size, made.Digest, v.Size, v.Digest)
	}
	return made, nil
}

// Put implements bucket.Bucket.
func (b *Bucket) Put(ctx context.Context, key string, data []byte) error {
	w := b.handle().Object(key).NewWriter(ctx)
	w.ChunkSize = 0
	if _, err := w.Write(data); err != nil {
		_ = w.Close()
		return b.fault(err, "write", key)
	}
	return b.fault(w.Close(), "write", key)
}

// Get implements bucket.Bucket.
func (b *Bucket) Get(ctx context.Context, key string) ([]byte, error) {
	r, err := b.handle().Object(key).NewReader(ctx)
	if err != nil {
		return nil, b.fault(err, "read", key)
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, bucket.SmallLimit))
	return data, b.fault(err, "read", key)
}

// Hide implements bucket.Bucket.
func (b *Bucket) Hide(ctx context.Context, keys ...string) error {
	versions := make([]bucket.Version, len(keys))
	for i, key := range keys {
		versions[i].Key = key
	}
	return b.remove(ctx, versions)
}

// Destroy implements bucket.Bucket.
func (b *Bucket) Destroy(ctx context.Context, versions ...bucket.Version) error {
	// A deletion without an ID is no thing of its own here.
	return b.remove(ctx, slices.DeleteFunc(slices.Clone(versions), func(v bucket.Version) bool { return v.ID == "" }))
}

func (b *Bucket) remove(ctx context.Context, versions []bucket.Version) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(bucket.AtOnce)
	for _, v := range versions {
		group.Go(func() error {
			handle, err := b.generation(b.name, v)
			if err != nil {
				return err
			}
			if err = handle.Delete(ctx); google.Status(err) == http.StatusNotFound || errors.Is(err, storage.ErrObjectNotExist) {
				return nil
			}
			return b.fault(err, "delete", v.String())
		})
	}
	return group.Wait()
}
