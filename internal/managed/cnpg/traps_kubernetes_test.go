//go:build kubernetes

package cnpg_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lifeboat-dr/lifeboat/internal/fault"
	"github.com/lifeboat-dr/lifeboat/internal/managed"
	"github.com/lifeboat-dr/lifeboat/internal/managed/managedtest"
	"github.com/lifeboat-dr/lifeboat/internal/secret"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// settled waits until an instance has left a state.
func settled(t *testing.T, service managed.Service, name string, passing managed.State) managed.Instance {
	t.Helper()
	var found managed.Instance
	servers.Eventually(t, name+" is "+string(passing)+" no more", func() error {
		var err error
		if found, err = service.Status(t.Context(), name); err != nil {
			return err
		}
		if found.State == passing {
			return context.DeadlineExceeded
		}
		return nil
	})
	return found
}

// failed restores, and returns why that has failed.
func failed(t *testing.T, service managed.Service, r managed.Request) string {
	t.Helper()
	if err := service.Restore(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = service.Delete(context.WithoutCancel(t.Context()), r.Name) })
	found := settled(t, service, r.Name, managed.Creating)
	if found.State != managed.Failed {
		t.Fatalf("%s is %s: %s", r.Name, found.State, found.Detail)
	}
	if strings.Contains(found.Detail, "\n") || strings.Contains(found.Detail, servers.CNPGStoreKey) {
		t.Errorf("the reason has several lines, or a secret: %q", found.Detail)
	}
	return found.Detail
}

// second waits for the next whole second, and returns it.
func second() time.Time {
	at := time.Now().Truncate(time.Second).Add(time.Second)
	for time.Now().Before(at) {
		time.Sleep(time.Until(at))
	}
	return at
}

