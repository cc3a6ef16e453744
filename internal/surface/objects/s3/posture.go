package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/amazon"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// Posture implements bucket.Bucket.
func (b *Bucket) Posture(ctx context.Context, prefix string) (bucket.Posture, error) {
	var p bucket.Posture
	versioning, err := b.client.GetBucketVersioning(ctx, &s3.GetBucketVersioningInput{Bucket: &b.name})
	if err != nil && !amazon.Lacks(err) {
		return p, b.fault(err, "read the versioning of", "")
	}
	if err == nil {
		p.Versions = versioning.Status == types.BucketVersioningStatusEnabled
		p.Now, _ = awsmiddleware.GetServerTime(versioning.ResultMetadata)
	}
	lifecycle, err := b.client.GetBucketLifecycleConfiguration(ctx, &s3.GetBucketLifecycleConfigurationInput{Bucket: &b.name})
	switch {
	case err == nil:
		expiries(lifecycle.Rules, prefix, &p)
	case amazon.Code(err) != "NoSuchLifecycleConfiguration":
		if p.LifecycleUnknown, err = b.unseen(err, "read the lifecycle of"); err != nil {
			return p, err
		}
	}
	lock, err := b.client.GetObjectLockConfiguration(ctx, &s3.GetObjectLockConfigurationInput{Bucket: &b.name})
	switch {
	case err == nil:
		p.LockDays = lockDays(lock.ObjectLockConfiguration)
	case !amazon.Lacks(err):
		p.LockUnknown, err = b.unseen(err, "read the object lock of")
		return p, err
	}
	return p, nil
}

// unseen is why something could not be looked at, where that stays so, and the error where it may pass.
func (b *Bucket) unseen(err error, doing string) (string, error) {
	err = b.fault(err, doing, "")
	if fault.Is(err, fault.Denied) || fault.Is(err, fault.Unsupported) {
		return fault.Line(err), nil
	}
	return "", err
}

// expiries notes what the rules that hold for any key under prefix make of old versions.
func expiries(rules []types.LifecycleRule, prefix string, p *bucket.Posture) {
	for _, r := range rules {
		if r.Status != types.ExpirationStatusEnabled || r.NoncurrentVersionExpiration == nil || r.NoncurrentVersionExpiration.NoncurrentDays == nil {
			continue
		}
		of := aws.ToString(r.Prefix) //nolint:staticcheck // Rules that were made long ago have no other.
		if f := r.Filter; f != nil {
			of = aws.ToString(f.Prefix)
			if f.And != nil {
				of = aws.ToString(f.And.Prefix)
			}
		}
		if bucket.Overlap(of, prefix) {
			p.Expires(int(*r.NoncurrentVersionExpiration.NoncurrentDays))
		}
	}
}

func lockDays(c *types.ObjectLockConfiguration) int {
	if c == nil || c.ObjectLockEnabled != types.ObjectLockEnabledEnabled || c.Rule == nil || c.Rule.DefaultRetention == nil {
		return 0
	}
	const year = 365
	return int(aws.ToInt32(c.Rule.DefaultRetention.Days)) + year*int(aws.ToInt32(c.Rule.DefaultRetention.Years))
}

// Onlookers implements bucket.Bucket.
func (b *Bucket) Onlookers(ctx context.Context, prefix string) ([]string, error) {
	told, err := b.client.GetBucketNotificationConfiguration(ctx, &s3.GetBucketNotificationConfigurationInput{Bucket: &b.name})
	if err != nil && !amazon.Lacks(err) {
		return nil, b.fault(err, "read the notifications of", "")
	}
	var out []string
	if err == nil {
		out = notified(told, prefix)
	}
	copied, err := b.client.GetBucketReplication(ctx, &s3.GetBucketReplicationInput{Bucket: &b.name})
	if err != nil && !amazon.Lacks(err) && amazon.Code(err) != "ReplicationConfigurationNotFoundError" {
		return nil, b.fault(err, "read the replication of", "")
	}
	if err == nil && copied.ReplicationConfiguration != nil {
		out = append(out, replicated(copied.ReplicationConfiguration.Rules, prefix)...)
	}
	return out, nil
}

