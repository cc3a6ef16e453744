package main

import (
	"strings"
	"testing"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/worker"
	"github.com/lifeboat-dr/lifeboat/workflows"
)

func withBuckets() *config.Config {
	c := &config.Config{Surfaces: map[string]config.Surface{}, Stores: map[string]store.Config{"points": {Kind: "s3", Bucket: "points"}}}
	for name, one := range map[string]surface.Config{
		"files":   {Kind: surface.KindObjects, Bucket: &surface.Bucket{Kind: "s3", Name: "files", Prefix: "app"}},
		"redis":   {Kind: surface.KindRedis, URL: "redis://cache"},
		"metrics": {Kind: surface.KindTelemetry, Telemetry: &surface.Telemetry{URL: "http://metrics:9090"}},
	} {
		c.Surfaces[name] = config.Surface{Config: one}
	}
	return c
}

func TestNothingLiveIsOverwrittenByAURL(t *testing.T) {
	t.Parallel()
	parts := &worker.Parts{Config: withBuckets()}
	for name, c := range map[string]struct {
		flags restoreFlags
		kind  string
		want  string
	}{
		"live objects":       {restoreFlags{to: "objects:///files/app/", replace: true}, "objects", "--to names the live surface files"},
		"a server":           {restoreFlags{to: "redis://cache:6379/1"}, "redis", "--to names the live surface redis"},
		"in place":           {restoreFlags{to: "isolated", inPlace: true, confirm: "x"}, "redis", ""},
		"telemetry in place": {restoreFlags{to: "isolated", inPlace: true, confirm: "x"}, "telemetry", "restore it isolated"},
		"Git in place":       {restoreFlags{to: "isolated", inPlace: true, confirm: "x"}, "git", "restore it isolated"},
	} {
		_, err := c.flags.input(parts, catalog.Point{Surface: "x", SurfaceKind: c.kind})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestObjectsInPlaceAreConfirmed(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		to, confirm string
		inPlace     bool
		want        string
	}{
		"unsure":         {inPlace: true, want: "add --confirm files"},
		"another":        {inPlace: true, confirm: "redis", want: "add --confirm files"},
		"sure":           {inPlace: true, confirm: "files"},
		"among points":   {to: "points/x/", want: "the store points"},
		"another bucket": {to: "rescue/x/"},
	} {
		in := workflows.RewindInput{Surface: "files"}
		err := rewindInput(withBuckets(), &in, "2026-03-04T05:06:07Z", c.to, c.inPlace, c.confirm)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