func patch(t *testing.T, namespace, change string) {
	t.Helper()
	_, err := kube.Client.Resource(clusters, namespace).Patch(t.Context(), servers.CNPGInstance, types.MergePatchType, []byte(change), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

func TestRecoveriesThatCannotReachTheirTarget(t *testing.T) {
	t.Parallel()
	d := servers.NewCNPG(t, kube, "max_connections = 150")
	service := open(t, config(d))

	t.Run("no commit after it", func(t *testing.T) {
		d.SQL("CREATE TABLE last (n int)")
		at := second()
		// What is archived now was written later, but committed by nobody.
		d.SQL("CHECKPOINT")
		d.Archive()
		why := failed(t, service, managed.Request{Name: "quiet-" + d.Server, At: at})
		if !strings.Contains(why, "recovery ended before configured recovery target was reached") || !strings.Contains(why, "no transaction was committed") {
			t.Errorf("the reason is %q", why)
		}
	})
	t.Run("no base backup had ended", func(t *testing.T) {
		early := d.Earliest.Add(-10 * time.Second)
		d.Recoverable(early, d.Earliest)
		defer d.Recoverable(d.Earliest, d.Earliest)
		why := failed(t, service, managed.Request{Name: "early-" + d.Server, At: early.Add(time.Second)})
		if !strings.Contains(why, "no target backup found") || !strings.Contains(why, "ask for a later time") {
			t.Errorf("the reason is %q", why)
		}
	})
	t.Run("settings lower than they were", func(t *testing.T) {
		patch(t, d.Namespace, `{"spec": {"postgresql": {"parameters": {"max_connections": "40"}}}}`)
		defer patch(t, d.Namespace, `{"spec": {"postgresql": {"parameters": {"max_connections": "150"}}}}`)
		why := failed(t, service, managed.Request{Name: "lower-" + d.Server})
		if !strings.Contains(why, "insufficient parameter settings") || !strings.Contains(why, "raise them") {
			t.Errorf("the reason is %q", why)
		}
	})
	t.Run("secrets are not in the reason", func(t *testing.T) {
		d.FailRestores(true)
		defer d.FailRestores(false)
		if why := failed(t, service, managed.Request{Name: "secret-" + d.Server}); !strings.Contains(why, servers.CNPGFailure) || !strings.Contains(why, "***") {
			t.Errorf("the reason is %q", why)
		}
	})
	t.Run("settings as high as they were", func(t *testing.T) {
		managedtest.Restored(t, service, managed.Request{Name: "enough-" + d.Server})
	})
}

func TestWhereARecoveryStopped(t *testing.T) {
	t.Parallel()
	d := servers.NewCNPG(t, kube)
	service := open(t, config(d))
	d.SQL("CREATE TABLE before (n int)")
	at := second()
	d.SQL("CREATE TABLE later (n int)")
	d.Archive()
	d.KeepJobs(true)
	kept := managed.Request{Name: "kept-" + d.Server, At: at}
	managedtest.Restored(t, service, kept)
	d.KeepJobs(false)
	removed := managed.Request{Name: "removed-" + d.Server, At: at}
	managedtest.Restored(t, service, removed)
	for _, name := range []string{kept.Name, removed.Name} {
		stop, err := service.(managed.Stopper).Stopped(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if stop.Timeline != 2 || !strings.Contains(stop.LSN, "/") || !strings.Contains(stop.Reason, "before") {
			t.Errorf("%s has stopped at %+v", name, stop)
		}
		if name == kept.Name && (stop.Time.IsZero() || stop.Time.After(at) || stop.Time.Before(d.Earliest.Add(-time.Minute))) {
			t.Errorf("the last transaction of %s is of %v, and %v was asked for", name, stop.Time, at)
		}
		if name == removed.Name && !stop.Time.IsZero() {
			t.Errorf("the Job of %s is gone, and its last transaction is of %v", name, stop.Time)
		}
		var replayed *time.Time
		ask(t, connect(t, service, name), "SELECT pg_last_xact_replay_timestamp()", &replayed)
		if replayed != nil {
			t.Errorf("the server of %s was not started again: it knows %v", name, replayed)
		}
	}
	if _, err := service.(managed.Stopper).Stopped(t.Context(), "never-was"); !fault.Is(err, fault.Missing) {
		t.Errorf("where a copy stopped that is not there: %v", err)
	}
}

func TestWindowSaysOnlyWhatWasMeasured(t *testing.T) {
	t.Parallel()
	d := servers.NewCNPG(t, kube)
	c := config(d)
	// The source can't be asked.
	c.URL = secret.String("postgres://app:hidden@" + servers.Address(t) + "/app")
	service := open(t, c)
	window, err := service.Window(t.Context())
	if err != nil || !window.Latest.Equal(d.Earliest) {
		t.Errorf("the window ends at %v, want the end of the base backup, %v: %v", window.Latest, d.Earliest, err)
	}
	alarms, err := service.(managed.Alarmer).Alarms(t.Context())
	if text := strings.Join(alarms, "; "); err != nil || len(alarms) != 1 || !strings.Contains(text, "newest base backup") || strings.Contains(text, "hidden") {
		t.Errorf("the alarms are %q, %v", alarms, err)
	}
	// It archives no more, and says so; what was kept can still be restored to.
	d.SetStatus(map[string]any{"conditions": []any{
		map[string]any{"type": "Ready", "status": "True"},
		map[string]any{"type": "ContinuousArchiving", "status": "False", "reason": "ContinuousArchivingFailing", "message": "unexpected failure\ninvoking barman"},
	}})
	service = open(t, config(d))
	if _, err := service.Window(t.Context()); err != nil {
		t.Errorf("a window of a source that archives no more: %v", err)
	}
	alarms, err = service.(managed.Alarmer).Alarms(t.Context())
	if err != nil || len(alarms) != 1 || !strings.Contains(alarms[0], "ContinuousArchiving: unexpected failure invoking barman") {
		t.Errorf("the alarms are %q, %v", alarms, err)
	}
	// Another server's times are not taken for the source's.
	d.SetStatus(map[string]any{"systemID": "7000000000000000001"})
	if _, err := service.Window(t.Context()); !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "7000000000000000001") {
		t.Errorf("the window of another server: %v", err)
	}
}

func TestASourceThatArchivesByItself(t *testing.T) {
	t.Parallel()
	d := servers.NewCNPG(t, kube)
	store := get(t, objectStores, d.Namespace, servers.CNPGStore)
	text, err := (&unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Patch", "spec": map[string]any{"plugins": nil, "backup": map[string]any{
			"retentionPolicy": "30d", "barmanObjectStore": merged(field(store, "spec.configuration").(map[string]any), "serverName", d.Server),
		}},
	}}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	patch(t, d.Namespace, strings.Replace(strings.Replace(string(text), `"apiVersion":"v1",`, "", 1), `"kind":"Patch",`, "", 1))
	if err := kube.Client.Resource(objectStores, d.Namespace).Delete(t.Context(), servers.CNPGStore, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	service, name := open(t, config(d)), "in-tree-"+d.Server
	if window, err := service.Window(t.Context()); err != nil || !window.Earliest.Equal(d.Earliest) {
		t.Errorf("the window begins at %v: %v", window.Earliest, err)
	}
	managedtest.Restored(t, service, managed.Request{Name: name})
	spec := get(t, clusters, name, name)["spec"].(map[string]any)
	if field(spec, "backup") != nil || field(spec, "plugins") != nil {
		t.Errorf("the copy archives: %v", spec)
	}
}

