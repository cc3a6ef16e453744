package gcs

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"cloud.google.com/go/storage"

	"github.com/lifeboat-dr/lifeboat/internal/cloud/google"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
)

// Posture implements bucket.Bucket. What locks a new object is the bucket's
// retention policy, or the default retention of objects.
func (b *Bucket) Posture(ctx context.Context, prefix string) (bucket.Posture, error) {
	attrs, err := b.handle().Attrs(ctx)
	if err != nil {
		return bucket.Posture{}, b.fault(err, "read the settings of", "")
	}
	p := bucket.Posture{Versions: attrs.VersioningEnabled}
	if now := b.clock.last.Load(); now != nil {
		p.Now = *now
	}
	for _, rule := range attrs.Lifecycle.Rules {
		if days, removes := expiry(rule, prefix); removes {
			p.Expires(days)
		}
	}
	if policy := attrs.RetentionPolicy; policy != nil {
		p.LockDays = int(policy.RetentionPeriod / (24 * time.Hour))
	}
	return p, nil
}

// expiry is after how many days a rule removes versions that are not current.
// All conditions of a rule must hold at once, so the longest counts; one that
// only counts newer versions may remove a version on the day that it is replaced.
func expiry(rule storage.LifecycleRule, prefix string) (days int, removes bool) {
	c := rule.Condition
	if rule.Action.Type != storage.DeleteAction || c.Liveness == storage.Live {
		return 0, false
	}
	if len(c.MatchesPrefix) > 0 {
		holds := false
		for _, of := range c.MatchesPrefix {
			holds = holds || bucket.Overlap(of, prefix)
		}
		if !holds {
			return 0, false
		}
	}
	return int(max(c.DaysSinceNoncurrentTime, c.AgeInDays)), true
}

// Onlookers implements bucket.Bucket.
func (b *Bucket) Onlookers(ctx context.Context, prefix string) ([]string, error) {
	told, err := b.handle().Notifications(ctx)
	if err != nil {
		return nil, b.fault(err, "read the notifications of", "")
	}
	var out []string
	for _, n := range told {
		if bucket.Overlap(n.ObjectNamePrefix, prefix) {
			out = append(out, fmt.Sprintf("events are sent to the topic %s of project %s", n.TopicID, n.TopicProjectID))
		}
	}
	return out, nil
}

// Anonymous implements bucket.Bucket.
func (b *Bucket) Anonymous(ctx context.Context, key string) (int, error) {
	_, err := b.stranger.Bucket(b.name).Object(key).Attrs(ctx)
	switch {
	case err == nil:
		return http.StatusOK, nil
	case google.Status(err) > 0:
		return google.Status(err), nil
	default:
		return 0, b.fault(err, "ask without credentials for", key)
	}
}
