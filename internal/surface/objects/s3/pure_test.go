package s3

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/buckettest"
)

// answering is a bucket of a service that answers everything alike.
func answering(t *testing.T, status int, body string) *Bucket {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	b, err := Open(surface.Bucket{Name: "b", Endpoint: server.URL, AccessKeyID: "a", SecretAccessKey: "s"})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOrderWithinASecond has a page as Amazon S3 sends it: versions and markers
// in one order, times in whole seconds, keys encoded as was asked.
func TestOrderWithinASecond(t *testing.T) {
	t.Parallel()
	const at = `<LastModified>2026-03-04T05:06:07.000Z</LastModified>`
	b := answering(t, http.StatusOK, `<?xml version="1.0" encoding="UTF-8"?>
<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>
<Version><Key>a+%01%2B</Key><VersionId>4</VersionId><IsLatest>true</IsLatest>`+at+`<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag><Size>4</Size></Version>
<DeleteMarker><Key>a+%01%2B</Key><VersionId>3</VersionId><IsLatest>false</IsLatest>`+at+`</DeleteMarker>
<Version><Key>a+%01%2B</Key><VersionId>2</VersionId><IsLatest>false</IsLatest>`+at+`<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e-2&quot;</ETag><Size>2</Size></Version>
<DeleteMarker><Key>a+%01%2B</Key><VersionId>1</VersionId><IsLatest>false</IsLatest>`+at+`</DeleteMarker>
</ListVersionsResult>`)
	var ids []string
	for _, v := range buckettest.List(t, b, "") {
		ids = append(ids, v.ID)
		if v.Key != "a \x01+" {
			t.Errorf("key %q", v.Key)
		}
		if (v.Digest != "") != (v.ID == "4") {
			t.Errorf("version %s has the digest %q", v.ID, v.Digest)
		}
	}
	if !slices.Equal(ids, []string{"4", "3", "2", "1"}) {
		t.Errorf("listed %q", ids)
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	rule := func(prefix string, days int32, status types.ExpirationStatus) types.LifecycleRule {
		return types.LifecycleRule{
			Status: status, Filter: &types.LifecycleRuleFilter{Prefix: &prefix},
			NoncurrentVersionExpiration: &types.NoncurrentVersionExpiration{NoncurrentDays: &days},
		}
	}
	const on, off = types.ExpirationStatusEnabled, types.ExpirationStatusDisabled
	tagged := rule("", 10, on)
	tagged.Filter = &types.LifecycleRuleFilter{And: &types.LifecycleRuleAndOperator{Prefix: aws.String("app/x/")}}
	old := rule("", 20, on)
	old.Filter, old.Prefix = nil, aws.String("app") //nolint:staticcheck // Rules that were made long ago have no other.
	for name, c := range map[string]struct {
		rules []types.LifecycleRule
		want  int
	}{
		"none":             {nil, -1},
		"everything":       {[]types.LifecycleRule{rule("", 90, on)}, 90},
		"the shortest":     {[]types.LifecycleRule{rule("", 90, on), rule("app/", 30, on)}, 30},
		"switched off":     {[]types.LifecycleRule{rule("", 90, off)}, -1},
		"elsewhere":        {[]types.LifecycleRule{rule("logs/", 1, on)}, -1},
		"a part":           {[]types.LifecycleRule{tagged}, 10},
		"the old spelling": {[]types.LifecycleRule{old}, 20},
		"other rules":      {[]types.LifecycleRule{{Status: on, Expiration: &types.LifecycleExpiration{Days: aws.Int32(1)}}}, -1},
	} {
		var p bucket.Posture
		expiries(c.rules, "app/", &p)
		got := -1
		if p.NoncurrentDays != nil {
			got = *p.NoncurrentDays
		}
		if got != c.want {
			t.Errorf("%s: %d days, want %d", name, got, c.want)
		}
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	with := func(r *types.DefaultRetention) *types.ObjectLockConfiguration {
		return &types.ObjectLockConfiguration{ObjectLockEnabled: types.ObjectLockEnabledEnabled, Rule: &types.ObjectLockRule{DefaultRetention: r}}
	}
	for want, c := range map[int]*types.ObjectLockConfiguration{
		0: {ObjectLockEnabled: types.ObjectLockEnabledEnabled}, 30: with(&types.DefaultRetention{Days: aws.Int32(30)}), 730: with(&types.DefaultRetention{Years: aws.Int32(2)}),
	} {
		if got := lockDays(c); got != want {
			t.Errorf("%+v: %d days, want %d", c, got, want)
		}
	}
	if lockDays(nil) != 0 {
		t.Error("no lock is one")
	}
}

func TestOnlookers(t *testing.T) {
	t.Parallel()
	only := func(prefix string) *types.NotificationConfigurationFilter {
		return &types.NotificationConfigurationFilter{Key: &types.S3KeyFilter{FilterRules: []types.FilterRule{{Name: "Prefix", Value: &prefix}}}}
	}
	got := notified(&s3.GetBucketNotificationConfigurationOutput{
		QueueConfigurations:          []types.QueueConfiguration{{QueueArn: aws.String("q"), Filter: only("copies/")}, {QueueArn: aws.String("other"), Filter: only("app/")}},
		TopicConfigurations:          []types.TopicConfiguration{{TopicArn: aws.String("t")}},
		LambdaFunctionConfigurations: []types.LambdaFunctionConfiguration{{LambdaFunctionArn: aws.String("f"), Filter: only("")}},
		EventBridgeConfiguration:     &types.EventBridgeConfiguration{},
	}, "copies/1/")
	if !slices.Equal(got, []string{
		"events are sent to the queue q", "events are sent to the topic t", "events are sent to the function f", "events are sent to Amazon EventBridge",
	}) {
		t.Errorf("%q", got)
	}
	to := &types.Destination{Bucket: aws.String("d")}
	got = replicated([]types.ReplicationRule{
		{Status: types.ReplicationRuleStatusEnabled, Destination: to},
		{Status: types.ReplicationRuleStatusDisabled, Destination: to},
		{Status: types.ReplicationRuleStatusEnabled, Destination: to, Filter: &types.ReplicationRuleFilter{Prefix: aws.String("app/")}},
	}, "copies/1/")
	if !slices.Equal(got, []string{"objects are replicated to d"}) {
		t.Errorf("%q", got)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for code, c := range map[string]struct {
		status int
		want   fault.Kind
	}{
		"AccessDenied": {403, fault.Denied}, "SignatureDoesNotMatch": {403, fault.Denied}, "NoSuchBucket": {404, fault.Missing},
		"PermanentRedirect": {301, fault.Invalid}, "Whatever": {400, fault.Invalid},
	} {
		b := answering(t, c.status, "<Error><Code>"+code+"</Code><Message>words</Message></Error>")
		if _, err := b.Posture(t.Context(), ""); fault.KindOf(err) != c.want {
			t.Errorf("%s: %s, want %s: %v", code, fault.KindOf(err), c.want, err)
		}
	}
}

// TestRemovalInPart has answers of which some keys could not be deleted.
func TestRemovalInPart(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]fault.Kind{"InternalError": fault.Unavailable, "AccessDenied": fault.Denied, "NoSuchVersion": ""} {
		sent := 0
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			if sent++; sent < 3 || want != fault.Unavailable {
				_, _ = w.Write([]byte("<DeleteResult><Error><Key>k</Key><Code>" + code + "</Code><Message>words</Message></Error></DeleteResult>"))
				return
			}
			_, _ = w.Write([]byte("<DeleteResult></DeleteResult>"))
		}))
		t.Cleanup(server.Close)
		b, err := Open(surface.Bucket{Name: "b", Endpoint: server.URL, AccessKeyID: "a", SecretAccessKey: "s"})
		if err != nil {
			t.Fatal(err)
		}
		err = b.Hide(t.Context(), "k", "l")
		switch {
		case want == fault.Denied && !fault.Is(err, want), want != fault.Denied && err != nil:
			t.Errorf("%s: %v", code, err)
		case want == fault.Unavailable && sent != 3, want != fault.Unavailable && sent != 1:
			t.Errorf("%s: sent %d times", code, sent)
		}
	}
	b := answering(t, http.StatusOK, "<DeleteResult><Error><Key>k</Key><Code>InternalError</Code></Error></DeleteResult>")
	if err := b.Hide(t.Context(), "k"); !fault.Is(err, fault.Unavailable) {
		t.Errorf("never deleted: %v", err)
	}
}

// TestCopySource has keys that a header spells otherwise.
func TestCopySource(t *testing.T) {
	t.Parallel()
	for want, v := range map[string]bucket.Version{
		"b/a/b%20c%2Bd%25":         {Key: "a/b c+d%"},
		"b/%C3%A9?versionId=x%2By": {Key: "é", ID: "x+y"},
	} {
		if got := *source("b", v); got != want {
			t.Errorf("%+v: %s, want %s", v, got, want)
		}
	}
}

func TestMadeAt(t *testing.T) {
	t.Parallel()
	listed := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	for id, want := range map[string]time.Time{
		"01ARZ3NDEKTSV4RRFFQ69G5FAV":       time.UnixMilli(1469922850259).UTC(),
		"00000000000000000000000000":       time.UnixMilli(0).UTC(),
		"null":                             listed,
		"01ARZ3NDEKTSV4RRFFQ69G5FAU":       listed,
		"81ARZ3NDEKTSV4RRFFQ69G5FAV":       listed,
		"3sL4kqtJlcpXroDTDmJ.rmSpXd3dIbrH": listed,
	} {
		if got := madeAt(id, listed); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", id, got, want)
		}
	}
}
