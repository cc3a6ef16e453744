package activities

import (
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/redis"
	"github.com/lifeboat-dr/lifeboat/internal/surface/telemetry"
)

// A sealed URL was checked by nobody but whoever sealed it.
func TestASealedURLIsNotLive(t *testing.T) {
	t.Parallel()
	live := surface.Config{Kind: "redis", URL: "redis://cache"}
	cache, err := redis.New("cache", live)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.NewKeyring(seal.Config{Passphrase: "correct horse battery staple"})
	if err != nil {
		t.Fatal(err)
	}
	a := &Activities{
		Config:   &config.Config{Surfaces: map[string]config.Surface{"cache": {Config: live}}, Stores: map[string]store.Config{}},
		Surfaces: map[string]surface.Surface{"cache": cache}, Keys: keys,
	}
	for text, want := range map[secret.String]fault.Kind{"redis://cache:6379/3": fault.Invalid, "redis://elsewhere": ""} {
		sealed, err := keys.SealSecret(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := a.target(t.Context(), TargetRef{Kind: TargetNamed, SealedURL: sealed, Surface: "cache"})
		if want == "" && (err != nil || got.URL != text) || want != "" && !fault.Is(err, want) {
			t.Errorf("%s: %v", text.Reveal(), err)
		}
	}
}

func TestTelemetryIsNotRestoredInPlace(t *testing.T) {
	t.Parallel()
	metrics, err := telemetry.New("metrics", surface.Config{Kind: telemetry.Kind, Telemetry: &surface.Telemetry{URL: "http://metrics:9090"}})
	if err != nil {
		t.Fatal(err)
	}
	a := &Activities{Surfaces: map[string]surface.Surface{"metrics": metrics}}
	if _, err := a.CanSwap(t.Context(), "metrics"); !fault.Is(err, fault.Unsupported) {
		t.Errorf("%v", err)
	}
}
