package s3

import (
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"io"
	"iter"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// Versions implements bucket.Bucket.
func (b *Bucket) Versions(ctx context.Context, prefix string) iter.Seq2[bucket.Version, error] {
	return bucket.Ascending(b.pages(ctx, prefix))
}

func (b *Bucket) pages(ctx context.Context, prefix string) iter.Seq2[bucket.Version, error] {
	return func(yield func(bucket.Version, error) bool) {
		// A key may hold characters that XML can't.
		in := &s3.ListObjectVersionsInput{Bucket: &b.name, Prefix: &prefix, EncodingType: types.EncodingTypeUrl}
		for {
			var order []byte
			page, err := b.client.ListObjectVersions(ctx, in, func(o *s3.Options) {
				o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
					return stack.Deserialize.Add(&witness{&order}, middleware.After)
				})
			})
			if err != nil {
				yield(bucket.Version{}, b.fault(err, "list the versions of", prefix))
				return
			}
			versions, err := b.read(page, order)
			if err != nil {
				yield(bucket.Version{}, err)
				return
			}
			for _, v := range versions {
				if !yield(v, nil) {
					return
				}
			}
			if !aws.ToBool(page.IsTruncated) {
				return
			}
			marker, err := decoded(page, page.NextKeyMarker)
			if err != nil || marker == "" {
				yield(bucket.Version{}, fault.New(fault.Internal, "list the versions of %s: a page doesn't say where the next begins", b.at(prefix)))
				return
			}
			in.KeyMarker, in.VersionIdMarker = &marker, page.NextVersionIdMarker
		}
	}
}

// The letters of an order.
const (
	aVersion = 'v'
	aMarker  = 'm'
)

// witness notes in which order a page has versions and delete markers, which
// the library sorts apart: that order alone says what was deleted before what
// within a second.
type witness struct{ order *[]byte }

// ID implements middleware.DeserializeMiddleware.
func (*witness) ID() string { return "OrderOfVersions" }

// HandleDeserialize implements middleware.DeserializeMiddleware.
func (w *witness) HandleDeserialize(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (
	middleware.DeserializeOutput, middleware.Metadata, error,
) {
	out, metadata, err := next.HandleDeserialize(ctx, in)
	*w.order = nil
	answer, ok := out.RawResponse.(*smithyhttp.Response)
	if err != nil || !ok || answer.StatusCode/100 != 2 {
		return out, metadata, err
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return out, metadata, err
	}
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	*w.order = orderOf(body)
	return out, metadata, nil
}

// orderOf reads a page as far as it is XML; the library says what is wrong with the rest.
func orderOf(body []byte) []byte {
	var order []byte
	for d := xml.NewDecoder(bytes.NewReader(body)); ; {
		token, err := d.RawToken()
		if err != nil {
			return order
		}
		if start, ok := token.(xml.StartElement); ok {
			switch start.Name.Local {
			case "Version":
				order = append(order, aVersion)
			case "DeleteMarker":
				order = append(order, aMarker)
			}
		}
	}
}

// read puts a page into order: by key, of each the newest first.
func (b *Bucket) read(page *s3.ListObjectVersionsOutput, order []byte) ([]bucket.Version, error) {
	versions, err := b.convert(page, page.Versions)
	if err != nil {
		return nil, err
	}
	markers, err := b.marks(page, page.DeleteMarkers)
	if err != nil {
		return nil, err
	}
	apart := turns(order) < 2
	out := make([]bucket.Version, 0, len(versions)+len(markers))
	for _, letter := range order {
		switch {
		case letter == aVersion && len(versions) > 0:
			out, versions = append(out, versions[0]), versions[1:]
		case letter == aMarker && len(markers) > 0:
			out, markers = append(out, markers[0]), markers[1:]
		}
	}
	if len(versions) > 0 || len(markers) > 0 {
		return nil, fault.New(fault.Internal, "list the versions of %s: a page was read in two ways", b)
	}
	if apart && len(page.DeleteMarkers) > 0 {
		// Some services list all markers, and then all versions: their times tell.
		slices.SortStableFunc(out, func(x, y bucket.Version) int {
			return cmp.Or(strings.Compare(x.Key, y.Key), first(x.Current, y.Current), y.Modified.Compare(x.Modified))
		})
	}
	return out, nil
}

// turns is how often a version and a marker follow each other.
func turns(order []byte) int {
	n := 0
	for i := 1; i < len(order); i++ {
		if order[i] != order[i-1] {
			n++
		}
	}
	return n
}

func first(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return -1
	default:
		return 1
	}
}

func (b *Bucket) convert(page *s3.ListObjectVersionsOutput, listed []types.ObjectVersion) ([]bucket.Version, error) {
	out := make([]bucket.Version, len(listed))
	for i, v := range listed {
		key, err := decoded(page, v.Key)
		if err != nil {
			return nil, fault.New(fault.Internal, "list the versions of %s: a key is not encoded as was asked: %q", b, aws.ToString(v.Key))
		}
		out[i] = bucket.Version{
			Key: key, ID: aws.ToString(v.VersionId), Size: aws.ToInt64(v.Size), Modified: madeAt(aws.ToString(v.VersionId), aws.ToTime(v.LastModified)),
			Current: aws.ToBool(v.IsLatest),
		}
		out[i].ETag, out[i].Digest = digest(v.ETag)
	}
	return out, nil
}

func (b *Bucket) marks(page *s3.ListObjectVersionsOutput, listed []types.DeleteMarkerEntry) ([]bucket.Version, error) {
	out := make([]bucket.Version, len(listed))
	for i, m := range listed {
		key, err := decoded(page, m.Key)
		if err != nil {
			return nil, fault.New(fault.Internal, "list the versions of %s: a key is not encoded as was asked: %q", b, aws.ToString(m.Key))
		}
		out[i] = bucket.Version{
			Key: key, ID: aws.ToString(m.VersionId), Modified: madeAt(aws.ToString(m.VersionId), aws.ToTime(m.LastModified)),
			Current: aws.ToBool(m.IsLatest), Deleted: true,
		}
	}
	return out, nil
}

// decoded is a key as it is: services that know no encoding send it so.
func decoded(page *s3.ListObjectVersionsOutput, key *string) (string, error) {
	if page.EncodingType != types.EncodingTypeUrl {
		return aws.ToString(key), nil
	}
	return url.QueryUnescape(aws.ToString(key))
}

// digest is an ETag without its quotes, and the MD5 that it is where the object
// was written in one piece and not encrypted by a key of KMS.
func digest(etag *string) (tag, sum string) {
	tag = strings.Trim(aws.ToString(etag), `"`)
	if len(tag) == 32 && strings.Trim(tag, "0123456789abcdef") == "" {
		sum = bucket.MD5 + ":" + tag
	}
	return tag, sum
}
