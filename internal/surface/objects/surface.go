// Package objects protects a versioned bucket, or a prefix of one: on Amazon S3
// and what speaks its protocol, on Azure Blob Storage, on Google Cloud Storage.
// The bucket itself keeps the bytes, as its old versions; a recovery point is
// the inventory of what was current at one moment, so that a drill can show that
// each of these versions can still be had, and a restore can have them copied,
// by the service, to another prefix or back over what is there now. FORMAT.md
// is the format of the inventory.
package objects

import (
	"context"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/azure"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/gcs"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/s3"
)

// Surface is one bucket or a prefix of it. It implements surface.Surface.
type Surface struct {
	name   string
	config surface.Bucket
	live   bucket.Bucket
	// prefix is what every protected key begins with: empty, or ending with a slash.
	prefix string
	// copies is where isolated copies go.
	copies surface.RestoreTo
}

// New makes a surface of a bucket's settings. Nothing is sent; it fails with
// fault.Invalid for settings that make no sense, and with fault.Denied where
// this host has no credentials for the service.
func New(name string, c surface.Config) (*Surface, error) {
	if wrong := c.Problems(); len(wrong) > 0 {
		return nil, fault.New(fault.Invalid, "surface %s: %s", name, wrong[0].Text)
	}
	live, err := connect(*c.Bucket)
	if err != nil {
		return nil, fault.While(err, "surface %s", name)
	}
	return made(name, *c.Bucket, live), nil
}

func made(name string, c surface.Bucket, live bucket.Bucket) *Surface {
	return &Surface{name: name, config: c, live: live, prefix: c.LivePrefix(), copies: c.Copies()}
}

func connect(c surface.Bucket) (bucket.Bucket, error) {
	switch c.Kind {
	case surface.BucketS3:
		return s3.Open(c)
	case surface.BucketAzure:
		return azure.Open(c)
	default:
		return gcs.Open(c)
	}
}

// Kind implements surface.Surface.
func (s *Surface) Kind() string { return surface.KindObjects }

// String is what is protected, for people, such as s3://BUCKET/PREFIX/.
func (s *Surface) String() string { return s.live.String() + "/" + s.prefix }

// LiveURL is the target of a restore over what is live.
func (s *Surface) LiveURL() secret.String {
	return location{Bucket: s.config.Holder(), Prefix: s.prefix}.url()
}

// sampled is how many versions a probe looks at.
const sampled = 1000

// Probe implements surface.Surface. The version is that of the protocol, and
// says whether the bucket keeps versions. Bytes are those of the first thousand
// versions alone: nothing but a whole listing tells how large a bucket is.
func (s *Surface) Probe(ctx context.Context) (surface.Server, error) {
	posture, err := s.live.Posture(ctx, s.prefix)
	if err != nil {
		return surface.Server{}, err
	}
	server := s.server(posture)
	looked := 0
	for v, err := range s.protected(ctx, s.prefix) {
		if err != nil {
			return server, err
		}
		server.Bytes += v.Size
		if looked++; looked == sampled {
			break
		}
	}
	return server, nil
}

func (s *Surface) server(posture bucket.Posture) surface.Server {
	traits := s.live.Traits()
	kept := "versions off"
	if posture.Versions {
		kept = "versions on"
	}
	digits, _, _ := strings.Cut(strings.TrimLeft(traits.API, "v"), "-")
	// A protocol whose version is no number has none to compare.
	major, _ := strconv.Atoi(digits)
	return surface.Server{Product: traits.Product, Version: traits.API + ", " + kept, Major: major}
}

// protected lists the versions of what is protected under a prefix of keys.
// Isolated copies are no part of it.
func (s *Surface) protected(ctx context.Context, prefix string) iter.Seq2[bucket.Version, error] {
	return s.withoutCopies(s.config.Holder(), s.live.Versions(ctx, prefix))
}

// listing lists the versions at a location, without the isolated copies that
// are below it. A copy itself is listed as it is.
func (s *Surface) listing(ctx context.Context, at location) iter.Seq2[bucket.Version, error] {
	all := s.live.In(at.Bucket).Versions(ctx, at.Prefix)
	if at.isCopy(s.copies) {
		return all
	}
	return s.withoutCopies(at.Bucket, all)
}

func (s *Surface) withoutCopies(holder string, all iter.Seq2[bucket.Version, error]) iter.Seq2[bucket.Version, error] {
	if holder != s.copies.Bucket {
		return all
	}
	return func(yield func(bucket.Version, error) bool) {
		for v, err := range all {
			if err == nil && strings.HasPrefix(v.Key, s.copies.Prefix) {
				continue
			}
			if !yield(v, err) {
				return
			}
		}
	}
}

// at is what was there at a moment, of a listing of versions; the zero moment
// stands for now. Where a key was deleted and nobody can say when, it counts as
// deleted before the moment, unless untold is given: then untold hears of it,
// and it counts as deleted after.
func at(listing iter.Seq2[bucket.Version, error], moment time.Time, untold func(key string)) iter.Seq2[bucket.Version, error] {
	return func(yield func(bucket.Version, error) bool) {
		var key string
		settled, deleted := true, false
		for v, err := range listing {
			if err != nil {
				yield(bucket.Version{}, err)
				return
			}
			if settled && key == v.Key && key != "" {
				continue
			}
			if key != v.Key {
				key, settled, deleted = v.Key, false, false
			}
			switch {
			case !moment.IsZero() && v.Modified.After(moment):
			case v.Deleted && v.Modified.IsZero() && untold != nil:
				deleted = true
			case v.Deleted:
				settled = true
			default:
				settled = true
				if deleted {
					untold(v.Key)
				}
				if !yield(v, nil) {
					return
				}
			}
		}
	}
}
