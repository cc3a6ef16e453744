//go:build !slim

package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/lifeboat-dr/lifeboat/internal/engine"
	"github.com/lifeboat-dr/lifeboat/internal/temporalclient"
)

// childDir, when set, makes the test binary a process that runs an engine on
// the folder it names, starts a workflow, and waits to be killed.
const childDir = "LIFEBOAT_TEST_ENGINE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if err := runChild(dir); err != nil {
			fmt.Println("failed:", err)
		}
		return
	}
	m.Run()
}

const (
	journeyQueue    = "journey"
	journeyWorkflow = "journey-1"
)

// journey starts a timer, takes a first step, then a long one.
func journey(ctx workflow.Context) (string, error) {
	timer := workflow.NewTimer(ctx, 2*time.Second)
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: time.Minute,
		HeartbeatTimeout:    time.Second,
		RetryPolicy:         &temporal.RetryPolicy{InitialInterval: 50 * time.Millisecond},
	})
	var first, long string
	if err := workflow.ExecuteActivity(ctx, "First").Get(ctx, &first); err != nil {
		return "", err
	}
	if err := workflow.ExecuteActivity(ctx, "Long").Get(ctx, &long); err != nil {
		return "", err
	}
	if err := timer.Get(ctx, nil); err != nil {
		return "", err
	}
	return "first by " + first + ", long by " + long, nil
}

// steps say who took them; hang makes the long one hang until its process ends.
type steps struct {
	name string
	hang bool
}

func (s steps) First() (string, error) { return s.name, nil }

func (s steps) Long(ctx context.Context) (string, error) {
	if s.hang {
		fmt.Println("hanging")
		for {
			activity.RecordHeartbeat(ctx)
			time.Sleep(50 * time.Millisecond)
		}
	}
	return s.name, nil
}

func startWorker(c client.Client, s steps) (worker.Worker, error) {
	w := worker.New(c, journeyQueue, worker.Options{})
	w.RegisterWorkflowWithOptions(journey, workflow.RegisterOptions{Name: "journey"})
	w.RegisterActivity(s.First)
	w.RegisterActivity(s.Long)
	return w, w.Start()
}

func runChild(dir string) error {
	ctx := context.Background()
	e, err := engine.Start(ctx, engine.Options{Dir: dir})
	if err != nil {
		return err
	}
	c, err := temporalclient.Dial(ctx, temporalclient.Options{Address: e.Address()})
	if err != nil {
		return err
	}
	if _, err := startWorker(c, steps{name: "child", hang: true}); err != nil {
		return err
	}
	_, err = c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: journeyWorkflow, TaskQueue: journeyQueue}, "journey")
	if err != nil {
		return err
	}
	select {}
}

// startChild runs runChild in a process of its own, until its long step hangs.
func startChild(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = child.Process.Kill() })
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		switch line := lines.Text(); {
		case line == "hanging":
			return child
		case strings.HasPrefix(line, "failed:"):
			t.Fatal(line)
		}
	}
	t.Fatal("the child ended before its long step began")
	return nil
}
