package gcs

import (
	"context"
	"slices"
	"testing"
	"time"

	"cloud.google.com/go/storage"

	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/buckettest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func open(t *testing.T, server *servers.GCSServer, name string) *Bucket {
	t.Helper()
	b, err := Open(surface.Bucket{Kind: surface.BucketGCS, Name: name, Endpoint: server.Endpoint})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBucket runs the suite against an emulator, which asks nobody for
// credentials and ends a page only where that is asked of it.
func TestBucket(t *testing.T) {
	t.Parallel()
	server := servers.GCS(t)
	buckettest.Run(t, buckettest.Harness{
		Bucket: open(t, server, server.VersionedBucket(t).Bucket), Other: open(t, server, server.VersionedBucket(t).Bucket),
		Plain: open(t, server, server.Bucket(t).Bucket), Many: 500,
	})
	t.Run("Onlookers", func(t *testing.T) {
		b := open(t, server, server.Bucket(t).Bucket)
		for _, prefix := range []string{"copies/", "app/"} {
			n := &storage.Notification{TopicProjectID: "p", TopicID: "t", ObjectNamePrefix: prefix, PayloadFormat: storage.JSONPayload}
			if _, err := b.handle().AddNotification(context.Background(), n); err != nil {
				t.Fatal(err)
			}
		}
		got, err := b.Onlookers(t.Context(), "copies/1/")
		if err != nil || !slices.Equal(got, []string{"events are sent to the topic t of project p"}) {
			t.Errorf("%q, %v", got, err)
		}
	})
}

func TestHistory(t *testing.T) {
	t.Parallel()
	at := func(s int) time.Time { return time.Date(2026, 3, 4, 5, 6, s, 0, time.UTC) }
	// Written at 1, overwritten at 3 (half a second late), deleted at 5, written at 8, deleted at 9.
	got := new(Bucket).history([]bucket.Version{
		{Key: "k", ID: "100", Modified: at(1), Replaced: at(3).Add(-time.Second / 2)},
		{Key: "k", ID: "1000", Modified: at(8), Replaced: at(9)},
		{Key: "k", ID: "300", Modified: at(3), Replaced: at(5)},
	})
	var ids []string
	for _, v := range got {
		id := v.ID
		if v.Deleted {
			id = "deleted at " + v.Modified.Format("5")
		}
		ids = append(ids, id)
	}
	if !slices.Equal(ids, []string{"deleted at 9", "1000", "deleted at 5", "300", "100"}) {
		t.Errorf("%q", ids)
	}
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	remove := storage.LifecycleAction{Type: storage.DeleteAction}
	for name, c := range map[string]struct {
		rule storage.LifecycleRule
		want int
	}{
		"days":                  {storage.LifecycleRule{Action: remove, Condition: storage.LifecycleCondition{DaysSinceNoncurrentTime: 90}}, 90},
		"both":                  {storage.LifecycleRule{Action: remove, Condition: storage.LifecycleCondition{DaysSinceNoncurrentTime: 30, AgeInDays: 60}}, 60},
		"a number of versions":  {storage.LifecycleRule{Action: remove, Condition: storage.LifecycleCondition{NumNewerVersions: 3}}, 0},
		"current ones only":     {storage.LifecycleRule{Action: remove, Condition: storage.LifecycleCondition{AgeInDays: 1, Liveness: storage.Live}}, -1},
		"another storage class": {storage.LifecycleRule{Action: storage.LifecycleAction{Type: storage.SetStorageClassAction}}, -1},
		"elsewhere":             {storage.LifecycleRule{Action: remove, Condition: storage.LifecycleCondition{MatchesPrefix: []string{"x/"}}}, -1},
		"here":                  {storage.LifecycleRule{Action: remove, Condition: storage.LifecycleCondition{AgeInDays: 7, MatchesPrefix: []string{"x/", "app"}}}, 7},
	} {
		days, removes := expiry(c.rule, "app/")
		if !removes {
			days = -1
		}
		if days != c.want {
			t.Errorf("%s: %d days, want %d", name, days, c.want)
		}
	}
}