func notified(c *s3.GetBucketNotificationConfigurationOutput, prefix string) []string {
	var out []string
	note := func(sort string, target *string, filter *types.NotificationConfigurationFilter) {
		if bucket.Overlap(filterPrefix(filter), prefix) {
			out = append(out, fmt.Sprintf("events are sent to the %s %s", sort, aws.ToString(target)))
		}
	}
	for _, q := range c.QueueConfigurations {
		note("queue", q.QueueArn, q.Filter)
	}
	for _, t := range c.TopicConfigurations {
		note("topic", t.TopicArn, t.Filter)
	}
	for _, l := range c.LambdaFunctionConfigurations {
		note("function", l.LambdaFunctionArn, l.Filter)
	}
	if c.EventBridgeConfiguration != nil {
		out = append(out, "events are sent to Amazon EventBridge")
	}
	return out
}

func filterPrefix(f *types.NotificationConfigurationFilter) string {
	if f == nil || f.Key == nil {
		return ""
	}
	for _, rule := range f.Key.FilterRules {
		if strings.EqualFold(string(rule.Name), string(types.FilterRuleNamePrefix)) {
			return aws.ToString(rule.Value)
		}
	}
	return ""
}

func replicated(rules []types.ReplicationRule, prefix string) []string {
	var out []string
	for _, r := range rules {
		of := aws.ToString(r.Prefix) //nolint:staticcheck // Rules that were made long ago have no other.
		if f := r.Filter; f != nil {
			of = aws.ToString(f.Prefix)
			if f.And != nil {
				of = aws.ToString(f.And.Prefix)
			}
		}
		if r.Status == types.ReplicationRuleStatusEnabled && r.Destination != nil && bucket.Overlap(of, prefix) {
			out = append(out, "objects are replicated to "+aws.ToString(r.Destination.Bucket))
		}
	}
	return out
}

// Anonymous implements bucket.Bucket.
func (b *Bucket) Anonymous(ctx context.Context, key string) (int, error) {
	_, err := b.stranger.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: &key})
	if err == nil {
		return http.StatusOK, nil
	}
	if status := amazon.Status(err); status > 0 {
		return status, nil
	}
	return 0, b.fault(err, "ask without credentials for", key)
}

// Stat implements bucket.Bucket.
func (b *Bucket) Stat(ctx context.Context, key, id string) (bucket.Version, error) {
	head, err := b.head(ctx, key, id)
	if err != nil {
		return bucket.Version{}, err
	}
	found := aws.ToString(head.VersionId)
	if found == "" {
		found = nullVersion
	}
	if id != "" && found != id {
		// A service without versions answers with what is there now.
		return bucket.Version{}, b.noVersion(key, id)
	}
	v := bucket.Version{
		Key: key, ID: found, Size: aws.ToInt64(head.ContentLength), Modified: aws.ToTime(head.LastModified), Current: id == "",
	}
	v.ETag, v.Digest = digest(head.ETag)
	return v, nil
}

// nullVersion is the ID of an object that was written while its bucket kept no versions.
const nullVersion = "null"

func (b *Bucket) noVersion(key, id string) error {
	return fault.New(fault.Missing, "%s has no version %s", b.at(key), id)
}

// head says why a version could not be looked at, too. The answer to a HEAD has
// no body, so that a malformed version, which can't exist, looks like an
// expired token: a GET tells.
func (b *Bucket) head(ctx context.Context, key, id string) (*s3.HeadObjectOutput, error) {
	in := &s3.HeadObjectInput{Bucket: &b.name, Key: &key}
	if id != "" {
		in.VersionId = &id
	}
	head, err := b.client.HeadObject(ctx, in)
	switch amazon.Status(err) {
	case http.StatusMethodNotAllowed:
		// The version is a delete marker.
		return nil, b.noVersion(key, id)
	case http.StatusNotFound:
		if id != "" {
			return nil, b.noVersion(key, id)
		}
	case http.StatusBadRequest:
		out, why := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.name, Key: &key, VersionId: in.VersionId, Range: aws.String("bytes=0-0")})
		if why == nil {
			_ = out.Body.Close()
			break
		}
		if gone(why) {
			return nil, b.noVersion(key, id)
		}
		err = why
	}
	return head, b.fault(err, "look at", bucket.Version{Key: key, ID: id}.String())
}

// gone reports whether an error says that there is no such version.
func gone(err error) bool {
	api, ok := errors.AsType[smithy.APIError](err)
	return ok && isGone(api.ErrorCode(), api.ErrorMessage())
}

func isGone(code, text string) bool {
	switch code {
	case amazon.NoSuchKey, "NoSuchVersion", "InvalidVersionId", "NotFound":
		return true
	case "InvalidArgument":
		// What can't be a version's ID, or is none any more.
		return strings.Contains(strings.ToLower(text), "version")
	}
	return false
}
