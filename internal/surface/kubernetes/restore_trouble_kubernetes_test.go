//go:build kubernetes

package kubernetes

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lifeboat-dr/lifeboat/internal/cluster"
	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	"github.com/lifeboat-dr/lifeboat/internal/surface/surfacetest"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

func TestARepeatedLoadChangesNothing(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	to := into(t, shop)
	surfacetest.Restore(t, s, to, point)
	name := target(t, to, shop)
	// The controllers must have done with what they write into services and secrets.
	servers.Eventually(t, "the token is signed", func() error {
		if textAt(get(t, typeSecrets, name, "long-lived").Object, "data", "token") == "" {
			return fmt.Errorf("it is empty")
		}
		return nil
	})
	before := versions(t, name)
	if err := surfacetest.Load(t.Context(), s, to, point); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, versions(t, name)); diff != "" {
		t.Error(diff)
	}
	// What was restored and has been changed since is put right, as long as the restore goes on.
	merge(t, typeConfigMaps, name, "settings", `{"data":{"size":"4"}}`)
	if err := surfacetest.Load(t.Context(), s, to, point); err != nil {
		t.Fatal(err)
	}
	surfacetest.RequireSame(t, s, to, point)
}

func TestRestoreThroughAThrottledAPIServer(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	fill(t, shop)
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	throttled, refused := kube.Throttled(t, 7)
	to := into(t, shop)
	place, err := cluster.ParsePlace(to.URL)
	if err != nil {
		t.Fatal(err)
	}
	place.Kubeconfig = throttled
	to.URL = place.URL()
	surfacetest.Restore(t, s, to, point)
	if refused() == 0 {
		t.Error("nothing was throttled")
	}
}

// trigger calls do once, when the first of some bytes have been read.
type trigger struct {
	*bytes.Reader
	after int64
	once  sync.Once
	do    func()
}

func (r *trigger) Read(p []byte) (int, error) {
	if r.Size()-int64(r.Len()) >= r.after {
		r.once.Do(r.do)
	}
	return r.Reader.Read(p[:min(len(p), 512)])
}

func TestRestoreWhileTheAPIServerStartsAnew(t *testing.T) {
	// It is not parallel: others would see the restart, too.
	shop := kube.Namespace(t)
	fill(t, shop)
	for i := range 200 {
		kube.Apply(t, shop, fmt.Sprintf("{apiVersion: v1, kind: ConfigMap, metadata: {name: more-%d}, data: {a: b}}", i))
	}
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	to := into(t, shop)
	if err := s.Begin(t.Context(), to, point); err != nil {
		t.Fatal(err)
	}
	restarts := 0
	for _, part := range point.Parts() {
		if part.Role != surface.RoleData {
			continue
		}
		plain := point.Data[part.Name]
		r := &trigger{Reader: bytes.NewReader(plain), after: int64(len(plain) / 2), do: func() { restarts++; kube.RestartAPIServer(t) }}
		servers.Eventually(t, "the part is loaded", func() error {
			err := s.Load(t.Context(), to, part, r)
			if err != nil && !fault.Is(err, fault.Unavailable) {
				t.Fatalf("a restart in the middle: %v", err)
			}
			r.Reset(plain)
			return err
		})
	}
	if restarts != 1 {
		t.Errorf("%d restarts", restarts)
	}
	if err := s.Finish(t.Context(), to, point); err != nil {
		t.Fatal(err)
	}
	surfacetest.RequireSame(t, s, to, point)
}

func TestAUserWithoutRightsIsToldSo(t *testing.T) {
	t.Parallel()
	shop := kube.Namespace(t)
	kube.Apply(t, shop, "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: b}}")
	s := protecting(t, shop)
	point := surfacetest.Take(t, s)
	to := surface.Target{URL: cluster.Place{Config: cluster.Config{Kubeconfig: kube.User(t)}}.URL()}
	if err := s.Begin(t.Context(), to, point); !fault.Is(err, fault.Denied) {
		t.Errorf("a user who may do nothing: %v", err)
	}
}
