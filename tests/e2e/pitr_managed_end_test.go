package e2e

import (
	"context"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/lifeboat-dr/lifeboat/internal/managed/managedtest"
)

// TestManagedRecoveryEndsWell kills the worker, fails the restore, and cancels
// it: there is one instance or none, and never one that nobody knows of.
func TestManagedRecoveryEndsWell(t *testing.T) {
	t.Parallel()
	cloud := managedtest.NewCloud(t)
	s := managedSite(t, cloud, managedtest.NewRDS(cloud).Config())
	up := s.start(t, "up")

	release := cloud.Hold()
	run, instance := s.beginManaged(t, cloud)
	if err := syscall.Kill(up.PID(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	up.Stop()
	s.start(t, "up")
	release()
	var back managedServer
	if err := s.temporal(t).GetWorkflow(t.Context(), run.WorkflowID, "").Get(t.Context(), &back); err != nil || back.State != "restored" || !cloud.Has(instance) {
		t.Fatalf("after the worker was killed: %v, %+v", err, back)
	}
	if n := cloud.Restores(); n != 1 {
		t.Errorf("%d restores were begun, want one", n)
	}

	stdout, stderr, code := s.run(t, "pitr", "restore", "main", "--at", "latest")
	for _, want := range []string{"rds", "by the provider's word, LSN ", "lifeboat pitr delete main "} {
		if code != 0 || !strings.Contains(stdout, want) {
			t.Errorf("for people: exit %d, %s%s, without %q", code, stdout, stderr, want)
		}
	}

	cloud.FailRestores(true)
	stdout, stderr, code = s.run(t, "pitr", "restore", "main", "--at", "latest", "-o", "json")
	if code != 1 || !strings.Contains(stderr, "could not restore") {
		t.Errorf("a restore that fails: exit %d, %q %q", code, stdout, stderr)
	}
	cloud.FailRestores(false)
	var failed string
	for word := range strings.FieldsSeq(stderr) {
		if name := strings.TrimSuffix(word, ":"); strings.HasPrefix(name, "lifeboat-") {
			failed = name
		}
	}
	if failed == "" || cloud.Has(failed) {
		t.Errorf("the instance of a failed restore is left: %q of %q", failed, stderr)
	}

	s.managedCancelled(t, cloud)
}

// beginManaged begins a recovery, and returns once its instance is being made.
func (s *site) beginManaged(t *testing.T, cloud *managedtest.Cloud) (run started, instance string) {
	t.Helper()
	s.ask(t, &run, "pitr", "restore", "main", "--at", "latest", "--wait=false")
	instance = "lifeboat-" + strings.ToLower(strings.ReplaceAll(run.ID, ".", "-"))
	eventually(t, time.Minute, instance+" is being made", func() bool { return cloud.Has(instance) })
	return run, instance
}

// managedCancelled cancels recoveries between two looks at their instance, and
// during one: that one fails, and there is no other.
func (s *site) managedCancelled(t *testing.T, cloud *managedtest.Cloud) {
	t.Helper()
	for _, during := range []bool{false, true} {
		release := cloud.Hold()
		run, instance := s.beginManaged(t, cloud)
		s.cancelManaged(t, cloud, run, during)
		eventually(t, time.Minute, "the instance that is being made is to be deleted", func() bool {
			return retried(t, s.temporal(t), run, "DeleteManaged")
		})
		release()
		var got struct{ State, Error string }
		eventually(t, 5*time.Minute, "the run has ended", func() bool {
			s.call(t, http.MethodGet, "/v1/admin/recoveries/"+run.ID, "", &got)
			return got.State != "running" && got.State != ""
		})
		if got.State != "cancelled" {
			t.Errorf("cancelled during a look: %v; the run is %s, %s", during, got.State, got.Error)
		}
		if cloud.Has(instance) {
			t.Errorf("cancelled during a look: %v; the instance is left", during)
		}
	}
}

// cancelManaged cancels a recovery that waits for its instance.
func (s *site) cancelManaged(t *testing.T, cloud *managedtest.Cloud, run started, during bool) {
	t.Helper()
	const waiting = "AwaitManaged"
	eventually(t, time.Minute, "the instance is looked at", func() bool { return retried(t, s.temporal(t), run, waiting) })
	answer := func() {}
	if during {
		answer = cloud.HoldLooks()
		eventually(t, time.Minute, "a look waits for its answer", func() bool { return cloud.HeldLooks() > 0 })
	}
	if err := s.temporal(t).CancelWorkflow(t.Context(), run.WorkflowID, ""); err != nil {
		t.Fatal(err)
	}
	if during {
		eventually(t, time.Minute, "the look is to be cancelled", func() bool {
			return inState(t, s.temporal(t), run, waiting, enumspb.PENDING_ACTIVITY_STATE_CANCEL_REQUESTED)
		})
	}
	answer()
}

// inState reports whether a step of a kind is in a state.
func inState(t *testing.T, c client.Client, run started, kind string, state enumspb.PendingActivityState) bool {
	t.Helper()
	found, err := c.DescribeWorkflowExecution(context.Background(), run.WorkflowID, run.RunID)
	if err != nil {
		t.Fatalf("describe %s: %v", run.WorkflowID, err)
	}
	for _, one := range found.GetPendingActivities() {
		if one.GetActivityType().GetName() == kind && one.GetState() == state {
			return true
		}
	}
	return false
}
