package buckettest

import (
	"context"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
)

func (h Harness) strangers(t *testing.T) {
	must(t, h.Bucket.Put(t.Context(), "strangers/a", []byte("x")))
	status, err := h.Bucket.Anonymous(t.Context(), "strangers/a")
	if err != nil || (status/100 == 2) == h.Refused {
		t.Errorf("without credentials: HTTP %d, %v", status, err)
	}
	onlookers, err := h.Bucket.Onlookers(t.Context(), "strangers/")
	if err != nil || len(onlookers) > 0 {
		t.Errorf("onlookers: %q, %v", onlookers, err)
	}
}

func (h Harness) cancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range h.Bucket.Versions(ctx, "") {
		if err == nil {
			t.Error("a cancelled listing lists")
		}
	}
	if err := h.Bucket.Put(ctx, "cancelled", nil); err == nil {
		t.Error("a cancelled write succeeds")
	}
}

func (h Harness) noBucket(t *testing.T) {
	b := h.Bucket.In("no-such-bucket")
	if _, err := b.Posture(t.Context(), ""); !fault.Is(err, fault.Missing) {
		t.Errorf("posture: %v", err)
	}
	for _, err := range b.Versions(t.Context(), "") {
		if !fault.Is(err, fault.Missing) {
			t.Errorf("list: %v", err)
		}
	}
	if err := b.Put(t.Context(), "key", nil); !fault.Is(err, fault.Missing) {
		t.Errorf("put: %v", err)
	}
}
