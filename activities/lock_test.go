package activities_test

import (
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/testsuite"

	"github.com/lifeboat-dr/lifeboat/activities"
	"github.com/lifeboat-dr/lifeboat/internal/config"
	"github.com/lifeboat-dr/lifeboat/internal/seal"
	"github.com/lifeboat-dr/lifeboat/internal/store"
	stores "github.com/lifeboat-dr/lifeboat/internal/store/all"
	"github.com/lifeboat-dr/lifeboat/internal/surface"
	surfaces "github.com/lifeboat-dr/lifeboat/internal/surface/all"
	"github.com/lifeboat-dr/lifeboat/tests/servers"
)

// prepare runs the first step of a snapshot on a store that is to lock for a week.
func prepare(t *testing.T, c store.Config) (activities.Prepared, error) {
	t.Helper()
	c.LockDays = 7
	st, err := stores.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := seal.NewKeyring(seal.Config{Unencrypted: true})
	if err != nil {
		t.Fatal(err)
	}
	main, err := surfaces.Open("main", surface.Config{Kind: "postgres", URL: "postgres://u@127.0.0.1:1/db"})
	if err != nil {
		t.Fatal(err)
	}
	a := &activities.Activities{
		Config: &config.Config{Stores: map[string]store.Config{"primary": c}, PointsPrefix: "points"},
		Stores: map[string]store.Store{"primary": st}, Surfaces: map[string]surface.Surface{"main": main}, Keys: keys,
	}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.RegisterActivity(a)
	value, err := env.ExecuteActivity(a.Prepare, activities.PrepareInput{Surface: "main", Now: time.Now()})
	var out activities.Prepared
	if err != nil {
		return out, err
	}
	err = value.Get(&out)
	return out, err
}

func TestLockDaysOnABucketWithObjectLock(t *testing.T) {
	t.Parallel()
	out, err := prepare(t, servers.S3(t).LockedBucket(t))
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(out.Point.LockedUntil); left < 6*24*time.Hour || left > 7*24*time.Hour {
		t.Errorf("locked until %v", out.Point.LockedUntil)
	}
}

func TestLockDaysWithoutObjectLockIsRefused(t *testing.T) {
	t.Parallel()
	out, err := prepare(t, store.Config{Kind: "local", Dir: t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "store primary: it has lockDays, and no object lock") {
		t.Errorf("prepared %+v, error %v", out, err)
	}
}