func merged(o map[string]any, key string, value any) map[string]any {
	out := map[string]any{key: value}
	maps.Copy(out, o)
	return out
}

func TestANamespaceForAllCopies(t *testing.T) {
	t.Parallel()
	d := servers.NewCNPG(t, kube)
	shared := kube.Namespace(t)
	kube.Apply(t, shared, "apiVersion: v1\nkind: Secret\nmetadata: {name: precious, labels: {lifeboat-dr.github.io/environment: shared-one}}\n")
	c := config(d)
	c.EnvironmentNamespace = shared
	service := open(t, c)
	managedtest.Restored(t, service, managed.Request{Name: "shared-one"})
	managedtest.Restored(t, service, managed.Request{Name: "shared-two"})
	if err := service.Restore(t.Context(), managed.Request{Name: "shared-one", At: d.Earliest}); !fault.Is(err, fault.Conflict) {
		t.Errorf("another request of the same name: %v", err)
	}
	if diff := field(get(t, policies, shared, "shared-one"), "spec.podSelector.matchLabels").(map[string]any)["cnpg.io/cluster"]; diff != "shared-one" {
		t.Errorf("the policy is for the pods of %v", diff)
	}
	if err := service.Delete(t.Context(), "shared-one"); err != nil {
		t.Fatal(err)
	}
	servers.Eventually(t, "the copy is gone", func() error {
		found, err := service.Status(t.Context(), "shared-one")
		if err == nil && found.State != managed.Gone {
			err = context.DeadlineExceeded
		}
		return err
	})
	if _, err := kube.Client.Resource(claims, shared).Get(t.Context(), "shared-one-1", metav1.GetOptions{}); err == nil {
		t.Error("a copy is called gone whose volume is there")
	}
	get(t, secrets, shared, "precious")
	get(t, namespaces, "", shared)
	if found, err := service.Status(t.Context(), "shared-two"); err != nil || found.State != managed.Available {
		t.Errorf("the other copy is %+v: %v", found, err)
	}
}

func TestARestoreGoesOnWhereItWasBroken(t *testing.T) {
	t.Parallel()
	d := servers.NewCNPG(t, kube)
	service := open(t, config(d))
	request := managed.Request{Name: "broken-" + d.Server}
	d.Add(request.Name, request.Tags(d.Namespace+"/"+servers.CNPGInstance))
	if found, err := service.Status(t.Context(), request.Name); err != nil || found.State != managed.Creating {
		t.Errorf("a copy without its Cluster is %+v: %v", found, err)
	}
	managedtest.Restored(t, service, request)

	// What the store needs must be there before anything is made.
	if err := kube.Client.Resource(secrets, d.Namespace).Delete(t.Context(), "store-login", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	err := service.Restore(t.Context(), managed.Request{Name: "keyless-" + d.Server})
	if !fault.Is(err, fault.Missing) || !strings.Contains(err.Error(), "store-login") {
		t.Errorf("a restore without the key of the store: %v", err)
	}
	if found, err := service.Status(t.Context(), "keyless-"+d.Server); err != nil || found.State != managed.Gone {
		t.Errorf("of a refused restore there is %+v: %v", found, err)
	}
}
