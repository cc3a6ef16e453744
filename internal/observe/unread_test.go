package observe

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/lifeboat-dr/lifeboat/internal/catalog"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/pitr"
	"github.com/lifeboat-dr/lifeboat/internal/status"
)

// read makes a reading of what a func returns, and reads it.
func read[T any](t *testing.T, now time.Time, value T, err error) *reading[T] {
	t.Helper()
	r := &reading[T]{every: look, within: time.Minute, read: func(context.Context) (T, error) { return value, err }}
	await(t.Context(), r.start(t.Context(), now))
	return r
}

// TestWhatCanNotBeReadStaysAsItWas looks at what was in trouble and can't be read
// any more, by the same worker and by one that has just taken over.
func TestWhatCanNotBeReadStaysAsItWas(t *testing.T) {
	t.Parallel()
	gone, now := errors.New("no route"), noon.Add(time.Minute)
	r := ledgerless(func(time.Time, func(string) bool) ([]Run, error) { return nil, nil })
	r.s.Host = "worker"
	r.s.Config.DataDir = "/srv/lifeboat"
	r.s.Config.Policies["ship"] = config.Policy{Surface: "main", Kind: config.KindWAL, Store: "primary"}
	r.s.Config.Watch.Certificates = []string{"db:5432"}
	point := &status.Point{ID: "1", At: noon.Add(-time.Hour)}
	before := State{Memory: Memory{Restarts: map[string]Restarts{"main/shop/deployment/api": {Total: 7, Seen: map[int64]int64{1: 6}}}}}
	before.Report = status.Report{
		At: noon, Since: noon,
		Surfaces: []status.Surface{{Name: "main", Points: 3, Bytes: 9, LastPoint: point, RPOSeconds: new(30.0), WAL: &status.WAL{Gaps: []status.Gap{{From: noon}}}}},
		Policies: []status.Policy{{Name: "daily", Surface: "main", Kind: config.KindSnapshot, UnverifiedSince: noon.Add(-48 * time.Hour)}},
		Vitals: status.Vitals{
			Pods:         []status.Pods{{Surface: "main", Namespace: "shop", Workload: "deployment/api", Wanted: 2, Restarts: 7, RestartsLastHour: 6}},
			Replicas:     []status.Replica{{Surface: "main", Name: "standby", LagSeconds: new(90.0)}},
			Disks:        []status.Disk{{Surface: "main", Where: "shop/db", Used: 9, Size: 10}, {Where: "worker:/srv/lifeboat", Used: 9, Size: 10}, {Where: "other:/srv", Used: 9, Size: 10}},
			Certificates: []status.Certificate{{Where: "db:5432"}, {Surface: "main", Where: "shop/tls"}, {Where: "forgotten:443"}},
		},
	}
	fail := func(err error) {
		r.listing = read(t, now, []catalog.Point(nil), err)
		r.wal = map[string]*reading[pitr.Status]{"main": read(t, now, pitr.Status{}, err)}
		r.vitals = map[string]*reading[status.Vitals]{"main": read(t, now, status.Vitals{}, err)}
		r.shown, r.disks = read(t, now, signs{}, err), read(t, now, signs{}, err)
	}
	fail(gone)
	got := r.Read(t.Context(), now, before).Report
	s, v := got.Surfaces[0], got.Vitals
	if s.Points != 3 || s.Bytes != 9 || s.LastPoint == nil || s.WAL == nil || len(s.WAL.Gaps) != 1 || s.RPOSeconds == nil || *s.RPOSeconds != 90 {
		t.Errorf("the surface: %+v", s)
	}
	for _, p := range got.Policies {
		if p.Name == "daily" && !p.UnverifiedSince.Equal(noon.Add(-48*time.Hour)) {
			t.Errorf("the policy: %+v", p)
		}
	}
	if len(v.Pods) != 1 || len(v.Replicas) != 1 || len(v.Disks) != 2 || len(v.Certificates) != 2 || v.Pods[0].RestartsLastHour != 6 {
		t.Errorf("signs of life: %+v", v)
	}
	if n := strings.Count(strings.Join(got.Blind, "\n"), "no route"); n < 4 {
		t.Errorf("%d lines say that it was not read: %q", n, got.Blind)
	}
	fail(nil)
	got = r.Read(t.Context(), now, before).Report
	s, v = got.Surfaces[0], got.Vitals
	if s.Points != 0 || s.LastPoint != nil || s.WAL == nil || len(s.WAL.Gaps) != 0 || len(v.Pods)+len(v.Disks)+len(v.Certificates) != 0 {
		t.Errorf("what was read and is gone: %+v, %+v", s, v)
	}
}
