package azure

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/bucket"
	"github.com/lifeboat-dr/lifeboat/internal/surface/objects/buckettest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func open(t *testing.T, c surface.Bucket) *Bucket {
	t.Helper()
	b, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBucket runs the suite against an account as the service documents it.
func TestBucket(t *testing.T) {
	t.Parallel()
	account, plain := buckettest.AzureAccount(t), buckettest.AzureAccount(t)
	plain.Unversioned = true
	buckettest.Run(t, buckettest.Harness{
		Bucket: open(t, account.Container("bucket")), Other: open(t, account.Container("other")), Plain: open(t, plain.Container("plain")),
		Refused: true, Many: 350,
	})
}

// TestEmulator runs what needs no versions against an emulator, which has none.
func TestEmulator(t *testing.T) {
	t.Parallel()
	server := servers.Azure(t)
	settings := server.Container(t)
	b := open(t, surface.Bucket{Kind: surface.BucketAzure, Container: settings.Container, ConnectionString: settings.ConnectionString})
	names := []string{"a b", "a%20b", "a&b=c?d#e", "a+b", "deep/er/key.txt", "é €𝄞"}
	for _, key := range names {
		if err := b.Put(t.Context(), key, []byte(key)); err != nil {
			t.Fatal(err)
		}
	}
	p, err := b.Posture(t.Context(), "")
	if err != nil || p.Versions || p.Now.IsZero() || p.LifecycleUnknown == "" || p.LockUnknown == "" {
		t.Errorf("posture: %+v, %v", p, err)
	}
	listed := buckettest.List(t, b, "")
	if len(listed) != len(names) {
		t.Errorf("listed %+v", listed)
	}
	for _, v := range listed {
		if !v.Current || v.ID != "" || v.Digest == "" || v.Size != int64(len(v.Key)) {
			t.Errorf("listed %+v", v)
		}
		if _, err := b.CopyFrom(t.Context(), b.name, v, "copies/"+v.Key); err != nil {
			t.Error(err)
		}
		buckettest.RequireContents(t, b, "copies/"+v.Key, v.Key)
	}
	changed := bucket.Version{Key: names[0], ETag: "0x1", Size: 3}
	if _, err := b.CopyFrom(t.Context(), b.name, changed, "changed"); !fault.Is(err, fault.Missing) {
		t.Errorf("copy of what has changed: %v", err)
	}
	if status, err := b.Anonymous(t.Context(), names[0]); err != nil || status/100 == 2 {
		t.Errorf("without credentials: HTTP %d, %v", status, err)
	}
	if err := b.Destroy(t.Context(), buckettest.List(t, b, "")...); err != nil {
		t.Fatal(err)
	}
	if left := buckettest.List(t, b, ""); len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
	wrong := server.WrongKey(settings)
	if _, err := open(t, surface.Bucket{Container: wrong.Container, ConnectionString: wrong.ConnectionString}).Posture(t.Context(), ""); !fault.Is(err, fault.Denied) {
		t.Errorf("the wrong key: %v", err)
	}
}

func TestConnectionString(t *testing.T) {
	t.Parallel()
	if _, err := Open(surface.Bucket{Container: "c", ConnectionString: "nonsense"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("%v", err)
	}
}
